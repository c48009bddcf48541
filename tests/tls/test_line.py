"""The TLS line: what is spoken, who gets in with what, and what is written down about those who do not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl

import pytest
from asgiref.sync import sync_to_async

from certificates.models import StationCertificate
from stations import credentials
from stations.models import ChargePoint

from .conftest import KEY, alert_of, client_context
from .pki import DAY

SUITES = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa"),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", "ecdsa"),
    ("AES128-GCM-SHA256", "rsa"),
    ("AES256-GCM-SHA384", "rsa"),
]


def speaking(pki, *, version=ssl.TLSVersion.TLSv1_2, suites="") -> ssl.SSLContext:
    context = client_context(pki)
    context.minimum_version = context.maximum_version = version
    if suites:
        context.set_ciphers(suites + ":@SECLEVEL=0")
    return context


@pytest.fixture
async def protected(station) -> ChargePoint:
    await sync_to_async(credentials.set_password)(station, KEY)
    return station


async def heartbeat(wire) -> None:
    await wire.send('[2,"1","Heartbeat",{}]')
    while True:
        frame = json.loads(await asyncio.wait_for(wire.recv(), 10))
        if frame[0] == 3:
            return


async def profiles(stored) -> tuple[int, int]:
    return await stored(ChargePoint.objects.values_list("security_profile", "minimum_security_profile").get)


async def settled(line) -> None:
    """The handshakes that failed on the charger's side have failed on ours too."""
    await asyncio.gather(*line.server._door._handshakes, return_exceptions=True)


# What is spoken


@pytest.mark.parametrize(("suite", "kind"), SUITES)
async def test_the_four_suites_of_the_white_paper(line, station, pki, suite, kind):
    async with line.dials(context=speaking(pki, suites=suite)) as wire:
        ssl_object = wire.transport.get_extra_info("ssl_object")
        assert (ssl_object.cipher()[0], ssl_object.version()) == (suite, "TLSv1.2")
        assert ssl_object.compression() is None
        shown = ssl_object.getpeercert(binary_form=True)
        assert ssl.DER_cert_to_PEM_cert(shown) == getattr(pki, kind).pem


async def test_tls_1_3_is_spoken(line, station, pki):
    async with line.dials(context=speaking(pki, version=ssl.TLSVersion.TLSv1_3)) as wire:
        assert wire.transport.get_extra_info("ssl_object").version() == "TLSv1.3"


@pytest.mark.parametrize(
    "suites", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-CHACHA20-POLY1305", "AES128-SHA256"]
)
async def test_other_suites_are_refused(line, station, pki, attempts, suites):
    assert await line.is_cut(context=speaking(pki, suites=suites))
    assert await attempts() == [("tls_failed", "the charger knows none of the cipher suites that are allowed", 0)]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_older_versions_are_refused(line, station, pki, attempts, version):
    assert await line.is_cut(context=speaking(pki, version=version, suites="ALL"))
    assert await attempts() == [("tls_failed", "the charger speaks no TLS 1.2", 0)]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_a_charger_is_told_why(line, station, pki):
    old = speaking(pki, version=ssl.TLSVersion.TLSv1_1, suites="ALL")
    expired = client_context(pki, pki.chargers.signs("CP1", begins=-2 * DAY, ends=-DAY))
    assert await asyncio.to_thread(alert_of, line.tls_port, old) == "TLSV1_ALERT_PROTOCOL_VERSION"
    assert await asyncio.to_thread(alert_of, line.tls_port, expired) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"


