"""GetLog: the station uploads a log (Security White Paper ed. 3)."""

from typing import Annotated, Literal

from msgspec import Meta

from ocpp_gateway.schema import Message, Open, in_utc, tolerate
from ocpp_gateway.v16.types import CiString255, Count, Integer, Timestamp, Url

LogType = Literal["DiagnosticsLog", "SecurityLog"]
LogStatus = Literal["Accepted", "Rejected", "AcceptedCanceled"]


class LogParameters(Message, frozen=True, kw_only=True):
    """Where a log goes, and which part of it."""

    remote_location: Annotated[Url, Meta(max_length=512)]
    oldest_timestamp: Timestamp | None = None
    latest_timestamp: Timestamp | None = None

    def __post_init__(self) -> None:
        in_utc(self, "oldest_timestamp")
        in_utc(self, "latest_timestamp")


class GetLogRequest(Message, frozen=True, kw_only=True):
    """GetLog.req: LogStatusNotifications repeat `request_id`; `retry_interval` in seconds."""

    log: LogParameters
    log_type: LogType
    request_id: Integer
    retries: Count | None = None
    retry_interval: Count | None = None


class GetLogResponse(Message, frozen=True, kw_only=True):
    """GetLog.conf; AcceptedCanceled: in place of an upload that was running. GetDiagnostics spells it `fileName`."""

    status: Open[LogStatus]
    filename: Annotated[CiString255, tolerate(former_name="fileName")] | None = None
