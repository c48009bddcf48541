import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0003_site_holders_may_start'),
        ('transactions', '0002_commands'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='idtag',
            name='site',
            field=models.ForeignKey(blank=True, help_text='People of this site manage the tag. Empty: only people of all sites. It charges everywhere.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='id_tags', to='stations.site', verbose_name='managed at site'),
        ),
        migrations.AddField(
            model_name='idtag',
            name='user',
            field=models.ForeignKey(blank=True, help_text="The person who sees this tag's sessions as their own.", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='id_tags', to=settings.AUTH_USER_MODEL, verbose_name='account'),
        ),
    ]
