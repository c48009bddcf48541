"""Forms of a tag and of a group."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.access import Access
from stations.forms.old_pages import OldPageForm
from transactions.models import IdTag, IdTagGroup

from .fields import MomentField, NamedField


def valid_until() -> MomentField:
    return MomentField(label=gettext_lazy("Valid until"), required=False, help_text=gettext_lazy("Empty: always."))


def groups_for(access: Access, permission: str) -> QuerySet[IdTagGroup]:
    """Groups a person may put tags into: all, or those that tags of their sites are in already."""
    if access.everywhere(permission):
        return IdTagGroup.objects.all()
    return IdTagGroup.objects.filter(pk__in=access.id_tags(permission).exclude(group=None).values("group"))


class TagForm(OldPageForm):
    """A tag, as far as the person may fill it in.

    A new tag's number loses stray blanks, unless a reader reported it with them (`initial`); whether it is taken is
    asked as authorization asks, without regard to case. A known tag keeps its number: its sessions name it.
    """

    group = NamedField(
        key="parent_id_tag",
        name="name",
        missing=gettext_lazy("There is no such group."),
        label=gettext_lazy("Group"),
        required=False,
        help_text=gettext_lazy("Number or name of a group. Its members may stop each other’s sessions."),
    )
    user = NamedField(
        key="username",
        name="email",
        missing=gettext_lazy("There is no such user."),
        label=gettext_lazy("Account"),
        required=False,
        help_text=gettext_lazy("The person who sees this tag’s sessions as their own."),
    )
    expires_at = valid_until()

    class Meta:
        model = IdTag
        fields = ("id_tag", "holder", "group", "site", "expires_at", "max_concurrent", "blocked", "user", "note")
        labels = {
            "id_tag": gettext_lazy("Number"),
            "holder": gettext_lazy("Holder"),
            "site": gettext_lazy("Managed at site"),
            "max_concurrent": gettext_lazy("Sessions at once"),
            "blocked": gettext_lazy("Blocked"),
            "note": gettext_lazy("Note"),
        }
        widgets = {"note": forms.Textarea(attrs={"rows": 3}), "id_tag": forms.TextInput(attrs={"class": "mono"})}

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        self.is_new = self.instance.pk is None
        self.permission = "transactions.add_idtag" if self.is_new else "transactions.change_idtag"
        if self.is_new:
            number: Any = self.fields["id_tag"]
            number.strip = False  # see clean_id_tag
        else:
            del self.fields["id_tag"]
        self._offer_groups()
        self._offer_sites()
        self._offer_people()

    def _offer_groups(self) -> None:
        field: Any = self.fields["group"]
        own = Q(pk=self.instance.group_id)
        field.rows = IdTagGroup.objects.filter(own | Q(pk__in=groups_for(self.access, self.permission).values("pk")))
        if self.instance.group is not None:
            self.initial["group"] = self.instance.group.parent_id_tag

    def _offer_sites(self) -> None:
        """Whoever works at some sites only enters tags for one of them."""
        field: Any = self.fields["site"]
        field.queryset = self.access.sites(self.permission)
        field.required = not self.access.everywhere(self.permission)
        field.empty_label = None if field.required else gettext_lazy("All sites")

    def _offer_people(self) -> None:
        if not self.access.everywhere("auth.view_user"):
            del self.fields["user"]
            return
        field: Any = self.fields["user"]
        field.rows = User.objects.filter(Q(is_active=True) | Q(pk=self.instance.user_id))
        if self.instance.user is not None:
            self.initial["user"] = self.instance.user.get_username()

    def clean_id_tag(self) -> str:
        number: str = self.cleaned_data["id_tag"]
        number = number if number == self.initial.get("id_tag") else number.strip()
        if not number:
            raise ValidationError(_("Give the tag’s number."))
        known = IdTag.objects.all().with_number(number).first()
        if known is None:
            return number
        if not self.access.id_tags().filter(pk=known.pk).exists():
            raise ValidationError(_("This number belongs to a tag of another site."))
        if known.archived_at is not None:
            raise ValidationError(_("This tag is archived: %(tag)s. Restore it instead.") % {"tag": known})
        raise ValidationError(_("There is already a tag with this number: %(tag)s.") % {"tag": known})


class GroupForm(OldPageForm):
    expires_at = valid_until()

    class Meta:
        model = IdTagGroup
        fields = ("parent_id_tag", "name", "expires_at", "blocked", "notes")
        labels = {
            "parent_id_tag": gettext_lazy("Number"),
            "name": gettext_lazy("Name"),
            "blocked": gettext_lazy("Blocked"),
            "notes": gettext_lazy("Notes"),
        }
        help_texts = {
            "parent_id_tag": gettext_lazy("Up to 20 characters; chargers know the group by it."),
            "blocked": gettext_lazy("No tag of the group may charge."),
        }
        widgets = {"notes": forms.Textarea(attrs={"rows": 3})}
