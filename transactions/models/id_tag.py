"""Tags: who may charge."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models import ChargePoint, Site


class IdTagGroup(models.Model):
    """Tags with the same parentIdTag: they may stop each other's transactions (§3.10)."""

    parent_id_tag = models.CharField(_("group number (parentIdTag)"), max_length=20)
    name = models.CharField(_("name"), max_length=100, blank=True)
    blocked = models.BooleanField(_("blocked"), default=False)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    notes = models.TextField(_("notes"), blank=True)

    class Meta:
        verbose_name = _("tag group")
        verbose_name_plural = _("tag groups")
        ordering = ["parent_id_tag"]
        constraints = [
            models.UniqueConstraint(
                Upper("parent_id_tag"),
                name="id_tag_group_unique",
                violation_error_message=_("There is already a group with this number."),
            )
        ]

    def __str__(self) -> str:
        return self.name or self.parent_id_tag


class IdTagQuerySet(models.QuerySet["IdTag"]):
    def with_number(self, id_tag: str) -> IdTagQuerySet:
        """Tag numbers are compared without regard to case; at most one row matches."""
        return self.filter(id_tag__upper=Upper(models.Value(id_tag)))


class IdTag(models.Model):
    """A card or token, up to 20 opaque characters (§7.28)."""

    id_tag = models.CharField(_("number (idTag)"), max_length=20)
    holder = models.CharField(_("holder"), max_length=100, blank=True)
    group = models.ForeignKey(
        IdTagGroup, verbose_name=_("group"), null=True, blank=True, on_delete=models.PROTECT, related_name="id_tags"
    )
    blocked = models.BooleanField(_("blocked"), default=False)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    max_concurrent = models.PositiveSmallIntegerField(
        _("concurrent sessions"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    note = models.TextField(_("note"), blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("account"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="id_tags",
        help_text=_("The person who sees this tag's sessions as their own."),
    )
    site = models.ForeignKey(
        Site,
        verbose_name=_("managed at site"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="id_tags",
        help_text=_("People of this site manage the tag. Empty: only people of all sites. It charges everywhere."),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)

    objects = IdTagQuerySet.as_manager()

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["id_tag"]
        permissions = [("import_idtag", _("Can import tags")), ("export_idtag", _("Can export tags"))]
        constraints = [
            models.UniqueConstraint(
                Upper("id_tag"),
                name="id_tag_unique",
                violation_error_message=_("There is already a tag with this number."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.holder} ({self.id_tag})" if self.holder else self.id_tag


class UnknownIdTag(models.Model):
    """A tag somebody held to a reader and nobody has entered yet."""

    id_tag = models.CharField(_("number (idTag)"), max_length=200)
    charge_point = models.ForeignKey(ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE)
    count = models.PositiveIntegerField(_("attempts"), default=0)
    first_at = models.DateTimeField(_("first"), default=timezone.now)
    last_at = models.DateTimeField(_("last"), default=timezone.now)
    ignored_at = models.DateTimeField(_("ignored since"), null=True, blank=True)

    class Meta:
        verbose_name = _("unknown tag")
        verbose_name_plural = _("unknown tags")
        ordering = ["-last_at"]
        constraints = [models.UniqueConstraint(fields=["id_tag", "charge_point"], name="unknown_id_tag_unique")]

    def __str__(self) -> str:
        return self.id_tag
