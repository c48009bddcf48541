"""Local lists over the wire (§5.15, §5.10): published, changed, refused, lost on the way, switched off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F
from django.utils import timezone

from plugcontrol.clockwork import JOBS
from stations import commands
from stations.commands import Origin, queue_command, wait_for
from stations.models import ChargePoint, Command, CommandSource, ConfigurationKey, GatewayProcess, StationModel
from tests.conftest import make_station
from tests.scenarios.speech import shows
from transactions import local_lists, publication
from transactions.models import IdTag, IdTagGroup, LocalList

from .list_keeper import ListKeeper

ACCEPTED = {"status": "Accepted"}
OPEN = ["queued", "sent"]


@pytest.fixture
async def station(gateway):
    return await sync_to_async(make_station)()


@pytest.fixture
def keeper(cp):
    return ListKeeper(cp)


@pytest.fixture
def switch_on(station):
    return sync_to_async(lambda **options: local_lists.switch_on(station, **options))


@pytest.fixture
def publish(station):
    return sync_to_async(lambda **options: local_lists.publish(station, **options))


@pytest.fixture
def switch_off(station):
    return sync_to_async(lambda: local_lists.switch_off(station))


@sync_to_async
def make_tags(count, first=0):
    IdTag.objects.bulk_create(IdTag(id_tag=f"T{number:05}") for number in range(first, first + count))


@sync_to_async
def round_of_the_clock():
    [job] = [job for job in JOBS if job.name == "local lists are published"]
    return job.run()


async def the_list():
    return await LocalList.objects.aget()


async def state():
    row = await the_list()
    return row.state, row.explanation


async def limit_to(station, **keys):
    for key, value in keys.items():
        await ConfigurationKey.objects.acreate(charge_point=station, key=key, value=str(value))


# The whole list


async def test_every_tag_with_its_verdict(cp, keeper, switch_on):
    soon, past = datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    fleet = await IdTagGroup.objects.acreate(parent_id_tag="FLEET", expires_at=soon)
    gone = await IdTagGroup.objects.acreate(parent_id_tag="GONE", blocked=True)
    await IdTag.objects.acreate(id_tag="CAFE")
    await IdTag.objects.acreate(id_tag="F00D", group=fleet, expires_at=soon + timedelta(days=1))
    await IdTag.objects.acreate(id_tag="OLD", expires_at=past)
    await IdTag.objects.acreate(id_tag="BAD", blocked=True)
    await IdTag.objects.acreate(id_tag="THEIRS", group=gone)
    await IdTag.objects.acreate(id_tag="AWAY", archived_at=past)
    row = await switch_on(origin=Origin(CommandSource.API, actor="API key tags"))
    assert row.state == "pending"
    command = await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert keeper.shape() == [(1, "Full", 5)]
    assert keeper.entries == {
        "CAFE": ACCEPTED,
        "F00D": {"status": "Accepted", "expiryDate": "2100-01-02T03:04:05Z", "parentIdTag": "FLEET"},
        "OLD": {"status": "Expired", "expiryDate": "2020-01-01T00:00:00Z"},
        "BAD": {"status": "Blocked"},
        "THEIRS": {"status": "Blocked", "parentIdTag": "GONE"},
    }
    row = await the_list()
    assert (row.state, row.version, row.tag_count, row.published_at is not None) == ("up_to_date", 1, 5, True)
    assert (command.actor, command.source, command.status) == ("API key tags", "api", "accepted")


async def test_without_tags_an_empty_list_stays_empty(cp, keeper, switch_on):
    await switch_on()
    await keeper.answers("GetLocalListVersion")
    assert await state() == ("up_to_date", "")
    assert await cp.is_silent()


async def test_without_tags_a_full_list_is_emptied(cp, keeper, switch_on):
    keeper.version, keeper.entries = 7, {"OLD": ACCEPTED}
    await switch_on()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert keeper.sent == [{"listVersion": 8, "updateType": "Full"}]
    assert (await state(), keeper.entries) == (("up_to_date", ""), {})


async def test_in_chunks_of_the_station_s_size(cp, keeper, station, switch_on):
    await limit_to(station, SendLocalListMaxLength=3)
    await make_tags(7)
    await switch_on()
    await keeper.answers_chunks(3)
    assert keeper.shape() == [(1, "Full", 3), (2, "Differential", 3), (3, "Differential", 1)]
    assert len(keeper.entries) == 7
    assert (await the_list()).version == 3


@pytest.mark.parametrize("length", [None, "", "many", "0", "-5"])
async def test_in_chunks_of_fifty_where_the_station_names_no_size(cp, keeper, station, switch_on, length):
    if length is not None:
        await limit_to(station, SendLocalListMaxLength=length)
    await make_tags(51)
    await switch_on()
    await keeper.answers_chunks(2)
    assert keeper.shape() == [(1, "Full", 50), (2, "Differential", 1)]


async def test_one_message_at_a_time(cp, keeper, station, switch_on):
    await limit_to(station, SendLocalListMaxLength=1)
    await make_tags(2)
    await switch_on()
    await keeper.answers("GetLocalListVersion")
    await keeper.hears("SendLocalList")
    assert await cp.is_silent()
    assert await Command.objects.filter(status__in=OPEN).acount() == 1


# Changes


@pytest.fixture
async def published(cp, keeper, switch_on):
    """Ten tags are in the station's list, at version 1."""
    await make_tags(10)
    await switch_on()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    keeper.sent.clear()
    return keeper


