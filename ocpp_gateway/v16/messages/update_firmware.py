"""UpdateFirmware: the station fetches and installs a firmware (OCPP 1.6 §5.19)."""

from ocpp_gateway.schema import Message, in_utc
from ocpp_gateway.v16.types import Count, Timestamp, Url


class UpdateFirmwareRequest(Message, frozen=True, kw_only=True):
    """UpdateFirmware.req (OCPP 1.6 §6.55): fetched not before `retrieve_date`, `retry_interval` in seconds."""

    location: Url
    retrieve_date: Timestamp
    retries: Count | None = None
    retry_interval: Count | None = None

    def __post_init__(self) -> None:
        in_utc(self, "retrieve_date")


class UpdateFirmwareResponse(Message, frozen=True, kw_only=True):
    """UpdateFirmware.conf (OCPP 1.6 §6.56): no verdict, FirmwareStatusNotifications tell."""
