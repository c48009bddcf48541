"""A proxy that ends TLS passes a charger's certificate in a header: believed from a trusted one, from nobody else."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from cryptography.hazmat.primitives.serialization import Encoding

from certificates.models import StationCertificate
from stations.models import ChargePoint, ConnectionAttempt

HEADER = b"x-client-certificate"
PROXY = "127.0.0.1"
OVER_TLS = (b"x-forwarded-proto", b"https")
BEHIND = (b"x-forwarded-for", b"192.168.1.57")


@pytest.fixture(autouse=True)
def passed_on(tls_settings):
    tls_settings.CLIENT_CERTIFICATE_HEADER = HEADER.decode()


@pytest.fixture
async def demanding(station) -> ChargePoint:
    station.minimum_security_profile = 3
    await sync_to_async(station.save)()
    return station


def der(pair) -> bytes:
    return pair.certificate.public_bytes(Encoding.DER)


FORMS = {
    "nginx: PEM, URL-encoded": lambda pair: quote(pair.pem, safe=""),
    "PEM with blanks for line ends": lambda pair: pair.pem.strip().replace("\n", " "),
    "Caddy, HAProxy: DER in Base64": lambda pair: base64.b64encode(der(pair)).decode(),
    "RFC 9440": lambda pair: f":{base64.b64encode(der(pair)).decode()}:",
    "Traefik: escaped, without its frame, with the chain": lambda pair: (
        quote(base64.b64encode(der(pair)).decode(), safe="") + ",MIIB"
    ),
}


async def first_attempt(stored) -> tuple[str, str]:
    return await stored(lambda: ConnectionAttempt.objects.values_list("reason", "remote_address").get())


@pytest.mark.parametrize("form", FORMS)
async def test_forms_in_which_proxies_pass_certificates(demanding, connect, stored, pki, form):
    value = FORMS[form](pki.chargers.signs("CP1")).encode()
    cp = await connect("CP1", headers=((HEADER, value), OVER_TLS, BEHIND), address=PROXY)
    assert cp.status == 101
    row = await stored(ChargePoint.objects.get)
    assert (row.security_profile, row.remote_address) == (3, "192.168.1.57")
    assert await stored(StationCertificate.objects.exists)


async def test_an_untrusted_peer_says_what_it_likes(demanding, connect, stored, pki):
    value = base64.b64encode(der(pki.chargers.signs("CP1")))
    cp = await connect("CP1", headers=((HEADER, value),), address="192.168.1.66", scheme="wss")
    assert cp.status == 403
    assert await first_attempt(stored) == ("no_certificate", "192.168.1.66")


async def test_who_claims_to_come_through_a_proxy_does_not(demanding, connect, stored, pki):
    value = base64.b64encode(der(pki.chargers.signs("CP1")))
    spoofed = ((HEADER, value), (b"x-forwarded-for", b"127.0.0.1"), OVER_TLS)
    assert (await connect("CP1", headers=spoofed, address="192.168.1.66")).status == 403


async def test_a_header_that_came_twice_is_nobodys(demanding, connect, stored, pki):
    """A proxy that adds its own beside the charger's."""
    value = base64.b64encode(der(pki.chargers.signs("CP1")))
    cp = await connect("CP1", headers=((HEADER, value), (HEADER, b""), OVER_TLS), address=PROXY)
    assert cp.status == 403
    assert (await first_attempt(stored))[0] == "no_certificate"


@pytest.mark.parametrize("value", [b"", b"-", b"(null)"])
async def test_a_charger_that_showed_none(demanding, connect, stored, value):
    assert (await connect("CP1", headers=((HEADER, value), OVER_TLS), address=PROXY)).status == 403
    assert (await first_attempt(stored))[0] == "no_certificate"


@pytest.mark.parametrize("value", [b"%%%", b"MIIB", b"-----BEGIN CERTIFICATE-----", b"\xff\xfe", quote("\0").encode()])
async def test_what_nobody_can_read(demanding, connect, stored, value):
    assert (await connect("CP1", headers=((HEADER, value), OVER_TLS), address=PROXY)).status == 403
    assert (await first_attempt(stored))[0] == "bad_certificate"


async def test_a_certificate_that_the_proxy_did_not_check(demanding, connect, stored, pki):
    """Ours is the last word: a proxy may ask for any certificate."""
    value = base64.b64encode(der(pki.strangers.signs("CP1")))
    assert (await connect("CP1", headers=((HEADER, value), OVER_TLS), address=PROXY)).status == 403
    assert (await first_attempt(stored))[0] == "bad_certificate"


async def test_without_the_setting_the_header_is_a_header_like_any_other(demanding, connect, stored, pki, tls_settings):
    tls_settings.CLIENT_CERTIFICATE_HEADER = ""
    value = base64.b64encode(der(pki.chargers.signs("CP1")))
    assert (await connect("CP1", headers=((HEADER, value), OVER_TLS), address=PROXY)).status == 403
    assert (await first_attempt(stored))[0] == "no_certificate"
