from django.apps import AppConfig


class PlugcontrolConfig(AppConfig):
    name = "plugcontrol"
    verbose_name = "plugcontrol"

    def ready(self) -> None:
        from . import history

        history.register()
