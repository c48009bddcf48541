"""Keys of rows as they stand in addresses and forms."""

from __future__ import annotations


def key_of(text: str) -> int | None:
    """None for what is no key that a database could hold."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
