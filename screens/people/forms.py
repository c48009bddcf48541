"""Forms about people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from people.administration import global_role
from people.models import Membership
from stations.forms.old_pages import OldPageForm
from stations.models import Site

from .words import ROLES_IN_WORDS


def _choice(name: Any, meaning: Any) -> SafeString:
    return format_html('<b>{}</b> <span class="meaning">{}</span>', name, meaning)


class PersonForm(OldPageForm):
    """Name and role for all sites; `role` is one of ROLES_IN_WORDS."""

    role = forms.ChoiceField(label=_("Role"), required=False, widget=forms.RadioSelect)

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name")
        labels = {"username": _("Name to log in with")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        role: Any = self.fields["role"]
        role.choices = [(value, _choice(*words)) for value, words in ROLES_IN_WORDS.items()]
        if self.instance.pk:
            role.initial = global_role(self.instance)
        self.fields["username"].widget.attrs |= {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}

    def role_shown(self) -> str:
        """What the page says of the role beside its buttons, which stand one by one."""
        return self["role"].as_hidden(only_initial=True) if self.instance.pk else ""

    def clean_username(self) -> str:
        """A name that differs from another's by case only would be mistaken for it."""
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("There is already a person of this name."))
        return username


class _Memberships(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    @cached_property
    def _sites(self) -> list[tuple[Any, str]]:
        """Asked for once, not for each line."""
        return [("", "---------"), *((site.pk, site.name) for site in Site.objects.all())]

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["site"].choices = self._sites

    def clean(self) -> None:
        """Refuses a second role at a site where somebody else has given the person one meanwhile."""
        super().clean()
        shown = [form.instance.pk for form in self.initial_forms]
        others = Membership.objects.filter(user=self.instance.pk).exclude(pk__in=shown)
        taken = set(others.values_list("site", flat=True))
        for form in self.forms:
            site = getattr(form, "cleaned_data", {}).get("site")
            if site is not None and site.pk in taken:
                form.add_error("site", _("This person already has a role at this site."))


MembershipFormSet = forms.inlineformset_factory(
    User,
    Membership,
    form=OldPageForm,
    formset=_Memberships,
    fields=("site", "role"),
    extra=1,
    can_delete=True,
    max_num=500,
)


def names_a_site(memberships: Any) -> bool:
    """Whether a valid formset leaves the person a role at one site at least."""
    kept = [form for form in memberships.forms if form not in memberships.deleted_forms]
    return any(form.instance.site_id for form in kept)


class TagNumberForm(forms.Form):
    """Which tag is a person's own."""

    number = forms.CharField(
        label=_("Tag number"), max_length=20, widget=forms.TextInput({"class": "mono", "autocomplete": "off"})
    )