async def test_only_what_has_changed(published):
    await IdTag.objects.filter(id_tag="T00001").aupdate(blocked=True)
    await IdTag.objects.filter(id_tag="T00002").aupdate(archived_at=timezone.now())
    await IdTag.objects.filter(id_tag="T00003").aupdate(id_tag="NEW3")
    await IdTag.objects.acreate(id_tag="NEW")
    assert await round_of_the_clock() == 1
    assert await state() == ("pending", "")
    await published.answers("GetLocalListVersion", "SendLocalList")
    [message] = published.sent
    assert (message["listVersion"], message["updateType"]) == (2, "Differential")
    assert sorted(message["localAuthorizationList"], key=lambda entry: entry["idTag"]) == [
        {"idTag": "NEW", "idTagInfo": ACCEPTED},
        {"idTag": "NEW3", "idTagInfo": ACCEPTED},
        {"idTag": "T00001", "idTagInfo": {"status": "Blocked"}},
        {"idTag": "T00002"},
        {"idTag": "T00003"},
    ]
    assert (await state(), (await the_list()).tag_count) == (("up_to_date", ""), 10)


async def test_nothing_has_changed(published, publish):
    assert await round_of_the_clock() == 0
    await publish()
    await published.answers("GetLocalListVersion")
    assert (await state(), published.sent) == (("up_to_date", ""), [])


async def test_a_tag_expires_by_the_clock(published):
    soon = timezone.now() + timedelta(hours=1)
    await IdTag.objects.filter(id_tag="T00001").aupdate(expires_at=soon)
    await round_of_the_clock()
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert published.entries["T00001"]["status"] == "Accepted"
    await sync_to_async(local_lists.publish_due)(soon)
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert published.entries["T00001"]["status"] == "Expired"


async def test_what_comes_and_goes_between_two_rounds_is_no_change(published):
    await IdTag.objects.acreate(id_tag="NEW")
    await IdTag.objects.filter(id_tag="NEW").adelete()
    assert await round_of_the_clock() == 0


async def test_a_tag_comes_back(published):
    for archived_at in (timezone.now(), None):
        await IdTag.objects.filter(id_tag="T00002").aupdate(archived_at=archived_at)
        await round_of_the_clock()
        await published.answers("GetLocalListVersion", "SendLocalList")
        assert ("T00002" in published.entries) is (archived_at is None)


async def test_more_changes_than_tags_are_the_whole(published):
    await IdTag.objects.aupdate(blocked=True)
    await round_of_the_clock()
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert published.shape() == [(2, "Full", 10)]


async def test_the_whole_on_demand(published, publish):
    await publish(full=True)
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert published.shape() == [(2, "Full", 10)]


async def test_the_whole_for_many(published):
    assert await sync_to_async(local_lists.publish_soon)(LocalList.objects.all(), full=True) == 1
    await round_of_the_clock()
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert published.shape() == [(2, "Full", 10)]


