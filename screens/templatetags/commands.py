"""Commands in pages: their life in words, their payloads as JSON, the way to send them again."""

from __future__ import annotations

import json
from typing import Any

from django import template

from stations import story
from stations.masking import masked

from ..commands.offers import again_url, title_of
from ..tag_numbers import hide_tags

register = template.Library()
register.filter("story", story.story)
register.filter("life", story.life)
register.filter("outcome", story.outcome)
register.filter("effect_of", story.effect_of)
register.filter("is_over", story.is_over)
register.filter("again_url", again_url)
register.filter("title_of", title_of)

#: Of what a station or an expert wrote; the rest is in the administration's record.
MAX_CHARACTERS = 100_000


@register.simple_tag(takes_context=True)
def pretty_json(context: Any, value: Any) -> str:
    """JSON, parsed or as text, indented, with secrets masked; numbers of tags too, for those who only look.

    Text that is not JSON stays as it is.
    """
    shown = hide_tags(_indented(value), context["request"].access)
    return shown if len(shown) <= MAX_CHARACTERS else f"{shown[:MAX_CHARACTERS]}…"


def _indented(value: Any) -> str:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return str(value)
    text = json.dumps(masked(value), indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair, which no page can hold
