from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PlugcontrolConfig(AppConfig):
    name = "plugcontrol"
    verbose_name = "plugcontrol"

    def ready(self) -> None:
        from . import roles

        post_migrate.connect(roles.synchronise, dispatch_uid="plugcontrol.roles")
