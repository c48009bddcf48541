from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TransfersConfig(AppConfig):
    name = "transfers"
    verbose_name = _("Firmware and files")
    default_auto_field = "django.db.models.BigAutoField"
