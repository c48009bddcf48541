"""Pages as text."""

from __future__ import annotations

import re
from typing import Any

HOSTILE = "<svg/onload=alert(1)>"
RIGHT_TO_LEFT = "\u202eevil\u202c"


def text_of(response: Any) -> str:
    """The page's source with single blanks."""
    return " ".join(response.content.decode().split())


def words_of(response: Any) -> str:
    """What somebody reads: without tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text_of(response)).split())


def rows_of(response: Any) -> list[str]:
    """The table's rows as somebody reads them."""
    body = response.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in body.split("</tr>")[:-1]]
