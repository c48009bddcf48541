from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0002_commands'),
    ]

    operations = [
        migrations.AddField(
            model_name='site',
            name='holders_may_start',
            field=models.BooleanField(default=False, help_text="People with a card of their own see this site's chargers and start and stop sessions with it.", verbose_name='tag holders may start sessions'),
        ),
    ]
