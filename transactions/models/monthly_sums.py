"""Sums of months that are over, so that a report over years does not read a million sessions."""

from django.db import models


class SummedMonth(models.Model):
    """A month whose sums are made, or about to be. They hold from `ready_at` on, until somebody finds them `stale`.

    Whoever changes what lies in a month says so in the same database transaction (`monthly_sums.changed`); the sums are
    then made anew, beside the old ones. `zone` is the time zone whose month it is.
    """

    month = models.DateField()
    zone = models.CharField(max_length=64)
    asked_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    is_stale = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["month", "zone"], condition=models.Q(is_stale=False), name="summed_month_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class MonthlySum(models.Model):
    """Sums of a month: of a tag (`base` None: of none that is known), of a charger, or of one of its days.

    Sessions that have ended count, as a whole, in the month they began: `energy_wh`, `sessions`, `duration_s`.
    `metered_wh` is the energy that flowed in the month, for chargers and days.
    """

    class Kind(models.TextChoices):
        TAG = "tag"
        CHARGER = "charger"
        DAY = "day"

    summed = models.ForeignKey(SummedMonth, on_delete=models.CASCADE, related_name="sums", db_index=False)
    kind = models.CharField(max_length=7, choices=Kind)
    base = models.BigIntegerField(null=True)
    day = models.DateField(null=True)
    energy_wh = models.BigIntegerField(default=0)
    metered_wh = models.BigIntegerField(default=0)
    sessions = models.PositiveIntegerField(default=0)
    duration_s = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["summed", "kind", "base"], name="monthly_sum_of")]

    def __str__(self) -> str:
        return f"{self.summed} {self.kind} {self.base or self.day or ''}"
