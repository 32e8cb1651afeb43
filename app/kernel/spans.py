"""Spans of time as people write them down, one after the other: `10 秒、30 秒、1 分钟`, `10s, 1 min`."""

import re

_SPAN = re.compile(
    r"\s*([0-9]{1,7})\s*(秒钟?|分钟?|小?时|天|seconds?|s|minutes?|min|m|hours?|h|days?|d)\s*(?:[、，,;；]|(?<=\s)|\Z)",
    re.ASCII | re.IGNORECASE,
)
_SIZES = {"秒": 1, "分": 60, "小": 3600, "时": 3600, "天": 86_400, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def read(text: str) -> tuple[int, ...] | None:
    """Seconds; None, where it is something else, or nobody can know which unit was meant."""
    found, at, text = [], 0, text.strip()
    while at < len(text):
        span = _SPAN.match(text, at)
        if span is None:
            return None
        found.append(int(span[1]) * _SIZES[span[2][0].lower()])
        at = span.end()
    return tuple(found)
