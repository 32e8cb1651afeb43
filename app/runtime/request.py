"""What comes in stays in memory: an uploaded sheet never lies open in a temporary folder (SECURITY 40)."""

from io import BytesIO
from typing import IO

from flask import Request


class HouseRequest(Request):
    """Bodies are bounded (a megabyte; where a door says so, twenty), so memory is where they belong."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()
