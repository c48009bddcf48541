"""ClearCache: the station forgets what it remembers of tags (OCPP 1.6 §5.4)."""

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import GenericStatus


class ClearCacheRequest(Message, frozen=True, kw_only=True):
    """ClearCache.req (OCPP 1.6 §6.11)."""


class ClearCacheResponse(Message, frozen=True, kw_only=True):
    """ClearCache.conf (OCPP 1.6 §6.12); Rejected also where there is no cache."""

    status: Open[GenericStatus]
