"""What may stand in an upgrade, at the real server: H01–H20 and H34, S16 (docs/threat-model.md).

Callers come from addresses of their own through the proxy that the server trusts, so that limits per address do not
reach from one test into the next.
"""

from __future__ import annotations

import statistics
import time
from itertools import count

import pytest

from .conftest import STATION, STATION_KEY
from .wire import basic, dial, upgrade

pytestmark = pytest.mark.server

RIGHT = basic(STATION, STATION_KEY)
_addresses = count(1)


def somewhere() -> str:
    """A caller's address that no other test has."""
    number = next(_addresses)
    return f"X-Forwarded-For: 10.1.{number // 250}.{number % 250 + 1}"


@pytest.fixture(scope="module")
def server_settings():
    return {"UNKNOWN_CHARGE_POINTS": "refuse"}


async def ask(target, *headers: str, identity: str = STATION, **options):
    async with dial(target.port) as line:
        await line.send(upgrade(identity, somewhere(), *headers, **options))
        return await line.answer()


async def test_h01_without_a_password(target, refused):
    answer = await ask(target)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="ocpp"'
    assert await refused(1) == [("no_password", 401)]


async def test_h02_wrong_passwords(target, refused):
    assert (await ask(target, basic(STATION, STATION_KEY[:-1]))).status == 401
    assert (await ask(target, basic(STATION, b"\0" * 20))).status == 401
    assert await refused(2) == [("wrong_password", 401)] * 2


async def test_h03_the_password_under_another_name(target, refused):
    assert (await ask(target, basic("CP2", STATION_KEY))).status == 401
    assert await refused(1) == [("wrong_user", 401)]


async def test_h04_what_is_no_password(target, refused):
    for value in ("Basic %%%", "Bearer x", "Basic", "Digest username=CP1"):
        assert (await ask(target, f"Authorization: {value}")).status == 401
    assert await refused(4) == [("bad_authorization", 401)] * 4
    assert (await ask(target, "Authorization: Basic " + "A" * 64 * 1024)).status in (400, 431)
    assert (await ask(target, "Authorization: Basic " + "A" * 7 * 1024)).status == 401
    assert (await ask(target, *(f"X-{number}: y" for number in range(200)))).status in (400, 431)


@pytest.mark.parametrize("password", [STATION_KEY, STATION_KEY.hex().encode(), STATION_KEY.hex().upper().encode()])
async def test_h05_h06_the_key_as_bytes_or_as_hex(target, password):
    assert (await ask(target, basic(STATION, password))).status == 101


async def test_h07_a_password_with_colons(target):
    target.run("create_charge_point", "COLONS", "--accept", "--password", "a:b::c:a long one")
    assert (await ask(target, basic("COLONS", "a:b::c:a long one"), identity="COLONS")).status == 101
    assert (await ask(target, basic("COLONS", "a"), identity="COLONS")).status == 401


async def test_h08_who_is_unknown_here(target, refused):
    assert (await ask(target, basic("NOBODY", STATION_KEY), identity="NOBODY")).status == 404
    assert (await ask(target, identity="NOBODY")).status == 404
    assert await refused(2) == [("unknown", 404)] * 2
    assert target.query("SELECT count(*) FROM stations_chargepoint WHERE identity = 'NOBODY'") == [(0,)]


async def test_h02_h03_h08_tell_nothing_more_than_their_status(target):
    """Who was wrong about what stands among the connection attempts, for people; the caller hears a status."""
    target.run("create_charge_point", "ARCHIVED", "--accept", "--password", STATION_KEY.hex())
    with_archived = [
        await ask(target, basic(STATION, b"wrong")),
        await ask(target, basic("CP2", STATION_KEY)),
        await ask(target),
        await ask(target, "Authorization: Bearer x"),
    ]
    assert {(answer.status, answer.body) for answer in with_archived} == {(401, with_archived[0].body)}
    assert len({tuple(sorted({**answer.headers, "date": ""}.items())) for answer in with_archived}) == 1


