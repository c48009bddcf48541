"""Authorize: who may charge (OCPP 1.6 §4.1)."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.authorize import AuthorizeRequest, AuthorizeResponse
from transactions.authorization import authorize

from .verdicts import id_tag_info


def handle(call: IncomingCall[AuthorizeRequest]) -> AuthorizeResponse:
    too_long = call.is_repaired("too_long", "idTag")
    verdict = authorize(call.request.id_tag, call.charge_point, at=call.received_at, too_long=too_long)
    return AuthorizeResponse(id_tag_info=id_tag_info(verdict))
