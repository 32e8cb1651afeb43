"""Pages of sheets, for the rooms above: their doors, the check page, the empty sheet, the place one stands at."""

from app.uploads.pages.blank import XLSX, blank, in_words, send_csv, send_xlsx
from app.uploads.pages.check import Room, chosen_account, lead_on, show_upload
from app.uploads.pages.doors import open_doors
from app.uploads.pages.place import Place, held_account

__all__ = [
    "XLSX",
    "Place",
    "Room",
    "blank",
    "chosen_account",
    "held_account",
    "in_words",
    "lead_on",
    "open_doors",
    "send_csv",
    "send_xlsx",
    "show_upload",
]
