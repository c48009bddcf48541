"""DataTransfer: vendor messages (OCPP 1.6 §4.3). The enum's word for an unknown vendor wins over the prose's."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.data_transfer import DataTransferRequest, DataTransferResponse
from ocpp_gateway.v16.vendors import answer


def handle(call: IncomingCall[DataTransferRequest]) -> DataTransferResponse:
    return answer(call)
