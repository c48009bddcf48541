"""GetDiagnostics: the station uploads what it knows about itself (OCPP 1.6 §5.9)."""

from typing import Annotated

from ocpp_gateway.schema import Message, in_utc, tolerate
from ocpp_gateway.v16.types import CiString255, Count, Timestamp, Url


class GetDiagnosticsRequest(Message, frozen=True, kw_only=True):
    """GetDiagnostics.req (OCPP 1.6 §6.25): `location` is a folder, `retry_interval` in seconds."""

    location: Url
    retries: Count | None = None
    retry_interval: Count | None = None
    start_time: Timestamp | None = None
    stop_time: Timestamp | None = None

    def __post_init__(self) -> None:
        in_utc(self, "start_time")
        in_utc(self, "stop_time")


class GetDiagnosticsResponse(Message, frozen=True, kw_only=True):
    """GetDiagnostics.conf (OCPP 1.6 §6.26); without a name nothing will be uploaded. GetLog spells it `filename`."""

    file_name: Annotated[CiString255, tolerate(former_name="filename")] | None = None