async def test_a_resumed_session_is_judged_like_a_new_one(line, demanding, pki, stored, attempts):
    """TLS does not look at the certificate again; the gateway does."""
    context = client_context(pki, pki.chargers.signs("CP1"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def dial(session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None, bool]:
        with (
            socket.create_connection(("127.0.0.1", line.tls_port)) as wire,
            context.wrap_socket(wire, server_hostname="localhost", session=session) as secure,
        ):
            secure.sendall(UPGRADE)
            return secure.recv(4096).split(b"\r\n")[0], secure.session, bool(secure.session_reused)

    first, session, _ = await asyncio.to_thread(dial, None)
    second, _, was_resumed = await asyncio.to_thread(dial, session)
    assert (first[:12], second[:12], was_resumed) == (b"HTTP/1.1 101", b"HTTP/1.1 101", True)
    await stored(lambda: StationCertificate.objects.update(revoked_at=demanding.booted_at, revocation="lost"))
    assert (await asyncio.to_thread(dial, session))[0][:12] == b"HTTP/1.1 403"
    assert [row[0] for row in await attempts()] == ["revoked_certificate"]


async def test_renegotiation_and_compression_are_off(line):
    context = line.server._door.context
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION


# Handshakes that fail


async def test_a_charger_that_does_not_trust_us_and_says_so(line, station, pki, attempts):
    def dial() -> None:
        context = ssl.create_default_context(cadata=pki.strangers.pair.pem)
        with socket.create_connection(("127.0.0.1", line.tls_port)) as wire, pytest.raises(ssl.SSLError):
            context.wrap_socket(wire, server_hostname="localhost")

    await asyncio.to_thread(dial)
    await settled(line)
    assert await attempts() == [("tls_failed", "the charger does not trust this server's certificate", 0)]


async def test_a_charger_that_leaves_when_it_sees_our_certificate(line, station, pki, attempts):
    assert await line.is_cut(context=ssl.create_default_context(cadata=pki.strangers.pair.pem))
    await settled(line)
    assert [row[:2] for row in await attempts()] == [
        ("tls_failed", "the charger left when it saw this server's certificate; it may not trust it")
    ]


async def test_plain_words_on_the_secure_port(line, attempts):
    reader, writer = await asyncio.open_connection("127.0.0.1", line.tls_port)
    writer.write(b"GET /ocpp/CP1 HTTP/1.1\r\n\r\n")
    await reader.read()
    writer.close()
    assert await attempts() == [("tls_failed", "the charger speaks ws:// on the port of wss://", 0)]


async def test_who_leaves_without_a_word_is_not_written_down(line, station, attempts):
    with socket.create_connection(("127.0.0.1", line.tls_port)):
        pass
    assert await line.status() == 101
    await settled(line)
    assert await attempts() == []


async def test_who_never_begins_is_cut_off(gateway, tls_settings, pki, line, attempts, monkeypatch):
    monkeypatch.setattr("plugcontrol.tls_door.HANDSHAKE_TIMEOUT_S", 0.05)
    reader, _writer = await asyncio.open_connection("127.0.0.1", line.tls_port)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    assert [row[0] for row in await attempts()] == ["tls_failed"]


async def test_a_flood_of_failures_is_not_all_written_down(line, attempts, stored, caplog):
    from stations.models import ConnectionAttempt

    caplog.set_level(logging.INFO, logger="plugcontrol.tls_door")

    async def fail() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.tls_port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()

    await asyncio.gather(*(fail() for _ in range(30)))
    await attempts()
    assert (await stored(ConnectionAttempt.objects.get)).count == 20
    assert sum("TLS handshake failed" in record.getMessage() for record in caplog.records) == 20


async def test_what_comes_with_the_end_of_the_handshake_is_not_lost(line, station, pki):
    """The charger's last words of the handshake and its upgrade arrive in one piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", line.tls_port)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    charger = client_context(pki).wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            charger.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await asyncio.wait_for(reader.read(65536), 10))
    charger.write(UPGRADE)
    writer.write(outgoing.read())
    answer = b""
    while b"\r\n" not in answer:
        incoming.write(await asyncio.wait_for(reader.read(65536), 10))
        with contextlib.suppress(ssl.SSLWantReadError):
            answer += charger.read(65536)
    assert answer.startswith(b"HTTP/1.1 101 ")
    writer.close()


UPGRADE = (
    b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


async def test_pages_answer_on_the_secure_port(line, pki):
    reader, writer = await asyncio.open_connection("127.0.0.1", line.tls_port, ssl=client_context(pki))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 200")
    writer.close()


# Profile 2


async def test_profile_2(line, protected, stored):
    async with line.dials(key=KEY) as wire:
        await heartbeat(wire)
        assert await profiles(stored) == (2, 2)
        assert (await stored(ChargePoint.objects.get)).remote_address == "127.0.0.1"
    assert await line.status(key=KEY, secure=False) == 403


async def test_a_wrong_password_over_tls(line, protected, attempts):
    assert await line.status(key="AA" * 20) == 401
    assert await line.status() == 401
    assert [row[0] for row in await attempts()] == ["wrong_password", "no_password"]


# Profile 3


async def test_profile_3(line, protected, pki, stored):
    async with line.dials(own=pki.chargers.signs("CP1")) as wire:
        await heartbeat(wire)
        assert await profiles(stored) == (3, 3)
        used = await stored(StationCertificate.objects.get)
        assert used.charge_point_id == protected.pk
        assert used.last_used_at is not None


@pytest.mark.parametrize("kind", ["ec", "rsa"])
async def test_profile_3_without_any_password_and_with_either_key(line, station, pki, stored, kind):
    assert await line.status(own=pki.chargers.signs("CP1", kind=kind)) == 101
    assert await profiles(stored) == (3, 3)


async def test_a_serial_number_is_as_good_as_the_identity(line, station, pki, stored):
    await stored(lambda: ChargePoint.objects.update(serial_number="SN-0815"))
    assert await line.status(own=pki.chargers.signs("SN-0815")) == 101


@pytest.fixture
async def demanding(station) -> ChargePoint:
    """Its minimum is 3."""
    await sync_to_async(credentials.set_password)(station, KEY)
    station.minimum_security_profile = 3
    await sync_to_async(station.save)()
    return station


CUT = {
    "expired": ({"begins": -2 * DAY, "ends": -DAY}, "it has expired"),
    "not yet valid": ({"begins": DAY}, "it is not valid yet"),
}


@pytest.mark.parametrize("wrong", CUT)
async def test_certificates_that_fail_at_tls(line, demanding, pki, attempts, wrong):
    options, words = CUT[wrong]
    assert await line.is_cut(own=pki.chargers.signs("CP1", **options))
    assert await attempts() == [("bad_certificate", words, 0)]


async def test_a_certificate_of_another_ca(line, demanding, pki, attempts):
    assert await line.is_cut(own=pki.strangers.signs("CP1"))
    ((reason, details, status),) = await attempts()
    assert (reason, status) == ("bad_certificate", 0)
    assert "this server's CA" in details


async def test_a_certificate_for_servers_is_none_for_chargers(line, demanding, pki, attempts):
    assert await line.is_cut(own=pki.chargers.signs("CP1", server=True))
    assert [row[0] for row in await attempts()] == ["bad_certificate"]


async def test_the_certificate_of_another_charger(line, demanding, pki, attempts):
    assert await line.status(own=pki.chargers.signs("CP2")) == 403
    ((reason, details, status),) = await attempts()
    assert (reason, status) == ("wrong_certificate", 403)
    assert "CP2" in details


async def test_the_certificate_of_another_operator(line, demanding, pki, attempts):
    assert await line.status(own=pki.chargers.signs("CP1", operator="Other Ltd")) == 403
    assert [row[0] for row in await attempts()] == ["wrong_certificate"]


async def test_no_certificate_where_one_is_required(line, demanding, attempts):
    assert await line.status(key=KEY) == 403
    assert await line.status(secure=False) == 403
    assert [(row[0], row[2]) for row in await attempts()] == [("no_certificate", 403)]


async def test_the_password_alone_over_plain_ws_is_a_downgrade(line, demanding, attempts):
    assert await line.status(key=KEY, secure=False) == 403
    assert [row[0] for row in await attempts()] == ["insecure"]


async def test_a_revoked_certificate(line, demanding, pki, stored, attempts):
    own = pki.chargers.signs("CP1")
    assert await line.status(own=own) == 101
    now = await stored(lambda: ChargePoint.objects.get().last_seen_at)
    await stored(lambda: StationCertificate.objects.update(revoked_at=now, revocation="lost"))
    assert await line.status(own=own, key=KEY) == 403
    assert [row[0] for row in await attempts()] == ["revoked_certificate"]


async def test_an_archived_charger_with_a_good_certificate(line, station, pki, stored, attempts):
    await stored(lambda: ChargePoint.objects.update(archived_at="2026-01-01T00:00:00Z"))
    assert await line.status(own=pki.chargers.signs("CP1")) == 404
    assert [row[0] for row in await attempts()] == ["archived"]


# Between 2 and 3


async def test_a_certificate_beside_the_password_does_not_raise_the_minimum(line, protected, pki, stored):
    """A charger shows its new certificate before it is told to use it: it must be able to come without it again."""
    assert await line.status(own=pki.chargers.signs("CP1"), key=KEY) == 101
    assert await profiles(stored) == (2, 2)
    assert await line.status(key=KEY) == 101


async def test_a_good_certificate_does_not_make_up_for_a_wrong_password(line, protected, pki):
    assert await line.status(own=pki.chargers.signs("CP1"), key="AA" * 20) == 401


async def test_below_profile_3_the_password_makes_up_for_a_wrong_certificate(line, protected, pki, attempts):
    wrong = pki.chargers.signs("CP2")
    assert await line.status(own=wrong, key=KEY) == 101
    assert await line.status(own=wrong) == 403
    assert [row[0] for row in await attempts()] == ["wrong_certificate"]


async def test_a_stranger_with_a_certificate_waits_for_approval(line, gateway, pki, stored):
    assert await line.status("NEW", own=pki.chargers.signs("NEW")) == 101
    row = await stored(ChargePoint.objects.get)
    assert (row.registration_status, row.security_profile) == ("Pending", 3)


async def test_a_station_that_had_no_password_is_no_more_open_to_all_after_its_certificate(line, station, pki, stored):
    assert await line.status() == 101
    assert await line.status(own=pki.chargers.signs("CP1")) == 101
    assert await line.status() == 403
