"""Sheets for people: CSV and .xlsx that Excel opens as they are, and reading what people send (SECURITY 36 to 39).

A sheet from outside is never parsed in this process: `reading` hands it to `child.py`, a process that has no keys, no
database and no network of ours, and takes plain rows from it.
"""

from app.runtime.sheet.csv_out import cell, lines
from app.runtime.sheet.growing import Value, growing
from app.runtime.sheet.reading import LIMITS, Book, Cell, Limits, Meta, Row, Unfit, reading
from app.runtime.sheet.xlsx_out import Column, Sheet, workbook

__all__ = [
    "LIMITS",
    "Book",
    "Cell",
    "Column",
    "Limits",
    "Meta",
    "Row",
    "Sheet",
    "Unfit",
    "Value",
    "cell",
    "growing",
    "lines",
    "reading",
    "workbook",
]
