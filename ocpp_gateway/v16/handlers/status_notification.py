"""StatusNotification: the state of a connector or of the station (OCPP 1.6 §4.9)."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.status_notification import StatusNotificationRequest, StatusNotificationResponse
from stations.models import ChargePointStatus
from stations.services import record_status
from transactions.clock import moment_of
from transactions.services import end_at_free_connector, end_reservations, report_conflict

#: These end a reservation without a word from the station (§5.13).
_ENDS_RESERVATIONS = frozenset({ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE})


def handle(call: IncomingCall[StatusNotificationRequest]) -> StatusNotificationResponse:
    report = call.request
    connector = record_status(
        call.charge_point,
        connector_id=report.connector_id,
        status=report.status,
        error_code=report.error_code,
        reported_at=moment_of(report.timestamp, call.received_at).reported_at,
        received_at=call.received_at,
        info=_text(report.info),
        vendor_id=_text(report.vendor_id),
        vendor_error_code=_text(report.vendor_error_code),
    )
    if connector.status == report.status and report.status in _ENDS_RESERVATIONS:
        end_reservations(connector, call.received_at)
    elif connector.status == report.status == ChargePointStatus.AVAILABLE:
        end_at_free_connector(connector, call.received_at)
    if report.error_code == "LocalListConflict":
        report_conflict(call.charge_point)
    return StatusNotificationResponse()


def _text(reported: str | None) -> str:
    """ABB writes the word "null" (evcc-io/evcc#15808)."""
    return "" if reported is None or reported == "null" else reported
