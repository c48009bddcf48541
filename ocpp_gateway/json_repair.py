"""Slips that some firmware makes when it writes JSON by hand, put right without guessing.

A member without a value (AEFA Home, lbbrhzn/ocpp#2032) becomes null; a leading, doubled or trailing comma (ZJ Beny,
lbbrhzn/ocpp#1078) and a byte order mark go. Text inside strings is never touched. Linear in the length of the text.
"""

import re

# Possessive, so that an unfinished string fails at once instead of being tried again at every character.
_PIECE = re.compile(r'(?:[,:\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s",:\[\]{}]++)\s*+', re.DOTALL)
#: Asked first: `findall` would step over what fails and try the next quote, and so at every quote up to the end.
_PIECES = re.compile(f"(?:{_PIECE.pattern})*+", re.DOTALL)
_ESCAPE = re.compile(
    r"""\\(?: (u d[89ab][0-9a-f]{2} \\u d[c-f][0-9a-f]{2})  # a whole surrogate pair
          | u (?: d[89a-f][0-9a-f]{2} | 0000 )             # half a pair, or NUL
          | . )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def repair(text: str) -> str | None:
    """The text with such slips put right; None if it has none, or a string in it never ends."""
    pieces = _pieces(text.removeprefix("\ufeff").lstrip())
    if pieces is None:
        return None
    repaired = "".join(_without_slips(pieces))
    return repaired if repaired != text else None


def _pieces(text: str) -> list[str] | None:
    """Strings, words and punctuation, each with the white space that follows it."""
    return _PIECE.findall(text) if _PIECES.fullmatch(text) else None


def _without_slips(pieces: list[str]) -> list[str]:
    kept: list[str] = []
    for piece in pieces:
        mark, before = piece[0], kept[-1][0] if kept else "["
        if mark == "," and before in "[{,":
            continue
        if mark in ",}" and before == ":":
            kept.append("null")
        elif mark in "]}" and before == ",":
            kept.pop()
        kept.append(piece)
    return kept


def escape_unstorable(text: str) -> str:
    r"""JSON in which NUL and half surrogate pairs are six plain characters: PostgreSQL takes neither in a text.

    >>> escape_unstorable(r'"\u0000 \ud83d\ude00 \ud800"')
    '"\\\\u0000 \\ud83d\\ude00 \\\\ud800"'
    """
    storable = text.encode("utf-8", "backslashreplace").decode()
    return _ESCAPE.sub(_kept_or_doubled, storable)


def _kept_or_doubled(escape: re.Match[str]) -> str:
    whole_pair = escape[1] is not None
    return "\\" + escape[0] if len(escape[0]) > 2 and not whole_pair else escape[0]
