import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

ENDED_BY = [
    ("", "running"),
    ("station", "charger"),
    ("superseded", "next session on this connector"),
    ("operator", "operator"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("transactions", "0005_power_history"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Correction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="time")),
                ("actor", models.CharField(max_length=150, verbose_name="who")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("stopped_at", models.DateTimeField(verbose_name="stop")),
                ("meter_stop_wh", models.BigIntegerField(verbose_name="meter stop (Wh)")),
                ("energy_wh", models.BigIntegerField(verbose_name="energy (Wh)")),
                ("stopped_at_before", models.DateTimeField(blank=True, null=True, verbose_name="stop before")),
                (
                    "meter_stop_wh_before",
                    models.BigIntegerField(blank=True, null=True, verbose_name="meter stop before (Wh)"),
                ),
                ("energy_wh_before", models.BigIntegerField(verbose_name="energy before (Wh)")),
                (
                    "ended_by_before",
                    models.CharField(blank=True, choices=ENDED_BY, max_length=10, verbose_name="ended by before"),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "transaction",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="transactions.transaction",
                        verbose_name="transaction",
                    ),
                ),
            ],
            options={
                "verbose_name": "correction",
                "verbose_name_plural": "corrections",
                "ordering": ["id"],
            },
        ),
    ]
