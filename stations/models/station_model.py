"""What is known about a make of station: settings that hold for all stations of one vendor and model."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from .charge_point import ChargePoint

DEFAULT_TIMEOUT_S = 30


class RecipeChoice(models.TextChoices):
    INHERIT = "", _("as for the vendor or for every charger")
    OWN = "own", _("the one below")
    NONE = "none", _("none")


class StationModel(models.Model):
    """Settings for stations whose BootNotification names this vendor and model, without regard to case.

    A blank model means all of the vendor's, both blank every station there is.
    """

    vendor = models.CharField(_("vendor"), max_length=50, blank=True, help_text=_("Empty: every charger."))
    model = models.CharField(_("model"), max_length=50, blank=True, help_text=_("Empty: every model of the vendor."))
    command_timeout_s = models.PositiveIntegerField(
        _("command time-out (s)"),
        default=DEFAULT_TIMEOUT_S,
        validators=[MinValueValidator(1), MaxValueValidator(600)],
        help_text=_("How long such a charger may take to answer a command. Some need 60 seconds."),
    )

    recipe = models.CharField(
        _("recipe after a boot"),
        max_length=4,
        choices=RecipeChoice,
        blank=True,
        default=RecipeChoice.INHERIT,
        help_text=_("What is sent to such a charger when it has booted: its configuration is read, keys are set."),
    )
    recipe_triggers_status = models.BooleanField(
        _("ask for the state of all connectors"), default=True, help_text=_("The last step of the recipe.")
    )

    class Meta:
        verbose_name = _("charger model")
        verbose_name_plural = _("charger models")
        ordering = ["vendor", "model"]
        constraints = [
            models.UniqueConstraint(
                Upper("vendor"),
                Upper("model"),
                name="station_model_unique",
                violation_error_message=_("There are already settings for this model."),
            ),
            models.CheckConstraint(
                condition=~models.Q(vendor="") | models.Q(model=""),
                name="station_model_needs_vendor",
                violation_error_message=_("A model needs its vendor."),
            ),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.vendor, self.model])) or str(_("every charger"))

    @classmethod
    def of(cls, charge_point: ChargePoint) -> StationModel | None:
        """The most specific settings for a station, if there are any."""
        return cls._fitting(charge_point).last()

    @classmethod
    def all_of(cls, charge_point: ChargePoint) -> list[StationModel]:
        """All settings that fit a station, the most specific last."""
        return list(cls._fitting(charge_point))

    @classmethod
    def _fitting(cls, charge_point: ChargePoint) -> models.QuerySet[StationModel]:
        vendor, model = Upper(models.Value(charge_point.vendor)), Upper(models.Value(charge_point.model))
        rows = cls.objects.alias(upper_vendor=Upper("vendor"), upper_model=Upper("model"))
        fitting = rows.filter(
            models.Q(upper_vendor=vendor, upper_model=model)
            | models.Q(upper_vendor=vendor, model="")
            | models.Q(vendor="")
        )
        return fitting.order_by("upper_vendor", "upper_model")