async def test_changes_while_chunks_are_on_their_way_go_out_next(cp, keeper, station, switch_on):
    await limit_to(station, SendLocalListMaxLength=3)
    await make_tags(9)
    await switch_on()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    await IdTag.objects.filter(id_tag__in=["T00000", "T00008"]).aupdate(blocked=True)
    await IdTag.objects.acreate(id_tag="NEW")
    assert await round_of_the_clock() == 0
    await keeper.answers("SendLocalList", "SendLocalList")
    assert keeper.shape() == [(1, "Full", 3), (2, "Differential", 3), (3, "Differential", 2)]
    assert await state() == ("pending", "")
    await round_of_the_clock()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert keeper.shape()[3:] == [(4, "Differential", 3)]
    assert {tag for tag, info in keeper.entries.items() if info["status"] == "Blocked"} == {"T00000", "T00008"}
    assert (await state(), len(keeper.entries)) == (("up_to_date", ""), 10)


async def test_a_list_that_cannot_be_published_does_not_hold_up_the_rest(published, monkeypatch):
    other = await sync_to_async(make_station)("CP2", gateway=await GatewayProcess.objects.afirst(), connection="2")
    long_ago = timezone.now() - timedelta(hours=1)
    await LocalList.objects.acreate(charge_point=other, state="pending", state_at=long_ago)
    ask = publication.ask

    def ask_or_fail(local_list, origin):
        if local_list.charge_point_id == other.pk:
            raise ValueError("what")
        ask(local_list, origin)

    monkeypatch.setattr(publication, "ask", ask_or_fail)
    await IdTag.objects.acreate(id_tag="NEW")
    assert await round_of_the_clock() == 1
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert (await LocalList.objects.aget(charge_point=other)).state == "pending"


async def test_two_rounds_at_once_ask_once(published):
    await IdTag.objects.acreate(id_tag="NEW")
    await round_of_the_clock()
    await round_of_the_clock()
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert await published.cp.is_silent()


# Refusals


@pytest.mark.parametrize("word", ["VersionMismatch", "Failed"])
async def test_a_refusal_is_answered_with_the_whole(published, word):
    await IdTag.objects.acreate(id_tag="NEW")
    await round_of_the_clock()
    await published.answers("GetLocalListVersion")
    assert (await published.refuses(word)).status == "rejected"
    await published.answers("SendLocalList")
    assert published.shape() == [(2, "Differential", 1), (3, "Full", 11)]
    assert await state() == ("up_to_date", "")


@pytest.mark.parametrize("word", ["VersionMismatch", "Failed"])
async def test_a_second_refusal_is_the_end(published, publish, word):
    await IdTag.objects.acreate(id_tag="NEW")
    await round_of_the_clock()
    await published.answers("GetLocalListVersion")
    await published.refuses(word)
    await published.refuses(word)
    assert await state() == ("refused", f"The charger answered {word}.")
    assert await round_of_the_clock() == 0
    await publish()
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert published.shape()[1:] == [(3, "Full", 11), (4, "Full", 11)]
    assert await state() == ("up_to_date", "")


async def test_it_is_once_per_publication(published):
    for name, version in (("NEW", 2), ("NEWER", 4)):
        await IdTag.objects.acreate(id_tag=name)
        await round_of_the_clock()
        await published.answers("GetLocalListVersion")
        await published.refuses("Failed")
        await published.answers("SendLocalList")
        assert published.version == version + 1


async def test_not_supported(cp, keeper, switch_on):
    await make_tags(1)
    await switch_on()
    await keeper.answers("GetLocalListVersion")
    await keeper.refuses("NotSupported")
    assert await state() == ("not_supported", "The charger answered NotSupported.")
    await make_tags(1, first=1)
    assert await round_of_the_clock() == 0


async def test_a_version_below_zero(cp, keeper, switch_on):  # TC_042_1
    await make_tags(1)
    keeper.version = -1
    await switch_on()
    await keeper.answers("GetLocalListVersion")
    assert await state() == ("not_supported", "The charger keeps no list.")


@pytest.mark.parametrize("code", ["NotSupported", "NotImplemented"])
async def test_an_action_that_the_station_does_not_know(cp, keeper, switch_on, code):
    await switch_on()
    call = await keeper.hears("GetLocalListVersion")
    await call.fails(code, "what?")
    await wait_for(call.unique_id, 10)
    await round_of_the_clock()
    assert await state() == ("not_supported", f"The charger answered {code} what?.")


