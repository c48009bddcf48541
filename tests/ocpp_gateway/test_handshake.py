"""The upgrade: identity, subprotocol, credentials (reliability H01–H18)."""

import base64

import pytest
from asgiref.sync import sync_to_async

from ocpp_gateway.handshake import identity_from_path
from plugcontrol.asgi import application
from stations import credentials, services
from stations.models import ChargePoint, ConnectionAttempt, SecurityEvent
from tests.conftest import make_station

KEY = bytes.fromhex("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF")


def basic(user: str, password: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"authorization", b"Basic " + base64.b64encode(user.encode() + b":" + password)),)


async def with_password(station: ChargePoint, password: str) -> None:
    await sync_to_async(credentials.set_password)(station, password)


async def attempts(stored) -> list[tuple[str, int, int]]:
    return await stored(lambda: list(ConnectionAttempt.objects.values_list("reason", "status_code", "count")))


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/CP1", "CP1"),
        ("/ocpp/CP1/", "CP1"),
        ("/OCPP/CP1", "CP1"),
        ("/devices/CP1", "CP1"),
        ("/OCPP16/tenant/token/CP1", "CP1"),
        ("/CP1", "CP1"),
        ("//ocpp//CP1", "CP1"),
        ("/ocpp/RDAM%20123", "RDAM 123"),
        ("/ocpp/a%2Fb", "a/b"),
        ("/ocpp/%2541", "%41"),
        ("/ocpp/007", "007"),
        ("/ocpp/%20x", " x"),
        ("/ocpp/S%C3%A4ule", "Säule"),
        ("/ocpp", None),
        ("/ocpp/", None),
        ("/", None),
        ("", None),
        ("/ws/ui/", None),
        ("/ocpp/..", ""),
        ("/ocpp/.", ""),
        ("/ocpp/%00", ""),
        ("/ocpp/%0d%0aX:1", ""),
        ("/ocpp/%ff", ""),
        ("/ocpp/" + "x" * 255, "x" * 255),
        ("/ocpp/" + "x" * 256, ""),
    ],
)
def test_identity_from_path(path, identity):
    assert identity_from_path(path.encode()) == identity


async def test_ocpp16_is_echoed(station, connect):
    cp = await connect(subprotocols=("ocpp0.1", "ocpp1.6"))
    assert (cp.status, cp.subprotocol) == (101, "ocpp1.6")


@pytest.mark.parametrize("offered", [("ocpp0.1",), ("ocpp2.0.1",), ("OCPP1.6",), ("ocpp1.6j",)])
async def test_only_unsupported_subprotocols(station, connect, stored, offered):
    cp = await connect(subprotocols=offered)
    assert cp.status == 400
    assert await attempts(stored) == [("subprotocol", 400, 1)]


async def test_no_subprotocol_is_tolerated_and_flagged(station, connect, stored):
    cp = await connect(subprotocols=())
    assert (cp.status, cp.subprotocol) == (101, None)
    assert await stored(lambda: ChargePoint.objects.get().subprotocol_missing)


async def test_a_strict_station_must_offer_the_subprotocol(gateway, connect, stored):
    await sync_to_async(make_station)(strict=True)
    cp = await connect(subprotocols=())
    assert cp.status == 400
    assert await attempts(stored) == [("no_subprotocol", 400, 1)]


async def test_a_setting_requires_the_subprotocol(station, connect, settings):
    settings.REQUIRE_SUBPROTOCOL = True
    assert (await connect(subprotocols=())).status == 400


async def test_origin_and_host_do_not_matter(station, connect):
    headers = ((b"origin", b"http://127.0.0.1:9999"), (b"host", b"10.0.0.1"))
    assert (await connect(headers=headers)).status == 101


async def test_a_station_without_credential_needs_none(station, connect, stored):
    assert (await connect(headers=basic("CP1", b"whatever"))).status == 101
    assert await stored(lambda: ChargePoint.objects.get().security_profile) == 0


async def test_missing_password(station, connect, stored):
    await with_password(station, "correct horse battery")
    cp = await connect()
    assert cp.status == 401
    assert cp.response_headers[b"www-authenticate"] == b'Basic realm="ocpp"'
    assert await attempts(stored) == [("no_password", 401, 1)]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (basic("CP1", b"wrong"), "wrong_password"),
        (basic("CP1", b""), "no_password"),
        (basic("CP2", b"correct horse battery"), "wrong_user"),
        (((b"authorization", b"Basic %%%"),), "bad_authorization"),
        (((b"authorization", b"Bearer x"),), "bad_authorization"),
        (((b"authorization", b"Basic"),), "bad_authorization"),
        (((b"authorization", b"Basic " + base64.b64encode(b"nocolon")),), "bad_authorization"),
        (((b"authorization", b"Basic " + base64.b64encode(b"\xff\xfe:x")),), "wrong_user"),
    ],
)
async def test_wrong_credentials(station, connect, stored, headers, reason):
    await with_password(station, "correct horse battery")
    assert (await connect(headers=headers)).status == 401
    assert await attempts(stored) == [(reason, 401, 1)]