async def test_h02_h03_h08_take_the_same_time(target):
    """S16: a key is compared in constant time, and a name that is unknown is looked up like any other."""
    kinds = {
        "wrong key": lambda: ask(target, basic(STATION, b"\1" * 20)),
        "wrong name": lambda: ask(target, basic("CP2", STATION_KEY)),
        "unknown": lambda: ask(target, basic("NOBODY", STATION_KEY), identity="NOBODY"),
    }
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(200):  # in turns, so that whatever else the machine does hits all of them
        for kind, call in kinds.items():
            began = time.perf_counter()
            await call()
            took[kind].append(time.perf_counter() - began)
    medians = [statistics.median(times) for times in took.values()]
    assert max(medians) - min(medians) < 0.02, took


async def test_h09_a_name_with_a_blank(target):
    target.run("create_charge_point", "RDAM 123", "--accept", "--password", STATION_KEY.hex())
    assert (await ask(target, basic("RDAM 123", STATION_KEY), path="/ocpp/RDAM%20123")).status == 101


@pytest.mark.parametrize(
    "path",
    ["/ocpp/", "/ocpp", "/ocpp/..", "/ocpp/.", "/ocpp/%00", "/ocpp/%0d%0aX:1", "/ocpp/" + "x" * 300, "/ocpp/%ff"],
)
async def test_h10_paths_that_name_nobody(target, path, refused):
    before = target.query("SELECT count(*) FROM stations_chargepoint")
    lines = len(target.server.output)
    answer = await ask(target, RIGHT, path=path)
    assert answer.status == 404
    assert "x" not in answer.headers
    ((_reason, status),) = await refused(1)
    assert status == 404
    assert target.query("SELECT count(*) FROM stations_chargepoint") == before
    said = [line for line in target.server.output[lines:] if line.strip()]
    assert [line for line in said if "charger refused" not in line] == []


async def test_h11_a_name_in_another_case(target):
    assert (await ask(target, RIGHT, identity="cp1")).status == 101
    assert target.query("SELECT count(*) FROM stations_chargepoint WHERE upper(identity) = 'CP1'") == [(1,)]


async def test_h12_no_subprotocol(target):
    answer = await ask(target, RIGHT, subprotocol=None)
    assert answer.status == 101
    assert "sec-websocket-protocol" not in answer.headers
    assert target.query("SELECT subprotocol_missing FROM stations_chargepoint WHERE identity = 'CP1'") == [(True,)]


@pytest.mark.parametrize("offered", ["ocpp0.1", "ocpp2.0.1", "ocpp0.1, ocpp2.0.1", "OCPP1.6", "ocpp1.6j", ",", ""])
async def test_h13_h15_only_subprotocols_we_do_not_speak(target, offered, refused):
    assert (await ask(target, RIGHT, subprotocol=offered)).status == 400
    if offered.strip(", "):  # else the library has refused what is no list
        assert await refused(1) == [("subprotocol", 400)]


@pytest.mark.parametrize("offered", ["ocpp0.1, ocpp1.6", "ocpp1.5, ocpp1.6", "ocpp1.6,ocpp2.0.1", "ocpp1.6,ocpp1.6"])
async def test_h14_ours_among_others(target, offered):
    answer = await ask(target, RIGHT, subprotocol=offered)
    assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, "ocpp1.6")


async def test_h14_the_header_given_twice(target):
    answer = await ask(target, RIGHT, "Sec-WebSocket-Protocol: ocpp1.6", subprotocol="ocpp0.1")
    assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, "ocpp1.6")


async def test_h16_a_charger_with_an_origin(target):
    assert (await ask(target, RIGHT, "Origin: http://127.0.0.1:9999")).status == 101


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null"])
async def test_h17_another_sites_page_on_the_operators_socket(target, origin):
    assert (await ask(target, f"Origin: {origin}", path="/ws/ui/", subprotocol=None)).status == 403


