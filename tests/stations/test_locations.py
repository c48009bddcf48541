"""No command sends a station to an address that is none of a file server (reliability H38)."""

from __future__ import annotations

from typing import Any

import pytest

from stations.commands import CommandRefused, queue_command
from stations.forms.firmware_management import GetDiagnostics
from stations.locations import is_location
from stations.masking import masked
from stations.models import Command

from ..conftest import make_station

BAD = [
    *("file:///etc/passwd", "javascript:alert(1)", "gopher://h/x", "//h/x", "h/x", "http:///x", "data:,x", ""),
    "http://[::1/x",
]


@pytest.mark.parametrize("location", ["http://h/x", "HTTPS://h:8000/", "ftp://u:p@h/", "ftps://h", "sftp://[::1]/x"])
def test_file_servers(location: str) -> None:
    assert is_location(location)


def payloads(location: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("GetDiagnostics", {"location": location}),
        ("UpdateFirmware", {"location": location, "retrieveDate": "2026-11-01T00:00:00Z"}),
        ("GetLog", {"log": {"remoteLocation": location}, "logType": "SecurityLog", "requestId": 1}),
        ("SignedUpdateFirmware", {"requestId": 1, "firmware": {"location": location}}),
    ]


@pytest.mark.parametrize("location", BAD)
def test_anything_else_is_refused(db: None, location: str) -> None:
    station = make_station()
    for action, payload in payloads(location):
        with pytest.raises(CommandRefused, match="An address starts with"):
            queue_command(station, action, payload)
    assert not Command.objects.exists()


@pytest.mark.parametrize("password", ["pa/ss", "pa ss", 'pa"ss', "pa\tss"])
def test_credentials_that_no_mask_would_find_are_refused(db: None, password: str) -> None:
    station = make_station()
    for action, payload in payloads(f"ftp://user:{password}@files.local/charger/"):
        with pytest.raises(CommandRefused, match="percent codes"):
            queue_command(station, action, payload)
    assert not Command.objects.exists()


def test_written_as_percent_codes_they_are_taken_and_masked(db: None) -> None:
    command = queue_command(make_station(), *payloads("ftp://user:pa%2Fss@files.local/a file")[0])
    assert masked(command.payload) == {"location": "ftp://user:***@files.local/a file"}


def test_other_commands_may_say_what_they_like(db: None) -> None:
    queue_command(make_station(), "DataTransfer", {"vendorId": "x", "data": "file:///x", "location": "nowhere"})
    assert Command.objects.exists()


@pytest.mark.parametrize("location", ["file:///x", "gopher://h/x"])
def test_a_form_says_so_at_its_field(db: None, location: str) -> None:
    form = GetDiagnostics(data={"location": location})
    assert "location" in form.errors
