"""The ASGI application: pages over HTTP, stations over WebSocket. Standard ASGI only, so any server may run it."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plugcontrol.settings")
pages = get_asgi_application()

from ocpp_gateway.routing import websocket_urlpatterns as stations  # noqa: E402 - needs the applications loaded
from plugcontrol.bodies import BodyLimits  # noqa: E402
from plugcontrol.client_certificates import Proxies  # noqa: E402
from screens.live.routing import websocket_urlpatterns as open_pages  # noqa: E402
from stations.courtesy import beside_stations  # noqa: E402
from transfers.http import FileTransfers  # noqa: E402


async def pages_beside_stations(scope: Any, receive: Any, send: Any) -> None:
    """Pages are made in threads of this process."""
    with beside_stations():
        await pages(scope, receive, send)


# No origin or host check around the stations: they send no Origin and often an IP as Host. They come last, for any
# path that is not one of ours is a station's.
application = Proxies(
    ProtocolTypeRouter(
        {"http": FileTransfers(BodyLimits(pages_beside_stations)), "websocket": URLRouter([*open_pages, *stations])}
    )
)
