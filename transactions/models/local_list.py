"""Local lists: the tags a station may judge by itself (OCPP 1.6 §3.5.2, §5.10, §5.15)."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models import ChargePoint, Command

from .transaction import AuthorizationStatus


class ListedTag(models.Model):
    """A tag as it stands in every local list; what has no `status` is to be taken out of them.

    `revision` is the count of changes at which the tag last changed. So what a station lacks that has everything up to
    revision 7 is what has a higher one: two thousand stations remember one number each, not twenty thousand tags.
    """

    id_tag = models.CharField(_("number (idTag)"), max_length=20)
    status = models.CharField(_("verdict"), max_length=12, choices=AuthorizationStatus, blank=True)
    parent_id_tag = models.CharField(_("group number"), max_length=20, blank=True)
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    revision = models.BigIntegerField(_("revision"), db_index=True)

    class Meta:
        verbose_name = _("listed tag")
        verbose_name_plural = _("listed tags")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(Upper("id_tag"), name="listed_tag_unique")]

    def __str__(self) -> str:
        return self.id_tag


class ListRevision(models.Model):
    """The one row that counts changes of the listed tags; its lock lets one process at a time compare them.

    `tag_count` is how many a full list holds, for those who would have to count them for every station.
    """

    number = models.BigIntegerField(default=0)
    tag_count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)


class LocalList(models.Model):
    """What we know of a station's list, and the publication on its way there.

    `version` is what the station last acknowledged or reported, `last_version` the highest number ever used: a lost
    answer leaves a gap, never the same number twice. `revision` says which tags it holds; None: nobody knows, so
    the next publication is a full one.
    """

    class State(models.TextChoices):
        UP_TO_DATE = "up_to_date", _("up to date")
        PENDING = "pending", _("pending")
        REFUSED = "refused", _("refused")
        NOT_SUPPORTED = "not_supported", _("not supported")
        OFF = "off", _("off")

    class Reason(models.TextChoices):
        """Why the list is in its state; `detail` completes it."""

        NONE = "", ""
        ANSWER = "answer", _("The charger answered %(detail)s.")
        SILENCE = "silence", _("No answer to %(detail)s.")
        NO_LIST = "no_list", _("The charger keeps no list.")
        CONFLICT = "conflict", _("The charger found that its list contradicts a verdict.")
        DISABLED = "disabled", _("The charger does not use its list: LocalAuthListEnabled is false.")
        TOO_MANY = "too_many", _("Not all tags fit (LocalAuthListMaxLength): %(detail)s are left out.")

    charge_point = models.OneToOneField(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="local_list"
    )
    state = models.CharField(_("state"), max_length=13, choices=State, default=State.OFF)
    state_at = models.DateTimeField(_("since"), default=timezone.now)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason, blank=True, default=Reason.NONE)
    detail = models.CharField(max_length=500, blank=True, editable=False)
    version = models.IntegerField(_("version at the charger"), null=True, blank=True)
    last_version = models.IntegerField(_("last version used"), default=0)
    revision = models.BigIntegerField(_("revision at the charger"), null=True, blank=True)
    tag_count = models.PositiveIntegerField(_("tags at the charger"), default=0)
    left_out = models.PositiveIntegerField(_("tags left out"), default=0)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    asked_at = models.DateTimeField(_("version asked"), null=True, blank=True)

    # The publication on its way
    command = models.ForeignKey(
        Command, verbose_name=_("command"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    target = models.BigIntegerField(_("revision on its way"), null=True, blank=True)
    is_full = models.BooleanField(_("full"), default=False)
    position = models.BigIntegerField(_("acknowledged up to"), default=0)
    sent_version = models.IntegerField(_("version on its way"), null=True, blank=True)
    sent_position = models.BigIntegerField(_("sent up to"), default=0)
    was_repeated = models.BooleanField(_("sent in full once more"), default=False)
    silences = models.PositiveSmallIntegerField(_("answers missing"), default=0)
    not_before = models.DateTimeField(_("next attempt"), null=True, blank=True)

    class Meta:
        verbose_name = _("local list")
        verbose_name_plural = _("local lists")
        ordering = ["charge_point__identity"]

    def __str__(self) -> str:
        return str(self.charge_point)

    @property
    def is_on(self) -> bool:
        return self.state != self.State.OFF

    @property
    def explanation(self) -> str:
        """The reason for the state, in a sentence."""
        return str(self.get_reason_display()) % {"detail": self.detail} if self.reason else ""

    def move(self, state: LocalList.State, reason: LocalList.Reason = Reason.NONE, detail: str = "") -> None:
        """Enter a state, or stay in it for another reason; the caller saves."""
        if self.state != state:
            self.state_at = timezone.now()
        self.state, self.reason, self.detail = state, reason, detail[:500]
