"""The REST API as another program uses it."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_BOUNDARY = "----------plugcontrol-third-party"


class Rest:
    """Addresses below /api/v1/; answers are JSON. Every refusal is an AssertionError with its text."""

    def __init__(self, page: str, key: str) -> None:
        self._root, self._key = f"{page}/api/v1/", key

    def get(self, path: str) -> Any:
        return json.loads(self.content(path))

    def find(self, path: str, **wanted: Any) -> Any:
        """The only row of a list that has these values; what a charger answers is stored a moment after it came."""
        deadline = time.monotonic() + 20
        while True:
            rows = self.get(path)["results"]
            found = [row for row in rows if {**row, **wanted} == row]
            if found or time.monotonic() > deadline:
                assert len(found) == 1, rows
                return found[0]
            time.sleep(0.05)

    def content(self, path: str) -> bytes:
        return self._ask(path)

    def post(self, path: str, order: dict[str, Any]) -> Any:
        return json.loads(self._ask(path, json.dumps(order).encode(), "application/json"))

    def patch(self, path: str, changes: dict[str, Any]) -> Any:
        return json.loads(self._ask(path, json.dumps(changes).encode(), "application/json", "PATCH"))

    def post_file(self, path: str, file: bytes, **fields: str) -> Any:
        """As a form does; the file is its field `file`."""
        parts = [_part(f'name="{name}"', value.encode()) for name, value in fields.items()]
        parts.append(_part('name="file"; filename="image.bin"', file))
        body = b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
        return json.loads(self._ask(path, body, f"multipart/form-data; boundary={_BOUNDARY}"))

    def _ask(self, path: str, body: bytes | None = None, content_type: str = "", method: str | None = None) -> bytes:
        headers = {"Authorization": f"Token {self._key}"} | ({"Content-Type": content_type} if content_type else {})
        try:
            request = Request(self._root + path, body, headers, method=method)  # noqa: S310 - loopback
            with urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
                content: bytes = answer.read()
                return content
        except HTTPError as refused:
            with refused:
                raise AssertionError(f"{path}: {refused.code} {refused.read().decode()}") from None


def _part(name: str, content: bytes) -> bytes:
    return f"--{_BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + content + b"\r\n"
