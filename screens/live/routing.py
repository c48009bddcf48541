"""Where pages' sockets come in. Only here is the origin checked: chargers send none."""

from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path

from .consumer import live

websocket_urlpatterns = [path("ws/ui/", AllowedHostsOriginValidator(live))]
