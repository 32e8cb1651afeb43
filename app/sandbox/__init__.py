"""The third party of the demo and the tests: a program of its own that speaks three manners over real HTTP.

It shares the kernel with the house and nothing else; nobody imports it. It keeps its own books of what it was asked and
what it paid, so that two sides can be counted against each other. It misbehaves on request: `faults.py`.
The interface documents of its three companies and its control door are in `README.md` beside this file.
"""
