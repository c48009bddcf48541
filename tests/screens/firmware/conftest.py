"""Two sites with a charger each and nothing under way; people who may update there, and files to do it with."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from stations.models import ChargePoint, Command, RegistrationStatus
from tests.admin_cast import make_everything
from tests.people import browser, browser_of, person_at
from transfers import firmware_files
from transfers.models import Campaign, FirmwareFile, FirmwareUpdate, StationFile, Transfer


def make_station(number: int) -> ChargePoint:
    rows = make_everything(number)
    for model in (StationFile, FirmwareUpdate, Campaign, Transfer, FirmwareFile, Command):
        model.objects.all().delete()
    station: ChargePoint = rows["stations.chargepoint"]
    station.model, station.firmware_version = "TAC", "1.0"
    station.registration_status = RegistrationStatus.ACCEPTED
    station.save()
    return station


@pytest.fixture
def station(db: None) -> ChargePoint:
    return make_station(1)


@pytest.fixture
def other(station: ChargePoint) -> ChargePoint:
    """A charger at another site."""
    return make_station(2)


@pytest.fixture
def operator(station: ChargePoint) -> Client:
    return browser("operator")


@pytest.fixture
def local(station: ChargePoint) -> Client:
    """An operator of the first site only."""
    return browser_of(person_at("operator", station.site))  # type: ignore[arg-type]


@pytest.fixture
def firmware(station: ChargePoint) -> FirmwareFile:
    return make_firmware()


def make_firmware(**columns: Any) -> FirmwareFile:
    image = ContentFile(b"image", name="image.bin")
    return firmware_files.store(image, **{"name": "Spring", "version": "2.0", **columns})


def text_of(response: Any) -> str:
    """A page's text, whatever its status."""
    if response.streaming:
        return b"".join(response.streaming_content).decode()
    return str(response.content.decode())
