"""manage.py simulate."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from simulator import Hardware, Override
from stations.management.commands.simulate import Command, _overrides


async def simulate(central, *arguments: str) -> str:
    out = StringIO()
    await asyncio.to_thread(call_command, "simulate", "--url", central.url, *arguments, stdout=out)
    return out.getvalue()


async def test_several_stations_have_their_sessions(central):
    out = await simulate(
        central, "--count", "3", "--prefix", "T-", "--sessions", "1", "--speed", "5000", "--id-tag", "CAFE"
    )

    assert set(central.desks) == {"T-0001", "T-0002", "T-0003"}
    assert len(central.payloads("StopTransaction")) == 3
    assert "T-0001 connector 1: Charging" in out
    assert out.splitlines()[-1].startswith("3 sessions, ")


async def test_the_demo_is_stations_of_three_kinds(central):
    out = await simulate(central, "--demo", "--sessions", "1", "--speed", "20000", "--faults", "0", "--quiet")

    assert {p["chargePointModel"] for p in central.payloads("BootNotification")} == {
        "Wallbox 3.7",
        "Double 22",
        "Fast 150",
    }
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED])
async def test_a_refusing_address_ends_with_one_sentence(central, monkeypatch, status):
    monkeypatch.setattr("stations.management.commands.simulate.ATTEMPTS", 1)
    central.status = status
    with pytest.raises(CommandError, match=f"HTTP {status.value}"):
        await simulate(central, "--identity", "CP1", "--sessions", "1", "--password", "secret")
    assert central.headers[0]["Authorization"] == "Basic Q1AxOnNlY3JldA=="


async def test_options_that_make_no_sense_are_refused(central):
    with pytest.raises(CommandError, match="1 to 20 characters"):
        await simulate(central, "--id-tag", "X" * 21)
    with pytest.raises(CommandError, match="ws://"):
        await asyncio.to_thread(call_command, "simulate", "--url", "http://localhost/")


@pytest.mark.parametrize(
    ("answer", "override"),
    [
        ("Reset=Rejected", Override(payload={"status": "Rejected"})),
        ('GetConfiguration={"unknownKey":["X"]}', Override(payload={"unknownKey": ["X"]})),
        ("Reset=silence", Override(silent=True)),
    ],
)
def test_answers_on_request(answer, override):
    action, _, wish = answer.partition("=")
    parsed = (
        Command()
        .create_parser("manage.py", "simulate")
        .parse_args(["--answer", answer, "--answer-delay", f"{action}=2", "--answer-delay", "ClearCache=1.5"])
    )

    assert Override.read(wish) == override
    assert _overrides(parsed.answer, parsed.answer_delay) == {
        action: override.after(2),
        "ClearCache": Override(delay_s=1.5),
    }


def test_an_error_on_request():
    assert str(Override.read("error:InternalError").payload) == "InternalError: as requested"


@pytest.mark.parametrize("wish", ["Reset", "Reset=", "Heartbeat=Accepted", "Reset={"])
async def test_answers_that_make_no_sense(central, wish):
    with pytest.raises(CommandError):
        await simulate(central, "--answer", wish)


async def test_delays_that_make_no_sense(central):
    with pytest.raises(CommandError, match="less than 0"):
        await simulate(central, "--answer-delay", "Reset=-1")


@pytest.mark.parametrize(("option", "transfers"), [((), True), (("--no-files",), False)])
def test_files_are_transferred_unless_told_otherwise(option, transfers):
    command = Command(stdout=StringIO())
    options = vars(command.create_parser("manage.py", "simulate").parse_args([*option]))
    assert command._station("CP1", Hardware(), options).transfers_files is transfers
