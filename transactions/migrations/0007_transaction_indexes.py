from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("transactions", "0006_corrections")]

    operations = [
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(Upper("id_tag"), models.F("started_at"), name="transaction_tag_started"),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(fields=["started_at"], condition=~models.Q(flags=[]), name="transaction_remarks"),
        ),
    ]
