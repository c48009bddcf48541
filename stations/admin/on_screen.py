"""Records that people work with elsewhere: their page here says where."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from .pages import M, RecordAdmin


class OnScreen(RecordAdmin[M]):
    """`screen` is the name of the page for people, which takes the record's key."""

    change_form_template = "admin/on_screen.html"
    screen = ""

    def screen_url(self, row: M) -> str:
        return reverse(self.screen, args=[row.pk])

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        row = context.get("original")
        context["screen_url"] = self.screen_url(row) if row else ""
        return super().render_change_form(request, context, *args, **kwargs)
