"""One station's update: the command on the wire, what its words make of it, and what the clock does meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from stations import commands
from stations.commands import CommandRefused, Origin
from stations.models import (
    ChargePoint,
    ChargePointStatus,
    Command,
    CommandSource,
    CommandStatus,
    Connector,
    StationModel,
)
from stations.write_batch import Names, write_batch
from tests.conftest import make_station
from tests.fake_charge_point import FakeChargePoint, OurCall
from transfers import deadlines, updates
from transfers.failures import failure_text
from transfers.models import FirmwareFile, FirmwareUpdate, Transfer
from transfers.progress import is_same_version, saw_boot, saw_progress

from .firmware import EC_KEY as KEY
from .firmware import IMAGE, certificate_of, make_firmware, signature_of

State, Failure = FirmwareUpdate.State, FirmwareUpdate.Failure
ACME = {"chargePointVendor": "Acme", "chargePointModel": "Wall 22"}
HOUR = timedelta(hours=1)


class Box:
    """A station on version 4.2.0 that is updated to 4.3.1."""

    def __init__(
        self,
        connect: Callable[..., Awaitable[FakeChargePoint]],
        stored: Callable[[Callable[[], Any]], Awaitable[Any]],
    ) -> None:
        self._connect, self.stored = connect, stored
        self.update = FirmwareUpdate()
        self.firmware = FirmwareFile()

    async def comes(self) -> None:
        """Open a line, or another one."""
        self.cp = await self._connect("CP1")

    async def begins(self, *, signed: bool = False, image_signed: bool | None = None, **options: Any) -> OurCall:
        """Begin an update; the CALL that comes."""
        self.firmware = await self.stored(
            lambda: make_firmware(signed=signed if image_signed is None else image_signed)
        )
        self.update = await self.stored(
            lambda: updates.begin_update(_station(), self.firmware, signed=signed, **options)
        )
        return await self.cp.hears()

    async def is_under_way(self, **options: Any) -> None:
        """Begun, accepted, and so far known to us."""
        call = await self.begins(**options)
        await self.answers(call, **({"status": "Accepted"} if options.get("signed") else {}))

    async def answers(self, call: OurCall, **payload: Any) -> None:
        await call.replies(**payload)
        await commands.wait_for(call.unique_id, 10)
        await self.ticks()

    async def ticks(self, after: timedelta = timedelta()) -> int:
        return await self.stored(lambda: deadlines.check(timezone.now() + after))

    async def says(self, *words: str) -> None:
        for word in words:
            assert await self.cp.call("FirmwareStatusNotification", status=word) == {}

    async def says_signed(self, *words: str, **more: Any) -> None:
        for word in words:
            assert await self.cp.call("SignedFirmwareStatusNotification", status=word, **more) == {}

    async def boots(self, version: str = "4.3.1") -> None:
        assert (await self.cp.boots(**ACME, firmwareVersion=version))["status"] == "Accepted"

    async def row(self) -> FirmwareUpdate:
        rows = FirmwareUpdate.objects.select_related("charge_point", "firmware", "command", "transfer")
        return await self.stored(lambda: rows.get(pk=self.update.pk))

    async def state(self) -> tuple[str, str]:
        row = await self.row()
        return row.state, row.failure


def _station() -> ChargePoint:
    return ChargePoint.objects.get(identity="CP1")


@pytest.fixture
async def box(station, connect, stored) -> Box:
    box = Box(connect, stored)
    await box.comes()
    await box.boots("4.2.0")
    return box


async def shape(box: Box) -> tuple[str, str, str]:
    row = await box.row()
    return row.state, row.version_before, row.version_after


# The command


async def test_the_command_names_an_address_that_the_row_forgets(box):
    call = await box.begins()
    assert call.action == "UpdateFirmware"
    assert set(call.payload) == {"location", "retrieveDate"}
    assert call.payload["location"].endswith("/acme-4.3.1.bin")
    assert parse_datetime(call.payload["retrieveDate"]) <= timezone.now()
    row = await box.row()
    assert (row.state, row.tries, row.version_before) == (State.ASKED, 1, "4.2.0")
    assert row.transfer.command_id == row.command_id
    token = call.payload["location"].split("/")[-2]
    assert token not in str(row.command.payload)


async def test_a_signed_update_carries_its_proofs(box):
    later, latest = timezone.now() + HOUR, timezone.now() + 2 * HOUR
    call = await box.begins(signed=True, retrieve_at=later, install_at=latest)
    row, firmware = await box.row(), call.payload["firmware"]
    assert call.action == "SignedUpdateFirmware"
    assert call.payload["requestId"] == row.request_id
    assert firmware["signature"] == box.firmware.signature
    assert firmware["signingCertificate"].strip() == box.firmware.signing_certificate
    assert abs(parse_datetime(firmware["retrieveDateTime"]) - later) < timedelta(seconds=1)
    assert abs(parse_datetime(firmware["installDateTime"]) - latest) < timedelta(seconds=1)
    assert row.transfer.expires_at > later + timedelta(hours=23)


async def test_the_same_key_means_the_same_update(box):
    origin = Origin(CommandSource.API, actor="script")
    await box.begins(origin=origin, idempotency_key="k")
    again = await box.stored(lambda: updates.begin_update(_station(), box.firmware, origin=origin, idempotency_key="k"))
    assert again == box.update
    assert await box.stored(Transfer.objects.count) == 1
    assert await box.cp.is_silent()


async def refusal(box: Box, firmware: FirmwareFile, **options: Any) -> str:
    def begin() -> str:
        with pytest.raises(CommandRefused) as caught:
            updates.begin_update(_station(), firmware, **options)
        return str(caught.value)

    before = await box.stored(lambda: (FirmwareUpdate.objects.count(), Transfer.objects.count()))
    words = await box.stored(begin)
    assert await box.stored(lambda: (FirmwareUpdate.objects.count(), Transfer.objects.count())) == before
    assert await box.cp.is_silent()
    return words


async def test_a_second_update_is_refused_until_the_first_is_over(box):
    await box.is_under_way()
    assert "is being updated" in await refusal(box, box.firmware)
    await box.says("DownloadFailed")
    await box.stored(lambda: updates.begin_update(_station(), box.firmware))


async def test_firmware_of_another_vendor_or_model_is_refused(box):
    other = await box.stored(lambda: make_firmware("1", vendor="Zenith"))
    assert "is for Zenith" in await refusal(box, other)
    other = await box.stored(lambda: make_firmware("2", vendor="acme", model="Wall 11"))
    assert "is a Acme Wall 22" in await refusal(box, other)
    fits = await box.stored(lambda: make_firmware("3", vendor="ACME", model="wall 22"))
    await box.stored(lambda: updates.begin_update(_station(), fits))


async def test_what_cannot_be_done_is_refused_in_words(box):
    unsigned = await box.stored(make_firmware)
    assert "no signature" in await refusal(box, unsigned, signed=True)
    assert "Only a signed update" in await refusal(box, unsigned, install_at=timezone.now() + HOUR)
    assert "30 days" in await refusal(box, unsigned, retrieve_at=timezone.now() + timedelta(days=31))
    await box.stored(lambda: FirmwareFile.objects.update(archived_at=timezone.now()))
    archived = await box.stored(lambda: FirmwareFile.objects.get(pk=unsigned.pk))
    assert "is archived" in await refusal(box, archived)
    gone = await box.stored(lambda: make_firmware("9"))
    await box.stored(lambda: gone.file.storage.delete(gone.file.name))
    assert "upload it again" in await refusal(box, gone)


async def test_a_certificate_that_has_expired_since_is_not_sent(box):
    firmware = await box.stored(lambda: make_firmware(signed=True))
    expired = certificate_of(KEY, begins_in=-30, ends_in=-1)
    await box.stored(lambda: FirmwareFile.objects.update(signing_certificate=expired))
    firmware = await box.stored(lambda: FirmwareFile.objects.get(pk=firmware.pk))
    assert "expired on" in await refusal(box, firmware, signed=True)


async def test_an_offline_station_is_told_about_at_once_or_waited_for(box):
    await box.cp.disconnect()
    firmware = await box.stored(make_firmware)
    box.update = await box.stored(lambda: updates.begin_update(_station(), firmware))
    assert (box.update.state, box.update.failure) == (State.FAILED, Failure.NOT_SENT)
    assert "was offline" in failure_text(await box.row())
    until = timezone.now() + timedelta(days=2)
    box.update = await box.stored(lambda: updates.begin_update(_station(), firmware, valid_until=until))
    await box.ticks()
    row = await box.row()
    assert (row.state, row.command.status) == (State.ASKED, CommandStatus.QUEUED)
    assert row.transfer.expires_at > until + timedelta(hours=23)


# What the station says


async def test_installed_then_a_boot_with_the_new_version(box):
    await box.is_under_way()
    assert await box.state() == (State.SCHEDULED, "")
    await box.says("Downloading")
    assert await box.state() == (State.DOWNLOADING, "")
    await box.says("Downloaded")
    assert await box.state() == (State.DOWNLOADED, "")
    await box.says("Installing", "Installed")
    assert await box.state() == (State.INSTALLING, "")
    await box.boots()
    row = await box.row()
    assert await shape(box) == (State.INSTALLED, "4.2.0", "4.3.1")
    assert [word for word, _ in row.steps] == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert row.ended_at is not None
    assert row.transfer.expires_at <= timezone.now()


async def test_a_boot_with_the_new_version_before_installed(box):
    await box.is_under_way()
    await box.says("Downloading", "Downloaded", "Installing")
    await box.boots()
    assert await shape(box) == (State.INSTALLED, "4.2.0", "4.3.1")
    await box.says("Installed")
    row = await box.row()
    assert (row.state, row.status) == (State.INSTALLED, "Installed")


async def test_a_boot_loader_that_says_nothing(box):
    await box.is_under_way()
    await box.boots("v4.3.1 ")
    assert (await box.state())[0] == State.INSTALLED


async def test_installed_without_the_new_version_is_not_believed(box):
    await box.is_under_way()
    await box.says("Installed")
    await box.boots("4.2.9")
    assert await box.ticks(timedelta(minutes=14)) == 0
    assert await box.ticks(timedelta(minutes=16)) == 1
    assert await shape(box) == (State.UNVERIFIED, "4.2.0", "4.2.9")
    assert "reports version 4.2.9, not 4.3.1" in failure_text(await box.row())
    await box.boots()  # restarted by hand
    assert await box.state() == (State.INSTALLED, "")


async def test_a_file_installed_over_itself_needs_the_stations_word(box):
    await box.boots("4.3.1")
    await box.is_under_way()
    await box.boots("4.3.1")
    assert (await box.state())[0] == State.SCHEDULED
    await box.says("Installing", "Installed")
    assert (await box.state())[0] == State.INSTALLED


@pytest.mark.parametrize(
    ("word", "failure", "words"),
    [
        ("DownloadFailed", Failure.DOWNLOAD, "never asked for the file"),
        ("InstallationFailed", Failure.INSTALLATION, "could not install"),
    ],
)
async def test_failures(box, word, failure, words):
    await box.is_under_way()
    await box.says("Downloading", word)
    assert await box.state() == (State.FAILED, failure)
    row = await box.row()
    assert words in failure_text(row)
    assert row.transfer.expires_at <= timezone.now()


async def test_a_failed_download_tells_what_we_saw_of_it(box):
    await box.is_under_way()
    await box.says("Downloading", "DownloadFailed")

    async def text(**seen: Any) -> str:
        await box.stored(lambda: Transfer.objects.update(**seen))
        return failure_text(await box.row())

    assert "broke off" in await text(first_used_at=timezone.now())
    assert "discarded it" in await text(done_at=timezone.now())
    assert "the address had expired" in await text(problem=Transfer.Problem.EXPIRED)


async def test_signed_words_and_their_numbers(box):
    await box.is_under_way(signed=True)
    number = (await box.row()).request_id
    await box.says_signed("DownloadScheduled", "Downloading", requestId=number)
    await box.says_signed("InvalidSignature", requestId=number + 1)  # of an update that is not ours
    assert await box.state() == (State.DOWNLOADING, "")
    await box.says_signed("Downloaded", "SignatureVerified", "InstallScheduled", requestId=number)
    assert await box.state() == (State.DOWNLOADED, "")
    await box.says_signed("Installing", "InstallRebooting")  # without: the newest
    assert await box.state() == (State.INSTALLING, "")
    await box.boots()
    assert await box.state() == (State.INSTALLED, "")


@pytest.mark.parametrize(
    ("word", "failure"),
    [("InvalidSignature", Failure.SIGNATURE), ("InstallVerificationFailed", Failure.INSTALLATION)],
)
async def test_signed_failures(box, word, failure):
    await box.is_under_way(signed=True)
    await box.says_signed("Downloading", "Downloaded", word, requestId=(await box.row()).request_id)
    assert await box.state() == (State.FAILED, failure)


async def test_words_about_nothing_are_only_kept(box):
    await box.says("Downloading", "Idle", "Installed")
    await box.boots("5")
    assert await box.stored(FirmwareUpdate.objects.count) == 0


async def test_words_before_the_command_left_are_not_its_own(box):
    await box.cp.disconnect()
    firmware, until = await box.stored(make_firmware), timezone.now() + HOUR
    box.update = await box.stored(lambda: updates.begin_update(_station(), firmware, valid_until=until))
    said = {"kind": "firmware", "status": "DownloadFailed", "request_id": None, "at": timezone.now()}
    await box.stored(lambda: saw_progress(_station(), **said))
    assert await box.state() == (State.ASKED, "")


async def test_a_vendors_own_word_is_a_sign_of_life(box):
    await box.is_under_way()
    await box.says("Downloading")
    due_at = (await box.row()).due_at
    await box.says("Unpacking")
    row = await box.row()
    assert (row.state, row.status) == (State.DOWNLOADING, "Unpacking")
    assert row.due_at > due_at


# What it answers


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("Rejected", Failure.REFUSED),
        ("InvalidCertificate", Failure.CERTIFICATE),
        ("RevokedCertificate", Failure.CERTIFICATE),
    ],
)
async def test_a_refused_signed_update(box, answer, failure):
    call = await box.begins(signed=True)
    await box.answers(call, status=answer)
    assert await box.state() == (State.FAILED, failure)


async def test_a_station_that_takes_signed_updates_only(box):
    call = await box.begins(image_signed=True)
    await call.fails("NotSupported")
    await commands.wait_for(call.unique_id, 10)
    first = (await box.row()).transfer
    await box.ticks()
    call = await box.cp.hears()
    assert call.action == "SignedUpdateFirmware"
    row = await box.row()
    assert (row.state, row.signed, row.tries) == (State.ASKED, True, 1)
    assert call.payload["requestId"] == row.request_id
    assert await box.stored(lambda: Transfer.objects.get(pk=first.pk).expires_at) <= timezone.now()
    await box.answers(call, status="Accepted")
    await box.says_signed("Downloading", requestId=row.request_id)
    assert await box.state() == (State.DOWNLOADING, "")


@pytest.mark.parametrize(("code", "words"), [("NotSupported", "signed files only"), ("InternalError", "InternalError")])
async def test_an_error_for_an_answer(box, code, words):
    call = await box.begins()
    await call.fails(code, "no")
    await commands.wait_for(call.unique_id, 10)
    await box.ticks()
    assert await box.state() == (State.FAILED, Failure.REFUSED)
    assert words in failure_text(await box.row())


async def test_a_lost_answer_decides_nothing(box):
    await box.begins()
    await box.cp.disconnect()
    await box.ticks()
    row = await box.row()
    assert (row.state, row.command.status) == (State.SCHEDULED, CommandStatus.FAILED)
    await box.comes()
    await box.says("Downloading")
    assert await box.state() == (State.DOWNLOADING, "")


# What it does not say


async def asked(box: Box, action: str = "TriggerMessage") -> None:
    call = await box.cp.expects(action, requestedMessage="FirmwareStatusNotification")
    await box.answers(call, status="Accepted")


async def test_a_station_that_never_begins_is_asked_once(box):
    await box.is_under_way()
    assert await box.ticks(timedelta(minutes=9)) == 0
    assert await box.ticks(timedelta(minutes=11)) == 1
    await asked(box)
    assert await box.ticks(timedelta(minutes=12)) == 0
    assert await box.ticks(timedelta(minutes=14)) == 1
    assert await box.cp.is_silent()
    assert await box.state() == (State.FAILED, Failure.NOT_STARTED)


async def test_neither_answer_nor_word(box):
    await box.stored(lambda: StationModel.objects.create(command_timeout_s=1))
    call = await box.begins()
    assert (await commands.wait_for(call.unique_id, 10)).status == CommandStatus.TIMED_OUT
    await box.ticks()
    assert await box.ticks(timedelta(minutes=2)) == 1
    await box.cp.expects("TriggerMessage", requestedMessage="FirmwareStatusNotification")
    assert await box.ticks(timedelta(minutes=5)) == 1
    assert await box.state() == (State.FAILED, Failure.NO_ANSWER)


async def unanswered(box: Box, **options: Any) -> OurCall:
    """An update whose command has timed out."""
    await box.stored(lambda: StationModel.objects.create(command_timeout_s=1))
    call = await box.begins(**options)
    assert (await commands.wait_for(call.unique_id, 10)).status == CommandStatus.TIMED_OUT
    await box.ticks()
    return call


async def is_kept(box: Box) -> None:
    """What the station said last is stored when a later message of it is."""
    await box.cp.call("StatusNotification", connectorId=1, errorCode="NoError", status="Available")
    assert (await box.row()).command.late_at is not None


@pytest.mark.parametrize(
    ("status", "failure", "words"),
    [("Rejected", Failure.REFUSED, "(Rejected)"), ("InvalidCertificate", Failure.CERTIFICATE, "was not accepted")],
)
async def test_a_late_refusal_is_one(box, status, failure, words):
    call = await unanswered(box, signed=True)
    await call.replies(status=status)
    await is_kept(box)
    assert await box.ticks(timedelta(minutes=2)) == 1
    assert await box.state() == (State.FAILED, failure)
    assert words in failure_text(await box.row())


async def test_a_late_error_is_a_refusal(box):
    call = await unanswered(box)
    await call.fails("InternalError", "disk full")
    await is_kept(box)
    assert await box.ticks(timedelta(minutes=2)) == 1
    assert await box.state() == (State.FAILED, Failure.REFUSED)
    assert "(InternalError)" in failure_text(await box.row())


async def test_after_a_late_word_that_it_takes_signed_files_only_it_gets_one(box):
    call = await unanswered(box, image_signed=True)
    await call.fails("NotSupported")
    await is_kept(box)
    assert await box.ticks(timedelta(minutes=2)) == 1
    assert (await box.cp.hears()).action == "SignedUpdateFirmware"
    assert await box.state() == (State.ASKED, "")


async def test_a_late_yes_is_followed_like_any_other(box):
    call = await unanswered(box)
    await call.replies()
    await is_kept(box)
    assert await box.ticks(timedelta(minutes=2)) == 1
    await asked(box)
    assert await box.ticks(timedelta(minutes=5)) == 1
    assert await box.state() == (State.FAILED, Failure.NOT_STARTED)


async def test_a_download_put_off_is_not_missed(box):
    await box.is_under_way(retrieve_at=timezone.now() + 5 * HOUR)
    await box.says("Idle")
    assert await box.ticks(5 * HOUR) == 0
    assert await box.state() == (State.SCHEDULED, "")
    assert await box.ticks(5 * HOUR + timedelta(minutes=11)) == 1
    await asked(box)
    await box.says("Idle")
    assert await box.state() == (State.FAILED, Failure.NOT_STARTED)


async def test_signed_updates_are_asked_for_by_the_extended_trigger(box):
    await box.is_under_way(signed=True)
    await box.ticks(timedelta(minutes=11))
    await asked(box, "ExtendedTriggerMessage")
    await box.says_signed("Downloading", requestId=(await box.row()).request_id)
    assert await box.state() == (State.DOWNLOADING, "")
    assert (await box.row()).asked_at is None


@pytest.mark.parametrize(("word", "failure"), [("Downloading", Failure.DOWNLOAD), ("Installing", Failure.INSTALLATION)])
async def test_idle_in_the_middle_of_it(box, word, failure):
    await box.is_under_way()
    await box.says(word, "Idle")  # unasked: firmware says it at any time
    assert (await box.row()).failure == ""
    assert await box.ticks() == 1
    await asked(box)
    await box.says("Idle")
    assert await box.state() == (State.FAILED, failure)


async def test_idle_with_the_new_version(box):
    await box.is_under_way()
    await box.says("Downloading")
    await box.stored(lambda: ChargePoint.objects.update(firmware_version="4.3.1"))
    await box.says("Idle")
    assert await box.state() == (State.INSTALLED, "")


async def test_silence_in_the_middle_of_it_and_a_late_return(box):
    await box.is_under_way()
    await box.says("Downloading")
    assert await box.ticks(timedelta(minutes=59)) == 0
    assert await box.ticks(timedelta(minutes=61)) == 1
    await asked(box)
    assert await box.ticks(timedelta(minutes=64)) == 1
    assert await box.state() == (State.FAILED, Failure.SILENCE)
    assert (await box.row()).transfer.expires_at > timezone.now()  # it may still be at it
    await box.says("Installing")
    assert await box.state() == (State.INSTALLING, "")
    await box.boots()
    assert await box.state() == (State.INSTALLED, "")


async def test_a_station_that_says_the_same_for_ever(box):
    """Its words keep it from being silent, but no update takes longer than two days."""
    await box.is_under_way()
    begun_at = (await box.row()).begun_at
    for hours in (0, 24, 47.5):
        at = begun_at + hours * HOUR
        await box.stored(
            lambda at=at: saw_progress(_station(), kind="firmware", status="Downloading", request_id=None, at=at)
        )
        assert await box.ticks(hours * HOUR) == 0
    assert await box.ticks(48 * HOUR + timedelta(minutes=1)) == 1
    assert await box.state() == (State.FAILED, Failure.SILENCE)
    late = begun_at + 49 * HOUR
    await box.stored(lambda: saw_progress(_station(), kind="firmware", status="Downloading", request_id=None, at=late))
    assert await box.state() == (State.FAILED, Failure.SILENCE)


async def test_the_days_that_a_command_waited_are_none_of_the_update(box):
    await box.cp.disconnect()
    box.firmware = await box.stored(make_firmware)
    now = timezone.now()
    box.update = await box.stored(
        lambda: updates.begin_update(_station(), box.firmware, valid_until=now + timedelta(days=7))
    )
    before = now - timedelta(days=5)
    await box.stored(lambda: FirmwareUpdate.objects.update(created_at=before, begun_at=before))
    await box.comes()
    await box.answers(await box.cp.hears())
    await box.says("Downloading")
    assert await box.state() == (State.DOWNLOADING, "")
    assert await box.ticks(timedelta(minutes=61)) == 1
    await asked(box)


async def test_an_installation_may_wait_for_a_car(box):
    await box.is_under_way()
    await box.says("Downloading", "Downloaded")
    await box.stored(
        lambda: Connector.objects.create(charge_point=_station(), connector_id=1, status=ChargePointStatus.CHARGING)
    )
    assert await box.ticks(timedelta(minutes=61)) == 1
    assert await box.cp.is_silent()
    assert await box.ticks(23 * HOUR) == 1
    assert await box.state() == (State.DOWNLOADED, "")
    assert await box.ticks(25 * HOUR) == 1
    await asked(box)


async def test_a_station_that_went_away(box):
    await box.is_under_way()
    await box.cp.disconnect()
    assert await box.ticks(timedelta(minutes=11)) == 1
    assert await box.state() == (State.SCHEDULED, "")
    assert await box.ticks(timedelta(minutes=62)) == 1
    assert await box.state() == (State.FAILED, Failure.NOT_STARTED)


async def test_a_restart_with_the_old_version_is_looked_into(box):
    await box.is_under_way()
    await box.says("Downloading", "Downloaded", "Installing")
    await box.boots("4.2.0")
    assert await box.ticks(timedelta(minutes=9)) == 0
    assert await box.ticks(timedelta(minutes=11)) == 1
    await asked(box)
    await box.says("Idle")
    assert await box.state() == (State.FAILED, Failure.INSTALLATION)


# Taking it back


async def test_what_has_not_begun_can_be_cancelled(box):
    await box.is_under_way(retrieve_at=timezone.now() + HOUR)
    assert await box.stored(lambda: updates.cancel_update(box.update))
    row = await box.row()
    assert (row.state, row.transfer.expires_at <= timezone.now()) == (State.CANCELLED, True)
    await box.says("DownloadFailed")
    assert (await box.row()).state == State.CANCELLED


async def test_a_waiting_command_goes_with_its_update(box):
    await box.cp.disconnect()
    firmware, until = await box.stored(make_firmware), timezone.now() + HOUR
    box.update = await box.stored(lambda: updates.begin_update(_station(), firmware, valid_until=until))
    assert await box.stored(lambda: updates.cancel_update(box.update))
    row = await box.row()
    assert (row.state, row.command.status) == (State.CANCELLED, CommandStatus.CANCELLED)


async def test_what_has_begun_cannot(box):
    await box.is_under_way()
    await box.says("Downloading")
    assert not await box.stored(lambda: updates.cancel_update(box.update))
    assert await box.state() == (State.DOWNLOADING, "")


def test_versions_are_compared_as_people_do():
    assert is_same_version(" V4.3.1 ", "4.3.1")
    assert is_same_version("Release-A", "release-a")
    assert not is_same_version("4.3.10", "4.3.1")
    assert not is_same_version("", "4.3.1")


@pytest.mark.django_db
def test_a_failure_of_one_station_does_not_keep_the_next_from_its_turn(monkeypatch):
    firmware = make_firmware(signature=signature_of(IMAGE), signing_certificate=certificate_of(KEY))
    rows = [updates.begin_update(make_station(f"CP{n}"), firmware, valid_until=timezone.now() + HOUR) for n in (1, 2)]
    Command.objects.update(status=CommandStatus.REJECTED)
    fail = deadlines.fail

    def fails(update: FirmwareUpdate, *rest: Any) -> None:
        if update.pk == rows[0].pk:
            raise ValueError("broken")
        fail(update, *rest)

    monkeypatch.setattr(deadlines, "fail", fails)
    assert deadlines.check(timezone.now()) == 1
    assert [FirmwareUpdate.objects.get(pk=row.pk).state for row in rows] == [State.ASKED, State.FAILED]


@pytest.mark.django_db
def test_boots_of_stations_that_are_not_updated_cost_one_question_together(django_assert_num_queries):
    stations = [make_station(f"CP{number}") for number in range(5)]
    names = [Names(station.pk, "BootNotification") for station in stations]
    with transaction.atomic(), write_batch(names), django_assert_num_queries(1):
        for station in stations:
            saw_boot(station, at=timezone.now())
