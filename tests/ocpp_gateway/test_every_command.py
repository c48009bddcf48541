"""All 26 commands on the wire: accepted, refused in each way the specification knows, CALLERROR, nonsense, silence."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from ocpp_gateway.v16.outgoing import OUTGOING
from stations import commands
from stations.models import Command, CommandStatus
from tests.our_commands import ACCEPTED, PAYLOADS

REFUSALS: dict[str, list[str]] = {
    **{action: ["Rejected"] for action in PAYLOADS},
    "ChangeConfiguration": ["Rejected", "NotSupported"],
    "ClearChargingProfile": ["Unknown"],
    "DataTransfer": ["Rejected", "UnknownMessageId", "UnknownVendorId"],
    "DeleteCertificate": ["Failed", "NotFound"],
    "ExtendedTriggerMessage": ["Rejected", "NotImplemented"],
    "GetConfiguration": [],
    "GetDiagnostics": [],
    "GetInstalledCertificateIds": ["NotFound"],
    "GetLocalListVersion": [],
    "InstallCertificate": ["Failed", "Rejected"],
    "ReserveNow": ["Faulted", "Occupied", "Rejected", "Unavailable"],
    "SendLocalList": ["Failed", "NotSupported", "VersionMismatch"],
    "SetChargingProfile": ["Rejected", "NotSupported"],
    "SignedUpdateFirmware": ["Rejected", "InvalidCertificate", "RevokedCertificate"],
    "TriggerMessage": ["Rejected", "NotImplemented"],
    "UnlockConnector": ["UnlockFailed", "NotSupported"],
    "UpdateFirmware": [],
}
#: An answer that no schema takes: one for actions whose answer has no status, one for the others.
NONSENSE = {
    "GetConfiguration": {"configurationKey": "none"},
    "GetDiagnostics": {"fileName": ["a"]},
    "GetLocalListVersion": {"listVersion": "many"},
    "UpdateFirmware": [],
}
#: What the command promises is awaited while nobody knows that the station refuses.
PROMISING = {
    *("ChangeAvailability", "ExtendedTriggerMessage", "GetDiagnostics", "GetLog", "RemoteStartTransaction"),
    *("RemoteStopTransaction", "Reset", "SignedUpdateFirmware", "TriggerMessage", "UpdateFirmware"),
}


@pytest.fixture
def command(cp, station, stored, ended):
    """`await command(action, answer)`: the row after the station got the command and `answer(call)` happened."""

    async def command(action: str, answer, **options) -> Command:
        row = await sync_to_async(commands.queue_command)(station, action, PAYLOADS[action], **options)
        call = await cp.expects(action, **PAYLOADS[action])
        await answer(call)
        return await ended(row)

    return command


def test_the_tables_name_every_action():
    assert set(PAYLOADS) == set(ACCEPTED) == set(REFUSALS) == set(OUTGOING)


@pytest.mark.parametrize(
    ("action", "answer"), [(action, answer) for action, answers in ACCEPTED.items() for answer in answers]
)
async def test_accepted(command, action, answer):
    row = await command(action, lambda call: call.replies(**answer))
    assert (row.status, row.answer, row.error_code) == (CommandStatus.ACCEPTED, answer, "")
    has_nothing_to_upload = (action, answer) == ("GetDiagnostics", {})
    assert row.effect_status == ("awaited" if action in PROMISING and not has_nothing_to_upload else "")
    assert row.payload == PAYLOADS[action]


@pytest.mark.parametrize(
    ("action", "status"), [(action, status) for action, statuses in REFUSALS.items() for status in statuses]
)
async def test_refused(command, action, status):
    row = await command(action, lambda call: call.replies(status=status))
    assert (row.status, row.answer, row.effect_status) == (CommandStatus.REJECTED, {"status": status}, "")


@pytest.mark.parametrize("action", PAYLOADS)
async def test_callerror(command, action):
    row = await command(action, lambda call: call.fails("NotSupported", "not in this house"))
    assert (row.status, row.error_code, row.error_description) == ("failed", "NotSupported", "not in this house")
    assert (row.answer, row.effect_status) == (None, "")


@pytest.mark.parametrize("action", PAYLOADS)
async def test_a_malformed_answer(command, cp, action):
    nonsense = NONSENSE.get(action, {"status": ["what"]})
    row = await command(action, lambda call: cp.send([3, call.unique_id, nonsense]))
    assert (row.status, row.answer) == (CommandStatus.FAILED, nonsense)
    assert row.error_description.startswith("invalid answer")


@pytest.mark.parametrize("action", PAYLOADS)
async def test_silence(command, action):
    async def say_nothing(_call: Any) -> None:
        pass

    row = await command(action, say_nothing, timeout_s=0)
    assert (row.status, row.answer, row.error_description) == (CommandStatus.TIMED_OUT, None, "")
    assert row.effect_status == ("awaited" if action in PROMISING else "")