@pytest.mark.parametrize(
    ("password", "presented"),
    [
        (KEY.hex(), KEY),
        (KEY.hex(), KEY.hex().encode()),
        (KEY.hex(), KEY.hex().upper().encode()),
        ("correct horse battery", b"correct horse battery"),
        ("correct horse battery", b"correct horse battery".hex().encode()),
        ("with:colon:inside!", b"with:colon:inside!"),
        ("pässwörd", "pässwörd".encode()),
        ("short", b"short"),
    ],
)
async def test_passwords_as_bytes_hex_or_text(station, connect, stored, password, presented):
    await with_password(station, password)
    assert (await connect(headers=basic("cp1", presented))).status == 101
    assert await stored(lambda: ChargePoint.objects.get().security_profile) == 1


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [
        ("00:1A:2B:3C:4D:5E", b"with:colon:inside!", 101),
        ("00:1a:2b:3c:4d:5e", b"with:colon:inside!", 101),
        ("00:1A:2B:3C:4D:5E", b"other:inside!", 401),
        ("00:1A:2B:3C:4D:5F", b"with:colon:inside!", 401),
        ("00", b"with:colon:inside!", 401),
    ],
)
async def test_an_identity_with_colons_is_a_user_too(connect, stored, user, password, status):
    """Many chargers are called by their network address."""
    await with_password(await sync_to_async(make_station)("00:1A:2B:3C:4D:5E"), "with:colon:inside!")
    assert (await connect("00:1A:2B:3C:4D:5E", headers=basic(user, password))).status == status


async def test_basic_auth_over_tls_is_profile_2(station, connect, stored):
    await with_password(station, "correct horse battery")
    await connect(headers=basic("CP1", b"correct horse battery"), scheme="wss")
    assert await stored(lambda: ChargePoint.objects.get().security_profile) == 2


async def security_events(stored) -> list[tuple[str, str]]:
    return await stored(lambda: list(SecurityEvent.objects.values_list("type", "tech_info")))


async def test_a_station_seen_on_tls_stays_on_tls(station, connect, stored):
    await with_password(station, "correct horse battery")
    headers = basic("CP1", b"correct horse battery")
    assert (await connect(headers=headers, scheme="wss")).status == 101
    assert [(await connect(headers=headers)).status for _ in range(3)] == [403] * 3
    assert await attempts(stored) == [("insecure", 403, 3)]
    assert await security_events(stored) == [
        ("SecurityProfileDowngrade", "refused: profile 1 from 192.168.1.57, at least 2 is required")
    ]
    assert await stored(lambda: SecurityEvent.objects.get().is_critical)
    assert (await connect(headers=headers, scheme="wss")).status == 101


async def test_guesses_over_plain_ws_are_wrong_passwords_and_no_downgrade(station, connect, stored):
    await with_password(station, "correct horse battery")
    await connect(headers=basic("CP1", b"correct horse battery"), scheme="wss")
    assert (await connect(headers=basic("CP1", b"guess"))).status == 401
    assert await security_events(stored) == []


async def test_an_operator_lets_a_station_come_back_without_tls(station, connect, stored):
    await with_password(station, "correct horse battery")
    headers = basic("CP1", b"correct horse battery")
    await connect(headers=headers, scheme="wss")
    await stored(lambda: ChargePoint.objects.update(minimum_security_profile=1))
    assert (await connect(headers=headers)).status == 101
    profiles = await stored(ChargePoint.objects.values_list("security_profile", "minimum_security_profile").get)
    assert profiles == (1, 1)


async def test_without_its_password_a_station_has_no_minimum(station, connect):
    await with_password(station, "correct horse battery")
    await connect(headers=basic("CP1", b"correct horse battery"), scheme="wss")
    await sync_to_async(lambda: credentials.remove(ChargePoint.objects.get()))()
    assert (await connect()).status == 101


async def test_a_minimum_holds_before_the_first_connection(gateway, connect):
    station = await sync_to_async(make_station)(minimum_security_profile=2)
    await with_password(station, "correct horse battery")
    assert (await connect(headers=basic("CP1", b"correct horse battery"))).status == 403


async def test_a_generated_key_is_stored_hashed(station, connect, stored):
    key = await sync_to_async(credentials.generate_key)(station)
    assert (await connect(headers=basic("CP1", bytes.fromhex(key)))).status == 101
    hashed = await stored(lambda: ChargePoint.objects.get().credential_hash)
    assert key.lower() not in hashed.lower()


async def test_a_changed_password_beats_the_cache(station, connect):
    await with_password(station, "correct horse battery")
    assert (await connect(headers=basic("CP1", b"correct horse battery"))).status == 101
    await with_password(station, "another long password")
    assert (await connect(headers=basic("CP1", b"correct horse battery"))).status == 401


async def test_unknown_station_under_refuse(gateway, connect, stored, settings):
    settings.UNKNOWN_CHARGE_POINTS = "refuse"
    assert (await connect("STRANGER")).status == 404
    assert await attempts(stored) == [("unknown", 404, 1)]
    assert await stored(ChargePoint.objects.count) == 0


