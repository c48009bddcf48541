"""API keys: what a program shows instead of a password."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Scope(models.TextChoices):
    """How far a key reaches; each includes the ones before. A ceiling: its user's permissions apply as well."""

    READ = "read", pgettext_lazy("scope", "read")
    COMMAND = "command", _("read and send commands")
    ADMIN = "admin", _("everything its user may")

    def covers(self, needed: Scope) -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(needed)


class ApiKey(models.Model):
    """A secret that stands for a user. Only its SHA-256 is kept: 256 random bits need neither salt nor slow hash."""

    name = models.CharField(_("name"), max_length=100, help_text=_("What uses the key, such as “billing”."))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.CASCADE,
        related_name="api_keys",
        help_text=_("The key may never do more than this user may."),
    )
    scope = models.CharField(_("scope"), max_length=8, choices=Scope, default=Scope.READ)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("begins with"), max_length=12, editable=False)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True, help_text=_("Empty: no end."))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Upper("name"),
                name="api_key_name_unique",
                violation_error_message=_("There is already an API key of this name."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()