async def test_h17_without_a_login_the_operators_socket_closes(target):
    async with dial(target.port) as line:
        await line.send(upgrade(path="/ws/ui/", subprotocol=None, host=f"localhost:{target.port}"))
        assert (await line.answer()).status in (101, 403)
        assert await line.close_code() in (4401, None)


@pytest.mark.parametrize("host", ["192.0.2.7", "unknown.example", "192.0.2.7:9000", ""])
async def test_h18_any_host_is_good_for_chargers_but_not_for_pages(target, host):
    assert (await ask(target, RIGHT, host=host)).status == 101
    async with dial(target.port) as line:
        await line.send(f"GET /login/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert (await line.answer()).status == 400


async def test_h18_no_host_at_all(target):
    """RFC 9112 §3.2: a request without it is answered with 400, whoever sends it."""
    assert (await ask(target, RIGHT, host=None)).status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "PUT"])
async def test_h19_no_upgrade_at_all(target, method):
    async with dial(target.port) as line:
        await line.send(f"{method} /ocpp/CP1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        head = await line.reader.readuntil(b"\r\n")
    assert int(head.split()[1]) in (400, 405, 426)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"version": "8"}, 400),
        ({"version": "x"}, 400),
        ({"key": None}, 400),
        ({"key": "short"}, 400),
        ({"key": "%%%"}, 400),
    ],
)
async def test_h20_upgrades_out_of_shape(target, options, status):
    assert (await ask(target, RIGHT, **options)).status == status


async def test_h20_requests_out_of_shape(target):
    for request in (b"GET / HTTP/x.1\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 64):
        async with dial(target.port) as line:
            await line.send(request + b"\r\n\r\n")
            if head := await line.reader.read(64):
                assert head.split()[1] == b"400", request
    assert await target.status(RIGHT) == 101


async def test_h21_tls_is_what_a_trusted_proxy_says(target, refused):
    """127.0.0.1 is one, 127.0.0.2 is anybody."""
    target.run("create_charge_point", "ONTLS", "--accept", "--password", STATION_KEY.hex())
    right, over_tls = basic("ONTLS", STATION_KEY), "X-Forwarded-Proto: https"
    assert (await ask(target, right, over_tls, identity="ONTLS")).status == 101
    assert target.query("SELECT minimum_security_profile FROM stations_chargepoint WHERE identity = 'ONTLS'") == [(2,)]
    assert (await ask(target, right, identity="ONTLS")).status == 403
    async with dial(target.port, source="127.0.0.2") as stranger:
        await stranger.send(upgrade("ONTLS", right, over_tls, "X-Forwarded-For: 127.0.0.1"))
        assert (await stranger.answer()).status == 403
    assert await refused(2) == [("insecure", 403)] * 2


async def test_h34_guesses_are_limited_and_the_real_charger_is_not(target):
    target.run("create_charge_point", "GUESSED", "--accept", "--password", STATION_KEY.hex())
    right, here = basic("GUESSED", STATION_KEY), somewhere()
    async with target.station("GUESSED", right) as real:
        for number in range(22):
            answer = await ask_from(target, here, basic("GUESSED", f"guess {number}"), identity="GUESSED")
            assert answer.status == (401 if number < 20 else 429)
        assert answer.headers["retry-after"] == "60"
        assert "Heartbeat" not in await target.heartbeat(real)
        assert (await ask(target, right, identity="GUESSED")).status == 101


async def test_h34_names_are_guessed_a_hundred_times_at_most(target):
    here = somewhere()
    statuses = [(await ask_from(target, here, basic(STATION, f"{number}"))).status for number in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    statuses = [(await ask_from(target, here, identity=f"GUESS{number}")).status for number in range(52)]
    assert statuses == [404] * 50 + [429] * 2


async def ask_from(target, here: str, *headers: str, identity: str = STATION):
    async with dial(target.port) as line:
        await line.send(upgrade(identity, here, *headers))
        return await line.answer()


def test_nothing_of_all_that_was_an_error(target):
    """Last, over the whole module."""
    assert "Traceback" not in target.server.log
    assert STATION_KEY.hex() not in target.server.log.lower()
