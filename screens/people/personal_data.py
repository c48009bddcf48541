"""What is stored about one person: given out as a file, or erased. By administrators; one's own file by everybody."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people import audit, personal_data
from people.administration import NotPossible
from people.personal_data import Subject
from stations.downloads import download
from transactions.models import EndedBy, IdTag

from ..pages import Allowed
from .guard import ForAdministrators, administrator, check_may_change, people


class EraseForm(forms.Form):
    """One more movement before something that cannot be undone."""

    sure = forms.BooleanField(label=gettext_lazy("I know that this cannot be undone"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})


class PersonalData(ForAdministrators):
    """Of an account (`kind` "person") or of a card (`kind` "tag"): how much there is, a file of it, and its end."""

    kind = "person"

    def subject(self, pk: int) -> Subject:
        if self.kind == "tag":
            return Subject.of_tag(get_object_or_404(IdTag.objects.select_related("user"), pk=pk))
        return Subject.of_user(get_object_or_404(people(), pk=pk))

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return self.page(self.subject(pk), EraseForm())

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        subject = self.subject(pk)
        check_may_change(request, subject.user)
        if "export" in request.POST:
            return respond_with_data(request, subject)
        form = EraseForm(request.POST)
        if form.is_valid():
            try:
                counts = personal_data.erase(subject, by=administrator(request))
            except NotPossible as refusal:
                form.add_error(None, str(refusal))
            else:
                said = _("Erased. Sessions that belong to nobody now: %(count)d.")
                messages.success(request, said % {"count": counts["sessions"]})
                return redirect("screens:people" if subject.user else "screens:tags")
        return self.page(subject, form, status=422)

    def page(self, subject: Subject, form: EraseForm, status: int = 200) -> HttpResponse:
        sessions = subject.sessions().order_by()
        context = {
            "subject": subject,
            "form": form,
            "session_count": sessions.count(),
            "is_running": sessions.filter(ended_by=EndedBy.OPEN).exists(),
        }
        return TemplateResponse(self.request, "screens/people/personal_data.html", context, status=status)


class OwnData(Allowed):
    """The file of one's own data."""

    permission = ""
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        assert isinstance(request.user, User)  # noqa: S101 - `Allowed` asks who is logged in
        return respond_with_data(request, Subject.of_user(request.user))


def respond_with_data(request: HttpRequest, subject: Subject) -> HttpResponseBase:
    audit.record(audit.Event.DATA_EXPORTED, subject.user or subject.tags[0])
    name = f"plugcontrol-personal-data-{timezone.localdate():%Y-%m-%d}.json"
    return download(request, personal_data.as_json(subject), "application/json", name)
