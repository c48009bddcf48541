import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0006_no_close_frame"),
    ]

    operations = [
        migrations.CreateModel(
            name="LineSwap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="time")),
                ("old_address", models.CharField(max_length=64, verbose_name="former address")),
                ("new_address", models.CharField(max_length=64, verbose_name="new address")),
                (
                    "charge_point",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="line_swaps",
                        to="stations.chargepoint",
                        verbose_name="charger",
                    ),
                ),
            ],
            options={
                "verbose_name": "takeover of a line",
                "verbose_name_plural": "takeovers of lines",
                "ordering": ["id"],
                "indexes": [models.Index(fields=["charge_point", "at"], name="line_swap_recent")],
            },
        ),
    ]
