"""DataTransfer: vendor messages (OCPP 1.6 §4.3). No vendor is known yet, and the enum's word wins over the prose's."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.data_transfer import DataTransferRequest, DataTransferResponse


def handle(call: IncomingCall[DataTransferRequest]) -> DataTransferResponse:
    return DataTransferResponse(status="UnknownVendorId")