async def test_a_station_that_cannot_say_its_version_gets_the_whole(cp, keeper, switch_on):
    await make_tags(1)
    await switch_on()
    call = await keeper.hears("GetLocalListVersion")
    await call.fails("InternalError")
    await wait_for(call.unique_id, 10)
    await round_of_the_clock()
    await keeper.answers("SendLocalList")
    assert (keeper.shape(), await state()) == ([(1, "Full", 1)], ("up_to_date", ""))


async def test_callerrors_are_refusals(cp, keeper, switch_on):
    await make_tags(1)
    await switch_on()
    await keeper.answers("GetLocalListVersion")
    for _ in range(2):
        call = await keeper.hears("SendLocalList")
        await call.fails("GenericError", "out of memory")
        await wait_for(call.unique_id, 10)
        await round_of_the_clock()
    assert keeper.shape() == [(1, "Full", 1), (2, "Full", 1)]
    assert await state() == ("refused", "The charger answered GenericError out of memory.")


# Answers that are lost


@pytest.fixture
def loses(connect):
    """`await loses(keeper)`: the connection breaks before the station's answer is through; it comes back and is asked.

    One round of the clock sees that the answer is missing, the next asks.
    """

    async def lose(keeper, call):
        await keeper.cp.disconnect()
        await wait_for(call.unique_id, 10)
        assert await round_of_the_clock() == 1
        assert await round_of_the_clock() == 0  # nobody is there to be asked
        keeper.cp = await connect("CP1")
        assert await round_of_the_clock() == 1

    return lose


@pytest.fixture
async def in_the_middle(cp, keeper, station, switch_on):
    """The second of three chunks is at the station, which holds version 1."""
    await limit_to(station, SendLocalListMaxLength=2)
    await make_tags(6)
    await switch_on()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    return keeper, await keeper.hears("SendLocalList")


async def test_a_chunk_that_was_taken_is_not_sent_again(in_the_middle, loses):
    keeper, call = in_the_middle
    keeper.takes(call.payload)
    await loses(keeper, call)
    assert await state() == ("pending", "No answer to SendLocalList.")
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert keeper.shape() == [(1, "Full", 2), (2, "Differential", 2), (3, "Differential", 2)]
    assert (len(keeper.entries), await state()) == (6, ("up_to_date", ""))


async def test_a_chunk_that_was_not_taken_is_sent_again_with_a_new_version(in_the_middle, loses):
    keeper, call = in_the_middle
    await loses(keeper, call)
    await keeper.answers("GetLocalListVersion", "SendLocalList", "SendLocalList")
    assert keeper.shape()[2:] == [(3, "Differential", 2), (4, "Differential", 2)]
    assert (len(keeper.entries), await state()) == (6, ("up_to_date", ""))


async def test_a_station_that_lost_its_list_meanwhile_gets_the_whole(in_the_middle, loses):
    keeper, call = in_the_middle
    keeper.version, keeper.entries = 0, {}
    await loses(keeper, call)
    await keeper.answers_chunks(3)
    assert keeper.shape()[2:] == [(3, "Full", 2), (4, "Differential", 2), (5, "Differential", 2)]
    assert len(keeper.entries) == 6


@pytest.mark.parametrize("was_taken", [True, False])
async def test_the_first_chunk_is_lost(cp, keeper, switch_on, loses, was_taken):
    await make_tags(3)
    await switch_on()
    await keeper.answers("GetLocalListVersion")
    call = await keeper.hears("SendLocalList")
    if was_taken:
        keeper.takes(call.payload)
    await loses(keeper, call)
    await keeper.answers("GetLocalListVersion", *([] if was_taken else ["SendLocalList"]))
    assert keeper.shape() == [(1, "Full", 3)] + ([] if was_taken else [(2, "Full", 3)])
    assert (len(keeper.entries), await state()) == (3, ("up_to_date", ""))


async def test_a_lost_change_never_shares_its_version(published, loses):
    await IdTag.objects.acreate(id_tag="NEW")
    await round_of_the_clock()
    await published.answers("GetLocalListVersion")
    call = await published.hears("SendLocalList")
    await IdTag.objects.acreate(id_tag="NEWER")
    await loses(published, call)
    await published.answers("GetLocalListVersion", "SendLocalList")
    await round_of_the_clock()
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert published.shape() == [(2, "Differential", 1), (3, "Differential", 1), (4, "Differential", 1)]
    assert {"NEW", "NEWER"} <= published.entries.keys()


