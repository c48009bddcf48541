"""Commands: what was sent, who sent it, what came back and what followed."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import ngettext

from people.access import Access
from stations.commands import cancel_command
from stations.models import Command

from ..lists import ListPage
from ..pages import Allowed, ObjectPage, back
from .filters import CommandFilters
from .sending import SEND, way_back

VIEW = "stations.view_command"


def visible(access: Access, permission: str = VIEW) -> QuerySet[Command]:
    return access.narrow(Command.objects.all(), permission, "charge_point__site")


class CommandList(ListPage):
    permission = VIEW
    template_name = "screens/commands/list.html"
    part = "screens/commands/_list.html"
    filterset_class = CommandFilters
    sorts = {"created": ("-created_at", "-pk")}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part, "commands": self.part}

    def get_rows(self) -> QuerySet[Command]:
        return visible(self.access).select_related("charge_point")


class CommandPage(ObjectPage):
    """A command's life; the part with the life itself is live, here and where others include it."""

    permission = VIEW
    template_name = "screens/commands/command.html"
    context_object_name = "command"

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {f"command-{self.kwargs['pk']}": "screens/commands/_progress.html"}

    def get_queryset(self) -> QuerySet[Command]:
        return visible(self.access).select_related("charge_point", "batch")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(way_back=way_back(self.request), **kwargs)


class CancelCommands(Allowed):
    """Takes back those of the named `commands` that have not been sent. Raises 404 for what the reader cannot see."""

    permission = SEND
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        commands = self._named()
        if not all(self.access.on(SEND, command.charge_point) for command in commands):
            raise PermissionDenied
        self._say(sum(cancel_command(command) for command in commands), len(commands))
        return back(request, reverse("screens:commands"))

    def _named(self) -> list[Command]:
        try:
            keys = {uuid.UUID(key) for key in self.request.POST.getlist("commands")}
        except ValueError as error:
            raise Http404 from error
        commands = list(visible(self.access).select_related("charge_point").filter(pk__in=keys))
        if not commands or len(commands) != len(keys):
            raise Http404
        return commands

    def _say(self, cancelled: int, named: int) -> None:
        if cancelled:
            done = ngettext("%(count)d command was cancelled.", "%(count)d commands were cancelled.", cancelled)
            messages.success(self.request, done % {"count": cancelled})
        if cancelled < named:
            late = ngettext(
                "Too late for %(count)d command: it is sent or over.",
                "Too late for %(count)d commands: they are sent or over.",
                named - cancelled,
            )
            messages.warning(self.request, late % {"count": named - cancelled})