async def test_identity_in_another_case_is_the_same_station(station, connect, stored):
    assert (await connect("cp1")).status == 101
    assert await stored(ChargePoint.objects.count) == 1


async def test_an_archived_station_stays_out(gateway, connect, stored):
    await sync_to_async(make_station)(archived_at="2026-01-01T00:00:00Z")
    assert (await connect()).status == 404
    assert await attempts(stored) == [("archived", 404, 1)]


async def test_no_identity_is_remembered_once(gateway, connect, stored):
    for _ in range(3):
        assert (await connect(path="/ocpp")).status == 404
    assert await attempts(stored) == [("no_identity", 404, 3)]


async def test_hostile_paths_and_headers_are_storable(gateway, connect, stored):
    headers = ((b"user-agent", b"evil\0agent\xff"),)
    assert (await connect(path="/ocpp/%00", headers=headers)).status == 404
    assert await attempts(stored) == [("bad_identity", 404, 1)]


async def test_guessing_is_limited_but_the_real_station_is_not(station, connect):
    await with_password(station, "correct horse battery")
    real = basic("CP1", b"correct horse battery")
    assert (await connect(headers=real, address="10.0.0.9")).status == 101
    statuses = [(await connect(headers=basic("CP1", b"guess"), address="10.6.6.6")).status for _ in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    assert (await connect(headers=real, address="10.0.0.9")).status == 101


async def test_guessing_at_many_stations_is_limited_per_address(gateway, connect):
    for number in range(7):
        await with_password(await sync_to_async(make_station)(f"CP{number}"), KEY.hex())
    guesses = [(f"CP{number % 6}", f"{number}".encode()) for number in range(102)]
    statuses = [(await connect(who, headers=basic(who, word), address="10.6.6.6")).status for who, word in guesses]
    assert statuses == [401] * 100 + [429] * 2
    # who knows it does not guess
    assert (await connect("CP6", headers=basic("CP6", KEY), address="10.6.6.6")).status == 101


async def test_ever_new_names_do_not_fill_the_disk(gateway, connect, stored, monkeypatch):
    monkeypatch.setattr(services, "MAX_ATTEMPTS", 3)
    for number in range(9):
        path = "/ocpp" if number == 6 else f"/ocpp/%00{number}"
        assert (await connect(path=path, address=f"10.0.0.{number}")).status == 404
    assert (await connect(path="/ocpp/%000", address="10.0.0.0")).status == 404  # known still
    columns = ("reason", "path", "remote_address", "count")
    assert await stored(lambda: list(ConnectionAttempt.objects.order_by("pk").values_list(*columns))) == [
        ("bad_identity", "/ocpp/%000", "10.0.0.0", 2),
        ("bad_identity", "/ocpp/%001", "10.0.0.1", 1),
        ("bad_identity", "/ocpp/%002", "10.0.0.2", 1),
        ("bad_identity", "", "", 5),
        ("no_identity", "", "", 1),
    ]


async def test_unknown_identities_are_limited_per_address(gateway, connect, settings):
    settings.UNKNOWN_CHARGE_POINTS = "refuse"
    statuses = [(await connect(f"GUESS{n}", address="10.6.6.6")).status for n in range(52)]
    assert statuses == [404] * 50 + [429] * 2
    assert (await connect("OTHER", address="10.0.0.9")).status == 404


async def test_strangers_and_friends_cost_the_writer_one_job_to_be_known(gateway, connect, monkeypatch):
    """A storm of them would otherwise pass through the writer's queue twice."""
    jobs = []
    submit = gateway.writer.submit

    async def listed(job):
        jobs.append(job.run.__qualname__)
        return await submit(job)

    monkeypatch.setattr(gateway.writer, "submit", listed)
    for _ in range(2):
        assert (await connect("NEW")).status == 101
    assert sum("_identify" in job for job in jobs) == 2


async def test_who_is_refused_is_not_entered(gateway, connect, stored):
    assert (await connect("NEW", subprotocols=("ocpp2.0.1",))).status == 400
    assert await stored(ChargePoint.objects.count) == 0


async def test_a_server_that_knows_no_denial_response_closes(gateway, connect, settings):
    settings.UNKNOWN_CHARGE_POINTS = "refuse"
    assert (await connect("STRANGER", extensions=())).status == 403


async def test_while_draining_nobody_gets_in(station, gateway, connect, stored):
    gateway.is_draining = True
    cp = await connect()
    assert cp.status == 503
    assert b"retry-after" in cp.response_headers
    assert await attempts(stored) == []


async def test_who_is_gone_before_the_refusal_is_no_fault_of_ours(gateway, caplog):
    scope = {"type": "websocket", "path": "/ocpp/..", "raw_path": b"/ocpp/..", "query_string": b"", "headers": []}
    scope |= {"client": ("192.168.1.57", 50000), "subprotocols": ["ocpp1.6"], "scheme": "ws"}
    events = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}])

    async def receive():
        return next(events)

    async def is_gone(_message):
        raise ConnectionResetError

    await application(scope | {"extensions": {"websocket.http.response": {}}}, receive, is_gone)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
