"""A zip of XML, checked before anybody else opens it: what its headers say is compared, never believed."""

import re
import zlib
from collections.abc import Iterator
from itertools import islice
from struct import Struct
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from .shape import Stop

_LOCAL = Struct("<4s22xHH")
_STORED, _DEFLATED = 0, 8
_PIECE = 1 << 20
_SMALL = 10 * 1024 * 1024
"""Bytes below which the ratio of an entry says nothing."""
_OVERLAP = 16
_DTD = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)")
_NOT_XML = ("xl/media/", "xl/embeddings/", "pictures/", "basic/", "thumbnails/")
"""Folders that no reader of sheets takes XML from; an SVG picture may have its DOCTYPE there."""


class Parts:
    """`named`: the entries by their names in lower case, as calamine looks them up. Raises Stop."""

    def __init__(self, data: Any, limits: Any) -> None:
        self.data, self.limits = data, limits
        # Before ZipFile makes an object of each. A directory that lies about its length is found here too.
        if sum(1 for _ in islice(re.finditer(rb"PK\x01\x02", data), 2 * limits.entries + 1)) > 2 * limits.entries:
            raise Stop("complex")
        try:
            infos = ZipFile(data).infolist()
        except (BadZipFile, ValueError, OSError, NotImplementedError):
            raise Stop("damaged") from None
        if len(infos) > limits.entries:
            raise Stop("complex")
        if any(it.flag_bits & 1 for it in infos):
            raise Stop("encrypted")
        self.named = {it.filename.replace("\\", "/").lower(): it for it in infos}
        if len(self.named) != len(infos):  # two readers might read two different ones
            raise Stop("damaged")
        self.inflated: dict[str, int] = {}

    def check(self, but: str) -> None:
        """Inflate and look at every entry except the one that will be read to its end anyway."""
        for name in self.named:
            if name != but:
                for _ in self.pieces(name, is_xml=name.endswith((".xml", ".rels")) and not name.startswith(_NOT_XML)):
                    pass

    def read(self, name: str, most: int) -> bytes:
        """A whole small entry. Larger than `most` bytes, it is not what it should be."""
        found = b""
        for piece in self.pieces(name, is_xml=name != "mimetype"):
            found += piece
            if len(found) > most:
                raise Stop("complex")
        return found

    def pieces(self, name: str, *, is_xml: bool = True) -> Iterator[bytes]:
        """The entry, inflated by counting. XML without a DTD and in UTF-8 only: what we look at is what a parser sees."""
        info = self.named.get(name)
        if info is None:
            raise Stop("damaged")
        count = crc = 0
        tail = b""
        for piece in self._inflate(info):
            if is_xml and not count:
                self._must_be_utf8(piece[:400])
            count += len(piece)
            crc = zlib.crc32(piece, crc)
            self.inflated[name] = count
            if sum(self.inflated.values()) > self.limits.inflated_bytes or (
                count > _SMALL and count > self.limits.ratio * max(info.compress_size, 1)
            ):
                raise Stop("bomb")
            if is_xml:
                if _DTD.search(piece) or _DTD.search(tail + piece[:_OVERLAP]):
                    raise Stop("dtd")
                tail = (tail + piece[-_OVERLAP:])[-_OVERLAP:]
            yield piece
        if count != info.file_size or crc != info.CRC:
            raise Stop("damaged")

    def _must_be_utf8(self, head: bytes) -> None:
        said = _ENCODING.search(head)
        if b"\0" in head or (said and said[1].lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii")):
            raise Stop("damaged")

    def _inflate(self, info: ZipInfo) -> Iterator[bytes]:
        at = info.header_offset
        head = self.data[at : at + _LOCAL.size]
        if len(head) != _LOCAL.size or info.compress_type not in (_STORED, _DEFLATED):
            raise Stop("damaged")
        mark, name_bytes, extra_bytes = _LOCAL.unpack(head)
        begin = at + _LOCAL.size + name_bytes + extra_bytes
        end = begin + info.compress_size
        if mark != b"PK\x03\x04" or end > len(self.data):
            raise Stop("damaged")
        if info.compress_type == _STORED:
            for it in range(begin, end, _PIECE):
                yield self.data[it : min(it + _PIECE, end)]
            return
        inflate = zlib.decompressobj(-15)
        try:
            for it in range(begin, end, _PIECE):
                given = self.data[it : min(it + _PIECE, end)]
                while given:
                    if piece := inflate.decompress(given, _PIECE):
                        yield piece
                    given = inflate.unconsumed_tail
            while piece := inflate.decompress(b"", _PIECE):
                yield piece
        except zlib.error:
            raise Stop("damaged") from None
