from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChargingProfilesConfig(AppConfig):
    name = "charging_profiles"
    verbose_name = _("Charging profiles")
    default_auto_field = "django.db.models.BigAutoField"