async def test_silence(cp, keeper, switch_on):
    await StationModel.objects.acreate(command_timeout_s=1)
    await make_tags(1)
    await switch_on()
    await keeper.answers("GetLocalListVersion")
    call = await keeper.hears("SendLocalList")
    keeper.takes(call.payload)
    assert (await wait_for(call.unique_id, 10)).status == "timed_out"
    await round_of_the_clock()
    await round_of_the_clock()
    await keeper.answers("GetLocalListVersion")
    assert (keeper.shape(), await state()) == ([(1, "Full", 1)], ("up_to_date", ""))


async def test_a_process_that_died_with_a_chunk_in_flight(in_the_middle, connect):
    keeper, call = in_the_middle
    keeper.takes(call.payload)
    long_ago = timezone.now() - timedelta(hours=1)
    await Command.objects.filter(pk=call.unique_id).aupdate(sent_at=long_ago)
    await sync_to_async(commands.close_lost)(timezone.now())
    await keeper.cp.disconnect()
    keeper.cp = await connect("CP1")
    await round_of_the_clock()
    await round_of_the_clock()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert (len(keeper.entries), await state()) == (6, ("up_to_date", ""))


async def test_a_command_that_is_gone_is_no_answer(in_the_middle, connect):
    keeper, call = in_the_middle
    await keeper.cp.disconnect()
    await wait_for(call.unique_id, 10)
    await Command.objects.filter(pk=call.unique_id).adelete()
    keeper.cp = await connect("CP1")
    await round_of_the_clock()
    await keeper.answers("GetLocalListVersion", "SendLocalList", "SendLocalList")
    assert (len(keeper.entries), await state()) == (6, ("up_to_date", ""))


async def test_a_malformed_answer_is_no_answer(in_the_middle):
    keeper, call = in_the_middle
    keeper.takes(call.payload)
    await call.replies(status=["what"])
    await wait_for(call.unique_id, 10)
    await round_of_the_clock()
    await round_of_the_clock()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert (len(keeper.entries), await state()) == (6, ("up_to_date", ""))


async def test_a_station_that_stays_silent_is_asked_less_and_less(cp, keeper, switch_on):
    await StationModel.objects.acreate(command_timeout_s=0)
    await switch_on()
    now, pauses = timezone.now(), []
    publish_due = sync_to_async(local_lists.publish_due)
    for _ in range(10):
        call = await keeper.hears("GetLocalListVersion")
        await wait_for(call.unique_id, 10)
        await publish_due(now)
        due_at = (await the_list()).not_before
        pauses.append((due_at - now) / timedelta(minutes=1))
        assert await publish_due(due_at - timedelta(seconds=1)) == 0
        assert await publish_due(due_at) == 1
        now = due_at
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


# Stations with a past


async def test_a_list_of_somebody_else_is_replaced(cp, keeper, switch_on):
    keeper.version, keeper.entries = 900_000, {"THEIRS": ACCEPTED}
    await make_tags(1)
    await switch_on()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert (keeper.shape(), [*keeper.entries]) == ([(900_001, "Full", 1)], ["T00000"])


@pytest.mark.parametrize("version", [2**31 - 1, 2**40])
async def test_versions_begin_again_after_the_last(cp, keeper, switch_on, version):
    keeper.version = version
    await make_tags(1)
    await switch_on()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert keeper.shape() == [(1, "Full", 1)]
    assert await state() == ("up_to_date", "")


async def test_a_station_that_comes_back_empty_gets_the_whole(published):
    published.version, published.entries = 0, {}
    await published.cp.boots()
    assert await round_of_the_clock() == 1
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert (published.shape(), len(published.entries)) == ([(2, "Full", 10)], 10)
    assert await round_of_the_clock() == 0


async def test_a_boot_gives_what_was_refused_another_chance(published):
    await IdTag.objects.acreate(id_tag="NEW")
    await round_of_the_clock()
    await published.answers("GetLocalListVersion")
    await published.refuses("Failed")
    await published.refuses("Failed")
    await published.cp.boots()
    await round_of_the_clock()
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert await state() == ("up_to_date", "")


async def cannot_say_its_version(keeper):
    call = await keeper.hears("GetLocalListVersion")
    await call.fails("InternalError")
    await wait_for(call.unique_id, 10)
    await round_of_the_clock()


