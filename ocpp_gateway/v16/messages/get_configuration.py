"""GetConfiguration: the station's configuration keys (OCPP 1.6 §5.8)."""

from ocpp_gateway.schema import Message
from ocpp_gateway.v16.types import CiString50, KeyValue


class GetConfigurationRequest(Message, frozen=True, kw_only=True):
    """GetConfiguration.req (OCPP 1.6 §6.23); without keys it means all of them."""

    key: tuple[CiString50, ...] | None = None


class GetConfigurationResponse(Message, frozen=True, kw_only=True):
    """GetConfiguration.conf (OCPP 1.6 §6.24); an absent list is an empty one."""

    configuration_key: tuple[KeyValue, ...] | None = None
    unknown_key: tuple[CiString50, ...] | None = None
