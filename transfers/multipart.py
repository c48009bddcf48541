"""The one file in a multipart/form-data body (RFC 7578), as it comes: Django's parser wants the whole body at hand."""

from __future__ import annotations

from email.message import Message
from email.parser import HeaderParser

MAX_HEADER_BYTES = 16 * 1024
MAX_BOUNDARY = 200
#: Fields before the file. Reading their headers costs time that chargers wait for.
MAX_PARTS = 32


class Malformed(Exception):
    """The body is not what its Content-Type says."""


def boundary_of(content_type: str) -> bytes | None:
    """The boundary if a body is multipart/form-data; None for any other. Raises Malformed if it is missing."""
    header = Message()
    header["Content-Type"] = content_type
    if header.get_content_type() != "multipart/form-data":
        return None
    try:
        boundary = header.get_boundary() or ""
    except ValueError:  # claims to be written in an encoding in which it is not
        boundary = ""
    if not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isascii():
        raise Malformed("no boundary")
    return boundary.encode()


def _file_name(headers: Message) -> str:
    """Empty for none. A name may claim to be written in any of Python's encodings (RFC 2231)."""
    try:
        return headers.get_filename() or ""
    except ValueError:
        raise Malformed("its file has no readable name") from None


class FilePart:
    """Feed it the body; what it returns is the content of the first part that is a file, and nothing else.

    A file is a part with a file name, or with a Content-Type of its own.
    """

    def __init__(self, boundary: bytes) -> None:
        self.file_name = ""
        self.is_whole = False
        self._boundary = b"\r\n--" + boundary
        # the first boundary has no line break before it
        self._waiting = bytearray(b"\r\n")
        self._in_headers = False
        self._in_file = False
        self._parts = 0

    def feed(self, piece: bytes) -> bytes:
        """Raises Malformed."""
        if self.is_whole:
            return b""
        self._waiting += piece
        content = bytearray()
        while self._step(content):
            pass
        return bytes(content)

    def _step(self, content: bytearray) -> bool:
        """Move on by one boundary or one part's headers; False once more bytes are needed."""
        return self._read_headers() if self._in_headers else self._read_to_boundary(content)

    def _read_to_boundary(self, content: bytearray) -> bool:
        if self.is_whole:
            return False
        at = self._waiting.find(self._boundary)
        # what may be the beginning of a boundary has to wait
        end = at if at >= 0 else max(0, len(self._waiting) - len(self._boundary) + 1)
        if self._in_file:
            content += self._waiting[:end]
        del self._waiting[:end]
        if at < 0:
            return False
        del self._waiting[: len(self._boundary)]
        self.is_whole, self._in_file = self._in_file, False
        self._in_headers = not self.is_whole
        return self._in_headers

    def _read_headers(self) -> bool:
        if self._waiting.startswith(b"--"):
            raise Malformed("no file in it")
        end = self._waiting.find(b"\r\n\r\n")
        if end < 0:
            if len(self._waiting) > MAX_HEADER_BYTES:
                raise Malformed("headers without end")
            return False
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Malformed("too many fields before the file")
        headers = HeaderParser().parsestr(self._waiting[:end].decode("utf-8", "replace").lstrip())
        del self._waiting[: end + 4]
        self._in_headers = False
        self.file_name = _file_name(headers)
        self._in_file = bool(self.file_name) or "Content-Type" in headers
        return True