async def test_a_station_that_can_no_longer_say_its_version_gets_the_whole_once_a_boot(published):
    for number in range(1, 3):
        await published.cp.boots()
        assert await round_of_the_clock() == 1
        await cannot_say_its_version(published)
        await published.answers("SendLocalList")
        assert await state() == ("up_to_date", "")
        assert await round_of_the_clock() == 0
        assert [kind for _, kind, _ in published.shape()] == ["Full"] * number


async def test_what_was_refused_is_tried_again_once_a_boot(published):
    await published.cp.boots()
    await round_of_the_clock()
    await cannot_say_its_version(published)
    await published.refuses("Failed")
    await published.refuses("Failed")
    assert await state() == ("refused", "The charger answered Failed.")
    assert await round_of_the_clock() == 0
    assert await published.cp.is_silent()


async def test_a_boot_while_it_could_not_say_its_version_is_not_missed(published):
    await published.cp.boots()
    await round_of_the_clock()
    call = await published.hears("GetLocalListVersion")
    await call.fails("InternalError")
    await wait_for(call.unique_id, 10)
    await published.cp.boots()
    await round_of_the_clock()
    await published.answers("SendLocalList")
    assert await round_of_the_clock() == 1
    await published.answers("GetLocalListVersion")


async def a_while_passes(minutes):
    """As far as the lists that were sent are concerned."""
    await Command.objects.aupdate(sent_at=F("sent_at") - timedelta(minutes=minutes))


async def complains(keeper):
    await shows(keeper.cp, "Available", connector=0, errorCode="LocalListConflict")


async def test_complaints_are_answered_less_and_less(published):
    await complains(published)
    await sync_to_async(local_lists.publish_due)(timezone.now() + timedelta(minutes=2))
    await published.answers("GetLocalListVersion", "SendLocalList")
    await complains(published)
    assert await state() == ("up_to_date", "")
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        await a_while_passes(minutes - 0.5)
        await complains(published)
        assert await state() == ("up_to_date", "")
        await a_while_passes(0.5)
        await complains(published)
        assert (await state())[0] == "pending"
        await sync_to_async(local_lists.publish_due)(timezone.now() + timedelta(minutes=2))
        await published.answers("GetLocalListVersion", "SendLocalList")
    assert {kind for _, kind, _ in published.shape()} == {"Full"}


async def test_complaints_do_not_put_off_their_answer(published):
    await complains(published)
    due_at = (await the_list()).not_before
    await complains(published)
    assert (await the_list()).not_before == due_at


async def test_what_is_not_due_any_more_is_left_alone(published, station):
    """Two processes saw it due; the second gets the lock when the first is through with it."""
    turn_to = sync_to_async(local_lists._turn_to)
    asked = await Command.objects.acount()
    assert not await turn_to(station.pk, timezone.now())
    later = timezone.now() + timedelta(minutes=1)
    await LocalList.objects.aupdate(state="pending", not_before=later)
    assert not await turn_to(station.pk, timezone.now())
    assert await Command.objects.acount() == asked
    assert await turn_to(station.pk, later)


async def test_a_conflict_is_answered_with_the_whole(published):
    await shows(published.cp, "Available", connector=0, errorCode="LocalListConflict")
    assert await state() == ("pending", "The charger found that its list contradicts a verdict.")
    assert await round_of_the_clock() == 0
    await sync_to_async(local_lists.publish_due)(timezone.now() + timedelta(minutes=2))
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert published.shape() == [(2, "Full", 10)]


async def test_a_station_that_is_away_is_published_to_when_it_returns(cp, keeper, switch_on, connect):
    await make_tags(2)
    await cp.disconnect()
    await switch_on()
    assert await state() == ("pending", "")
    assert await round_of_the_clock() == 0
    keeper.cp = await connect("CP1")
    await round_of_the_clock()
    await keeper.answers("GetLocalListVersion", "SendLocalList")
    assert await state() == ("up_to_date", "")


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_a_station_that_is_not_accepted_is_left_alone(cp, keeper, published, status):
    await ChargePoint.objects.aupdate(registration_status=status)
    await IdTag.objects.acreate(id_tag="NEW")
    assert await round_of_the_clock() == 0
    assert await state() == ("pending", "")


