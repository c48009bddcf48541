"""Authorize: may this tag charge? (OCPP 1.6 §4.1)."""

from ocpp_gateway.schema import Message
from ocpp_gateway.v16.types import IdTagInfo, IdToken


class AuthorizeRequest(Message, frozen=True, kw_only=True):
    """Authorize.req (OCPP 1.6 §6.1)."""

    id_tag: IdToken


class AuthorizeResponse(Message, frozen=True, kw_only=True):
    """Authorize.conf (OCPP 1.6 §6.2)."""

    id_tag_info: IdTagInfo
