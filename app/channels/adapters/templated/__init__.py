"""Channels that are described, not programmed: request templates, a signing recipe, response paths, closed tables."""

from app.channels.adapters.templated.adapter import Templated, adapter_class, adapter_of
from app.channels.adapters.templated.checking import flaws, flaws_without_samples
from app.channels.adapters.templated.description import Description
from app.channels.adapters.templated.parsing import Broken, Flaw, dump, line_of, parse, pretty, read
from app.channels.adapters.templated.warning import warnings

__all__ = [
    "Broken",
    "Description",
    "Flaw",
    "Templated",
    "adapter_class",
    "adapter_of",
    "dump",
    "flaws",
    "flaws_without_samples",
    "line_of",
    "parse",
    "pretty",
    "read",
    "warnings",
]
