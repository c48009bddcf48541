"""Root certificates a simulated station holds (Security White Paper ed. 3): stored and listed, never trusted."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterator

from .rpc import Payload

#: A PKCS#10 request for O=plugcontrol, CN=SIMULATED; its key was thrown away.
SIGNING_REQUEST = """\
-----BEGIN CERTIFICATE REQUEST-----
MIHlMIGMAgEAMCoxFDASBgNVBAoMC3BsdWdjb250cm9sMRIwEAYDVQQDDAlTSU1V
TEFURUQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASZk9/+pa6Q4Ia7iE+j+zOU
qUUKv3d5YBdggFaqua58aH1xD0AczW6J7a1+Oq3dC6o6FHw8b25R1gvxpi2UBSjD
oAAwCgYIKoZIzj0EAwIDSAAwRQIgTz1qQtdOCBma9KXwLoYIT2CU3Qg37l/3Ne2j
c9dGcmQCIQCUhXJjvgU/svFhTSAtMfgrcU+y5x1gkuAZqVyvXjoBIQ==
-----END CERTIFICATE REQUEST-----
"""

_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_SEQUENCE, _INTEGER, _BIT_STRING, _VERSION = 0x30, 0x02, 0x03, 0xA0


class Certificates:
    """`own` is the chain of the station's own certificate, None until it was signed."""

    def __init__(self) -> None:
        self.own: str | None = None
        self._held: list[tuple[str, Payload]] = []

    def of(self, use: str) -> list[Payload]:
        """CertificateHashData of the certificates for this use."""
        return [known_by for held_for, known_by in self._held if held_for == use]

    def install(self, use: str, pem: str, most: int) -> str:
        """The status of InstallCertificate.conf; one that is there already is simply Accepted."""
        try:
            entry = use, hash_data(pem)
        except ValueError:
            return "Rejected"
        if entry in self._held:
            return "Accepted"
        if len(self._held) >= most:
            return "Rejected"
        self._held.append(entry)
        return "Accepted"

    def delete(self, known_by: Payload, *, in_use: bool) -> str:
        """The status of DeleteCertificate.conf; hex is compared without case."""
        wanted = _folded(known_by)
        for entry in self._held:
            if _folded(entry[1]) == wanted:
                use = entry[0]
                if in_use and use == "CentralSystemRootCertificate" and len(self.of(use)) == 1:
                    return "Failed"
                self._held.remove(entry)
                return "Accepted"
        return "NotFound"


def is_certificate(pem: str) -> bool:
    """Whether the text begins with a PEM certificate; signatures are nobody's business here."""
    try:
        hash_data(pem)
    except ValueError:
        return False
    return True


def hash_data(pem: str) -> Payload:
    """CertificateHashData of a root, whose issuer's key is its own; ValueError for what is no certificate."""
    match = _PEM.match(pem)
    if match is None:
        raise ValueError("no PEM certificate")
    try:
        serial, issuer, key = _parts(b64decode(match[1]))
    except (IndexError, StopIteration) as error:
        raise ValueError("no X.509 certificate") from error
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": hashlib.sha256(issuer).hexdigest(),
        "issuerKeyHash": hashlib.sha256(key).hexdigest(),
        "serialNumber": f"{int.from_bytes(serial):x}"[:40],
    }


def _parts(der: bytes) -> tuple[bytes, bytes, bytes]:
    """Serial number, issuer and public key: X.509's tbsCertificate is [version], serial, algorithm, issuer, …"""
    certificate = _expect(_SEQUENCE, next(_items(der)))
    fields = list(_items(_expect(_SEQUENCE, next(_items(certificate)))))
    if fields[0][0] == _VERSION:
        del fields[0]
    key_info = list(_items(_expect(_SEQUENCE, fields[5])))
    issuer = fields[2][2]
    return _expect(_INTEGER, fields[0]), issuer, _expect(_BIT_STRING, key_info[1])[1:]


def _expect(tag: int, item: tuple[int, bytes, bytes]) -> bytes:
    if item[0] != tag:
        raise ValueError("not the structure of a certificate")
    return item[1]


def _items(der: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, content, and the whole of each element in a piece of DER."""
    at = 0
    while at < len(der):
        length, begin = der[at + 1], at + 2
        if length >= 0x80:
            begin += length & 0x7F
            length = int.from_bytes(der[at + 2 : begin])
        if begin + length > len(der):
            raise ValueError("cut off")
        yield der[at], der[begin : begin + length], der[at : begin + length]
        at = begin + length


def _folded(known_by: Payload) -> dict[str, str]:
    folded = {name: str(value).lower() for name, value in known_by.items()}
    return folded | {"serialNumber": folded.get("serialNumber", "").lstrip("0")}