async def test_a_station_archived_on_the_way_is_left_alone(in_the_middle):
    keeper, call = in_the_middle
    await ChargePoint.objects.aupdate(archived_at=timezone.now())
    await call.replies(status=keeper.takes(call.payload))
    assert (await wait_for(call.unique_id, 10)).status == "accepted"
    assert await round_of_the_clock() == 0
    row = await the_list()
    assert (row.state, row.version, row.command_id) == ("pending", 2, None)


# Limits


async def test_tags_that_do_not_fit(cp, keeper, station, switch_on):
    await limit_to(station, SendLocalListMaxLength=3, LocalAuthListMaxLength=5)
    await IdTag.objects.acreate(id_tag="BAD", blocked=True)
    await make_tags(7)
    await switch_on()
    await keeper.answers_chunks(2)
    assert keeper.shape() == [(1, "Full", 3), (2, "Differential", 2)]
    assert [*keeper.entries] == ["T00000", "T00001", "T00002", "T00003", "T00004"]
    row = await the_list()
    assert (row.state, row.tag_count, row.left_out) == ("up_to_date", 5, 3)
    assert row.explanation == "Not all tags fit (LocalAuthListMaxLength): 3 are left out."


async def test_blocked_tags_go_first_where_not_all_fit(cp, keeper, station, switch_on):
    await limit_to(station, LocalAuthListMaxLength=3)
    await make_tags(2)
    await IdTag.objects.acreate(id_tag="BAD", blocked=True)
    await IdTag.objects.acreate(id_tag="WORSE", blocked=True)
    await switch_on()
    await keeper.answers_chunks(1)
    assert [*keeper.entries] == ["T00000", "T00001"]
    assert ((await the_list()).tag_count, (await the_list()).left_out) == (2, 2)


async def test_a_blocked_tag_leaves_a_list_that_is_full(cp, keeper, station, switch_on):
    await limit_to(station, LocalAuthListMaxLength=3)
    await make_tags(4)
    await switch_on()
    await keeper.answers_chunks(1)
    await IdTag.objects.filter(id_tag="T00000").aupdate(blocked=True)
    await round_of_the_clock()
    await keeper.answers_chunks(1)
    assert [*keeper.entries] == ["T00001", "T00002", "T00003"]
    assert [kind for _, kind, _ in keeper.shape()] == ["Full", "Full"]


async def test_a_list_is_never_too_long_on_the_way(published, station):
    """Two new tags and two that go: taken one after the other they could be one too many."""
    await limit_to(station, LocalAuthListMaxLength=11)
    await IdTag.objects.filter(id_tag__in=["T00008", "T00009"]).adelete()
    await make_tags(2, first=20)
    await round_of_the_clock()
    await published.answers_chunks(1)
    assert published.shape() == [(2, "Full", 10)]


async def test_a_list_that_the_station_does_not_use(cp, keeper, station, switch_on):
    await limit_to(station, LocalAuthListEnabled="False")
    await make_tags(1)
    await switch_on()
    await keeper.answers_chunks(1)
    assert await state() == ("up_to_date", "The charger does not use its list: LocalAuthListEnabled is false.")


# Somebody else's hand


@pytest.fixture
def expert(station):
    return sync_to_async(lambda action, payload: queue_command(station, action, payload))


async def test_an_expert_s_list_is_replaced_by_ours(published, expert):
    theirs = {
        "listVersion": 50,
        "updateType": "Full",
        "localAuthorizationList": [{"idTag": "X", "idTagInfo": ACCEPTED}],
    }
    await expert("SendLocalList", theirs)
    await published.answers("SendLocalList")
    row = await the_list()
    assert (row.state, row.version, row.tag_count) == ("pending", 50, 1)
    await round_of_the_clock()
    await published.answers("GetLocalListVersion", "SendLocalList")
    assert (published.shape()[1:], len(published.entries)) == ([(51, "Full", 10)], 10)


async def test_an_expert_s_list_amid_ours(in_the_middle, expert):
    keeper, call = in_the_middle
    await expert("SendLocalList", {"listVersion": 2, "updateType": "Full"})
    await call.replies(status=keeper.takes(call.payload))
    await keeper.answers("SendLocalList", "SendLocalList")
    await keeper.answers("SendLocalList", "SendLocalList", "SendLocalList")
    assert [kind for _, kind, _ in keeper.shape()[-3:]] == ["Full", "Differential", "Differential"]
    assert (len(keeper.entries), await state()) == (6, ("up_to_date", ""))


