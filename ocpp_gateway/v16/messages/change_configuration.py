"""ChangeConfiguration: a configuration key gets a value (OCPP 1.6 §5.3)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import CiString50, CiString500

ConfigurationStatus = Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]


class ChangeConfigurationRequest(Message, frozen=True, kw_only=True):
    """ChangeConfiguration.req (OCPP 1.6 §6.9); every value is text, `true` and `false` included."""

    key: CiString50
    value: CiString500


class ChangeConfigurationResponse(Message, frozen=True, kw_only=True):
    """ChangeConfiguration.conf (OCPP 1.6 §6.10).

    RebootRequired: stored, and in force after a reset. NotSupported: no such key. Rejected: read-only, or not a value.
    """

    status: Open[ConfigurationStatus]
