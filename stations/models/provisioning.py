"""What a station should be configured like: templates per model, recipes after a boot and the runs of these."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..masking import is_secret_key
from .charge_point import ChargePoint
from .station_model import StationModel

#: Keys that have a procedure of their own (`stations.rotation`), different for each charger.
_OWN_PROCEDURE = frozenset({"SECURITYPROFILE"})
MAX_VALUE_LENGTH = 500


def check_shared_key(key: str) -> None:
    """ValidationError for a key that must not have the same value on many chargers."""
    if is_secret_key(key) or key.upper() in _OWN_PROCEDURE:
        raise ValidationError(_("This key is changed charger by charger, on the charger's page."))


class SharedKey(models.Model):
    """A configuration key of all stations of a model."""

    station_model = models.ForeignKey(StationModel, verbose_name=_("charger model"), on_delete=models.CASCADE)
    key = models.CharField(_("key"), max_length=50, validators=[check_shared_key])

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key


class TemplateKey(SharedKey):
    """The value a configuration key should have; a model's comes before its vendor's and that of every charger."""

    value = models.CharField(_("value"), max_length=MAX_VALUE_LENGTH, blank=True)

    class Meta:
        verbose_name = _("template key")
        verbose_name_plural = _("template: the values these chargers should have")
        ordering = ["key"]
        default_related_name = "template_keys"
        constraints = [
            models.UniqueConstraint(
                "station_model",
                Upper("key"),
                name="template_key_unique",
                violation_error_message=_("This key is listed twice."),
            )
        ]


class RecipeKey(SharedKey):
    """A key the recipe sets after a boot."""

    position = models.PositiveSmallIntegerField(_("order"), default=0)
    values_text = models.TextField(
        _("values"),
        help_text=_("One per line. If the charger rejects the first, the next is tried."),
    )

    class Meta:
        verbose_name = _("recipe key")
        verbose_name_plural = _("recipe: keys set after a boot")
        ordering = ["position", "id"]
        default_related_name = "recipe_keys"
        constraints = [
            models.UniqueConstraint(
                "station_model",
                Upper("key"),
                name="recipe_key_unique",
                violation_error_message=_("This key is listed twice."),
            )
        ]

    @property
    def values(self) -> list[str]:
        """The values to try, in order; a blank field means the empty value."""
        return [line.strip() for line in self.values_text.splitlines() if line.strip()] or [""]

    def clean(self) -> None:
        if any(len(value) > MAX_VALUE_LENGTH for value in self.values):
            raise ValidationError({"values_text": _("A value has at most 500 characters.")})


class RecipeRun(models.Model):
    """One run of a recipe after one boot; what it has sent are its commands, found by their idempotency keys."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        INTERRUPTED = "interrupted", _("Interrupted")
        SUPERSEDED = "superseded", _("The charger booted again")

    charge_point = models.ForeignKey(
        ChargePoint, verbose_name=_("charger"), on_delete=models.CASCADE, related_name="recipe_runs"
    )
    station_model = models.ForeignKey(
        StationModel, verbose_name=_("charger model"), null=True, on_delete=models.SET_NULL, related_name="recipe_runs"
    )
    booted_at = models.DateTimeField(_("boot"))
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.RUNNING)
    refused = models.JSONField(_("refused keys"), default=list, blank=True)
    created_at = models.DateTimeField(_("started"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("recipe run")
        verbose_name_plural = _("recipe runs")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "booted_at"], name="recipe_run_once_per_boot"),
        ]
        indexes = [models.Index(fields=["ended_at"], name="recipe_run_open", condition=models.Q(ended_at=None))]

    def __str__(self) -> str:
        return f"{self.charge_point}: {self.get_state_display()}"
