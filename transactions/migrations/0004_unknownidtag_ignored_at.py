from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("transactions", "0003_tag_owner")]

    operations = [
        migrations.AddField(
            model_name="unknownidtag",
            name="ignored_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="ignored since"),
        ),
    ]
