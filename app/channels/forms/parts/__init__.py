"""The draft of a channel template, part by part, as forms instead of JSON."""

from app.channels.forms.parts.part import PARTS, Part, field_at, part_of, rows_at, unreadable

__all__ = ["PARTS", "Part", "field_at", "part_of", "rows_at", "unreadable"]
