"""What somebody sees who opens a charger's address in a browser."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt  # answers every method with the same sentence and changes nothing
def charger_address(request: HttpRequest) -> HttpResponse:
    """426 for plain HTTP on a charger's address (reliability H19)."""
    text = _("This address is for chargers: it speaks OCPP 1.6 over WebSocket.")
    return HttpResponse(text, status=426, content_type="text/plain; charset=utf-8", headers={"Upgrade": "websocket"})
