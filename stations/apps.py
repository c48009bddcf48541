from django.apps import AppConfig
from django.db.models import CharField
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _


class StationsConfig(AppConfig):
    name = "stations"
    verbose_name = _("Chargers")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # `identity__upper=Upper(Value(x))` compares in the database's own idea of case and uses the expression index,
        # which `__iexact` cannot on SQLite.
        CharField.register_lookup(Upper)
