"""The program that parses a sheet, in a process that has nothing to lose (SECURITY 37).

    python -I child.py LIMITS < sheet > lines

LIMITS is `reading.Limits` as JSON. Standard input is a file that can be mapped. Each line of the output is JSON:
{"meta": {…}} before the rows and again after them, {"rows": [[number, …], [[cell, …], …]]} in between, or
{"unfit": [code, values]}, after which nothing comes. Output without a second meta is not whole.

Run by its path: nothing of `app` can be imported here, only the standard library, python_calamine, xlrd and `parsing`.
"""

import gc
import json
import mmap
import resource
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

AT_ONCE = 500
"""Rows in a line, at most."""
WEIGHT = 1_000_000
"""Characters after which a line is full, whatever the number of its rows."""


def confine(limits: SimpleNamespace) -> None:
    """From here on this process can neither grow, nor write a file, nor go on for ever, nor leave a dump."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(what, (most, most))


def say(**line: object) -> None:
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()


def weight(number: int, cells: list[Any], limits: SimpleNamespace, stop: Any) -> int:
    """Characters of a row. A cell that is too long stops the reading."""
    try:
        found = len("".join(cells))
    except TypeError:  # not only text
        found = sum([len(it) for it in cells if it.__class__ is str])
    if found > limits.cell_chars:
        for column, it in enumerate(cells, 1):
            if it.__class__ is str and len(it) > limits.cell_chars:
                raise stop("long", row=number, column=column, limit=limits.cell_chars)
    return found


def lines(table: Any, shape: Any, limits: SimpleNamespace) -> Iterator[tuple[list[int], list[list[Any]]]]:
    """The rows, packed for the way. Too many are counted to their end, to say how many there are."""
    numbers: list[int] = []
    rows: list[list[Any]] = []
    count = size = total = 0
    for number, cells in shape.visible(table, limits):
        count += 1
        if count > limits.rows + 1:  # and its header
            continue
        numbers.append(number)
        rows.append(cells)
        size += weight(number, cells, limits, shape.Stop)
        if len(rows) >= AT_ONCE or size > WEIGHT:
            yield numbers, rows
            numbers, rows, total, size = [], [], total + size, 0
            if total > limits.text_chars:
                raise shape.Stop("complex")
    if count > limits.rows + 1:
        raise shape.Stop("rows", count=count - 1, limit=limits.rows)
    if not count:
        raise shape.Stop("blank")
    if rows:
        yield numbers, rows


def main() -> None:
    gc.disable()  # a million cells, and no cycle among them
    limits = SimpleNamespace(**json.loads(sys.argv[1]))
    confine(limits)
    sys.path.append(str(Path(__file__).resolve().parent))
    shape, kinds = import_module("parsing.shape"), import_module("parsing.kinds")
    try:
        table = kinds.table(mmap.mmap(0, 0, access=mmap.ACCESS_READ), limits)
        told = False
        for numbers, rows in lines(table, shape, limits):
            if not told:
                say(meta=asdict(table.meta))
                told = True
            say(rows=[numbers, rows])
        say(meta=asdict(table.meta))
    except shape.Stop as stop:
        say(unfit=[stop.code, stop.values])
    except (MemoryError, RecursionError):
        say(unfit=["complex", {}])
    except BrokenPipeError:  # nobody reads on
        raise SystemExit(1) from None
    except Exception:  # noqa: BLE001 - whatever a parser stumbles over, the file is what it stumbled over
        say(unfit=["damaged", {}])


if __name__ == "__main__":
    main()
