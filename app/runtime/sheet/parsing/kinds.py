"""What a file is, by its content. Its name is not known here."""

import io
from typing import Any

from . import ods, text, xlsx
from .shape import Stop, Table
from .zipped import Parts

_STARTS = (
    (b"%PDF", "pdf"),
    (b"\x89PNG\r\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF8", "picture"),
    (b"II*\x00", "picture"),
    (b"MM\x00*", "picture"),
    (b"Rar!\x1a\x07", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ", "archive"),
)
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IN_ZIP = (
    ("xl/workbook.xml", "xlsx"),
    ("xl/workbook.bin", "xlsb"),
    ("word/document.xml", "document"),
    ("ppt/presentation.xml", "document"),
    ("index/document.iwa", "numbers"),
    ("index.zip", "numbers"),
)
_IN_OLE2 = (
    ("encryptedpackage", "encrypted"),
    ("workbook", "xls"),
    ("book", "xls"),
    ("worddocument", "document"),
    ("powerpoint document", "document"),
)
_OLE2_MACROS = {"_vba_project_cur", "_vba_project", "vba", "macros"}
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"


def table(data: Any, limits: Any) -> Table:
    """`data` is mapped memory, never empty. Raises Stop."""
    head = data[:4096]
    for start, code in _STARTS:
        if head.startswith(start):
            raise Stop(code)
    if (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:8] == b"ftyp":
        raise Stop("picture")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zipped(Parts(data, limits), limits)
    if head.startswith(_OLE2):
        return _ole2(data[:])
    return text.table(data, limits)


def _zipped(parts: Parts, limits: Any) -> Table:
    kind = next((kind for name, kind in _IN_ZIP if name in parts.named), "")
    mime = parts.read("mimetype", 200) if not kind and "mimetype" in parts.named else b""
    if mime.startswith(_ODS):
        return ods.table(parts, limits)
    if mime.startswith(b"application/vnd.oasis"):
        raise Stop("document")
    if kind == "xlsx":
        return xlsx.table(parts, limits)
    raise Stop(kind or "archive")


def _ole2(data: bytes) -> Table:
    from xlrd.compdoc import CompDoc, CompDocError  # type: ignore[import-untyped]

    try:
        names = {it.name.lower() for it in CompDoc(data, logfile=io.StringIO()).dirlist}
    except CompDocError:
        raise Stop("damaged") from None
    kind = next((kind for name, kind in _IN_OLE2 if name in names), "unknown")
    if kind != "xls":
        raise Stop(kind)
    if names & _OLE2_MACROS:
        raise Stop("macros")
    from . import xls  # xlrd costs a tenth of a second

    return xls.table(data)
