"""A page that was opened a while ago: what its form sends when somebody presses its button."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


def sent_by(response: Any, field: str) -> dict[str, str]:
    """The entries of the form that has this field, as a browser sends them if nobody touches it."""
    reader = _Reader()
    reader.feed(response.content.decode())
    return next(form for form in reader.forms if field in form)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = [{}]
        self._area = self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        name = own.get("name", "")
        match tag:
            case "form":
                self.forms.append({})
            case "select":
                self._select = name
            case "option" if self._select and ("selected" in own or self._select not in self.forms[-1]):
                self.forms[-1][self._select] = own["value"]
            case "textarea":
                self._area = name
                self.forms[-1][name] = ""
            case "input" if name and own["type"] not in ("checkbox", "radio"):
                self.forms[-1][name] = own.get("value", "")
            case "input" if "checked" in own:
                self.forms[-1][name] = own.get("value", "on")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
        elif tag == "form":
            self.forms.append({})

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1][self._area] += data.removeprefix("\n")
