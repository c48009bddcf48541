"""The ASGI application: pages over HTTP, stations over WebSocket. Standard ASGI only, so any server may run it."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plugcontrol.settings")
pages = get_asgi_application()

from ocpp_gateway.routing import websocket_urlpatterns as stations  # noqa: E402 - needs the applications loaded
from plugcontrol.bodies import BodyLimits  # noqa: E402
from screens.live.routing import websocket_urlpatterns as open_pages  # noqa: E402

# No origin or host check around the stations: they send no Origin and often an IP as Host. They come last, for any
# path that is not one of ours is a station's.
application = ProtocolTypeRouter({"http": BodyLimits(pages), "websocket": URLRouter([*open_pages, *stations])})
