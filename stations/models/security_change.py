"""A password or a security profile on its way to a station: the old and the new hold until it shows which it has."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .charge_point import ChargePoint
from .command import Command


class SecurityChange(models.Model):
    """What one ChangeConfiguration of AuthorizationKey or SecurityProfile is about to change (white paper A01, A05).

    While it is open, `credential_hash` lets the station in beside its present one. It ends when the station speaks on a
    line with the new one, or when it is certain that the station does not have it.
    """

    class Kind(models.TextChoices):
        KEY = "key", _("Password")
        PROFILE = "profile", _("Security profile")

    class State(models.TextChoices):
        ASKED = "asked", _("Waiting for the charger's answer")
        ACCEPTED = "accepted", _("Accepted, not used yet")
        UNCERTAIN = "uncertain", _("Answer lost: both are valid")
        DONE = "done", _("In use")
        ROLLED_BACK = "rolled_back", _("Rolled back")
        SUPERSEDED = "superseded", _("Replaced by a later one")

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="security_changes"
    )
    command = models.OneToOneField(
        Command, verbose_name=_("command"), on_delete=models.CASCADE, related_name="security_change"
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.ASKED)
    credential_kind = models.CharField(_("credential"), max_length=8, blank=True)
    credential_hash = models.CharField(_("credential hash"), max_length=255, blank=True)
    security_profile = models.PositiveSmallIntegerField(_("security profile"), null=True, blank=True)
    old_seen = models.PositiveIntegerField(
        _("came with the old one"), default=0, help_text=_("How often the charger came back with the old one since.")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("security change")
        verbose_name_plural = _("security changes")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["charge_point"], name="security_change_open", condition=models.Q(ended_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.get_state_display()}"

    @property
    def is_stuck(self) -> bool:
        """The station said that it has the new one, and keeps coming with the old one: it may need a reset."""
        return self.state == self.State.ACCEPTED and self.old_seen > 0