async def test_an_expert_asks_for_the_version(published, expert):
    await expert("GetLocalListVersion", {})
    await published.answers("GetLocalListVersion")
    assert await state() == ("up_to_date", "")
    published.version = 0
    await expert("GetLocalListVersion", {})
    await published.answers("GetLocalListVersion")
    assert await state() == ("pending", "")


async def test_an_expert_at_a_station_without_a_list_of_ours(cp, keeper, expert, stored):
    await expert("SendLocalList", {"listVersion": 1, "updateType": "Full"})
    await keeper.answers("SendLocalList")
    await expert("GetLocalListVersion", {})
    await keeper.answers("GetLocalListVersion")
    assert not await stored(LocalList.objects.exists)


# On and off


async def test_a_list_that_is_not_on_is_not_published(station, publish, stored):
    with pytest.raises(local_lists.LocalListOff, match="switched off"):
        await publish()
    assert await round_of_the_clock() == 0
    assert not await stored(Command.objects.exists)


async def test_switched_off_it_is_emptied(published, switch_off, publish):
    await switch_off()
    await published.answers("SendLocalList")
    assert (published.shape(), published.entries) == ([(2, "Full", 0)], {})
    row = await the_list()
    assert (row.state, row.tag_count, row.version) == ("off", 0, 2)
    await IdTag.objects.acreate(id_tag="NEW")
    assert await round_of_the_clock() == 0
    with pytest.raises(local_lists.LocalListOff):
        await publish()


async def test_switched_off_while_a_chunk_is_on_its_way(in_the_middle, switch_off):
    keeper, call = in_the_middle
    await switch_off()
    await call.replies(status=keeper.takes(call.payload))
    await keeper.answers("SendLocalList")
    assert (keeper.entries, (await state())[0]) == ({}, "off")
    assert await keeper.cp.is_silent()


async def test_switched_off_and_on_again(published, switch_off, switch_on):
    await switch_off()
    await switch_on()
    await published.answers("SendLocalList", "GetLocalListVersion", "SendLocalList")
    assert published.shape() == [(2, "Full", 0), (3, "Full", 10)]
    assert (len(published.entries), await state()) == (10, ("up_to_date", ""))


async def test_a_station_that_is_away_is_emptied_when_it_returns(published, switch_off, connect):
    await published.cp.disconnect()
    await switch_off()
    published.cp = await connect("CP1")
    await published.answers("SendLocalList")
    assert published.entries == {}


async def test_a_list_that_was_never_sent_needs_no_emptying(station, switch_on, switch_off, stored):
    await switch_on()
    await switch_off()
    assert (await state())[0] == "off"
    assert not await Command.objects.filter(action="SendLocalList").aexists()


async def test_switching_on_twice_asks_once(cp, keeper, switch_on):
    await make_tags(1)
    await switch_on()
    await switch_on()
    await keeper.answers_chunks(1)
    assert await cp.is_silent()


async def test_every_accepted_station_at_once(station):
    other = await sync_to_async(make_station)("CP2")
    await sync_to_async(make_station)("CP3", registration_status="Pending")
    await sync_to_async(make_station)("CP4", archived_at=timezone.now())
    await LocalList.objects.acreate(charge_point=other, state="up_to_date", revision=0)
    assert await sync_to_async(local_lists.switch_on_many)(ChargePoint.objects.all()) == 1
    rows = [row async for row in LocalList.objects.order_by("pk").values_list("charge_point__identity", "state")]
    assert rows == [("CP2", "up_to_date"), ("CP1", "pending")]


# Many


async def test_twenty_thousand_tags(cp, keeper, station, switch_on):
    await limit_to(station, SendLocalListMaxLength=10_000)
    await make_tags(20_000)
    await switch_on()
    await keeper.answers_chunks(40)
    assert len(keeper.entries) == 20_000
    assert {size for _, _, size in keeper.shape()} == {publication.LARGEST_CHUNK}
    await IdTag.objects.filter(id_tag="T12345").aupdate(blocked=True)
    await round_of_the_clock()
    await keeper.answers_chunks(1)
    assert keeper.shape()[40:] == [(41, "Differential", 1)]
    assert (await the_list()).tag_count == 20_000
