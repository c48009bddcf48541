"""Any WebSocket path that is not one of ours is a station's."""

from django.urls import re_path

from .consumers import ChargePointConsumer

websocket_urlpatterns = [re_path(r"", ChargePointConsumer.as_asgi())]
