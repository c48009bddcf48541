"""SignedUpdateFirmware: UpdateFirmware with a signature to check (Security White Paper ed. 3)."""

from typing import Annotated, Literal

from msgspec import Meta

from ocpp_gateway.schema import Message, Open, in_utc
from ocpp_gateway.v16.types import Count, Integer, PemCertificate, Timestamp, Url

UpdateFirmwareStatus = Literal["Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"]


class Firmware(Message, frozen=True, kw_only=True):
    """FirmwareType: where it is, when to fetch and install it, and the proof that it is the manufacturer's."""

    location: Annotated[Url, Meta(max_length=512)]
    retrieve_date_time: Timestamp
    signing_certificate: PemCertificate
    signature: Annotated[str, Meta(max_length=800)]
    install_date_time: Timestamp | None = None

    def __post_init__(self) -> None:
        in_utc(self, "retrieve_date_time")
        in_utc(self, "install_date_time")


class SignedUpdateFirmwareRequest(Message, frozen=True, kw_only=True):
    """SignedUpdateFirmware.req: SignedFirmwareStatusNotifications repeat `request_id`."""

    request_id: Integer
    firmware: Firmware
    retries: Count | None = None
    retry_interval: Count | None = None


class SignedUpdateFirmwareResponse(Message, frozen=True, kw_only=True):
    """SignedUpdateFirmware.conf; AcceptedCanceled: in place of an update that was running."""

    status: Open[UpdateFirmwareStatus]
