"""The cast of the transaction tests: a station that speaks to the services, one minute after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction as database

from stations.models import ChargePoint
from stations.write_batch import Names, WriteBatch, write_batch
from transactions import services
from transactions.authorization import Verdict
from transactions.models import DailyEnergy, IdTag, MeterValue, Transaction
from transactions.samples import Reading, Sample

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def reading(at: datetime | None, *values: str | int | Sample, context: str | None = None) -> Reading:
    """Plain values are energy registers in Wh."""
    samples = [v if isinstance(v, Sample) else Sample(str(v), context=context) for v in values]
    return Reading(at, samples)


class TalkingStation:
    """Says what a station says; `now` is when it arrives, the times it says are its own."""

    def __init__(self, charge_point: ChargePoint) -> None:
        self.charge_point = charge_point
        self.now = minute(24 * 60)

    def starts(self, id_tag: str = "CAFE", **said: Any) -> tuple[Transaction, Verdict]:
        message = {
            "connector_id": 1,
            "tag_too_long": False,
            "meter_start_wh": 1000,
            "timestamp": NOON,
            "reservation_id": None,
            "received_at": self.now,
        }
        return services.start_transaction(self.charge_point, id_tag=id_tag, **{**message, **said})

    def stops(self, transaction: Transaction | int, **said: Any) -> tuple[Transaction | None, Verdict | None]:
        message = {
            "meter_stop_wh": 2000,
            "timestamp": minute(60),
            "id_tag": None,
            "tag_too_long": False,
            "reason": None,
            "readings": [],
            "received_at": self.now,
        }
        number = transaction if isinstance(transaction, int) else transaction.pk
        return services.stop_transaction(self.charge_point, transaction_id=number, **{**message, **said})

    def meters(self, *readings: Reading, transaction: Transaction | int | None = None, connector_id: int = 1) -> None:
        number = transaction.pk if isinstance(transaction, Transaction) else transaction
        services.record_meter_values(
            self.charge_point,
            connector_id=connector_id,
            transaction_id=number,
            readings=list(readings),
            received_at=self.now,
        )


@contextmanager
def one_batch(stations: list[ChargePoint] | None = None, transactions: list[int] | None = None) -> Iterator[WriteBatch]:
    """What the gateway's writer puts around the CALLs of many stations."""
    starting = [Names(station.pk, "StartTransaction") for station in stations or []]
    ending = [Names(0, "StopTransaction", number) for number in transactions or []]
    with database.atomic(), write_batch([*starting, *ending]) as batch:
        yield batch


def stored(transaction: Transaction) -> Transaction:
    return Transaction.objects.get(pk=transaction.pk)


def energy_of_days() -> int:
    return sum(DailyEnergy.objects.values_list("energy_wh", flat=True))


def registers() -> list[int | None]:
    return list(MeterValue.objects.order_by("timestamp", "pk").values_list("energy_wh", flat=True))


@pytest.fixture
def station(db: None) -> TalkingStation:
    return TalkingStation(ChargePoint.objects.create(identity="CP1"))


@pytest.fixture
def neighbour(db: None) -> TalkingStation:
    return TalkingStation(ChargePoint.objects.create(identity="CP2"))


@pytest.fixture
def tag(db: None) -> IdTag:
    return IdTag.objects.create(id_tag="CAFE", holder="Anna")
