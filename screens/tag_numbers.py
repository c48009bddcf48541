"""Numbers of tags in what stations and commands say: in full only for those who keep tags."""

from __future__ import annotations

import re

from people.access import Access

from .templatetags.screens import masked_number

#: Also in JSON that is text within JSON, where each quote has backslashes; bounded, for hostile text.
_NUMBER = re.compile(r'("(?:parent)?idTag\\{0,15}"\s{0,9}:\s{0,9}\\{0,15}")((?:[^"\\]|\\[^"\\]){0,255})', re.IGNORECASE)


def hide_tags(text: str, access: Access) -> str:
    """JSON text, whole or torn, with the values of idTag and parentIdTag masked as the tag `idtag` does."""
    if access.somewhere("transactions.change_idtag"):
        return text
    return _NUMBER.sub(lambda found: f"{found[1]}{masked_number(found[2])}", text)
