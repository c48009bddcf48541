"""From a WebSocket upgrade to a station: identity, subprotocol, credentials; accept, or refuse with a reason.

OCPP-J 1.6 §3.1–3.3 and §6.2; what differs from it is in docs/ocpp.md. Nothing here touches the database: the consumer
brings the station's row and stores the verdict.
"""

from __future__ import annotations

import base64
import binascii
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings

from certificates.identities import Verdict
from plugcontrol.limits import FailureLimit, source_of
from stations.credentials import LastGoodPasswords, matches_key, matches_password
from stations.models import ChargePoint, ConnectionAttempt, CredentialKind, SecurityProfile

SUBPROTOCOL = "ocpp1.6"
MAX_IDENTITY_LENGTH = 255
Reason = ConnectionAttempt.Reason

_STATUS = {
    Reason.NO_IDENTITY: 404,
    Reason.BAD_IDENTITY: 404,
    Reason.UNKNOWN: 404,
    Reason.ARCHIVED: 404,
    Reason.TOO_MANY_WAITING: 503,
    Reason.WRONG_PASSWORD: 401,
    Reason.NO_PASSWORD: 401,
    Reason.WRONG_USER: 401,
    Reason.BAD_AUTHORIZATION: 401,
    Reason.INSECURE: 403,
    Reason.NO_CERTIFICATE: 403,
    Reason.BAD_CERTIFICATE: 403,
    Reason.WRONG_CERTIFICATE: 403,
    Reason.REVOKED_CERTIFICATE: 403,
    Reason.SUBPROTOCOL: 400,
    Reason.NO_SUBPROTOCOL: 400,
    Reason.TOO_MANY_FAILURES: 429,
}
_HEADERS: dict[int, list[tuple[bytes, bytes]]] = {
    401: [(b"www-authenticate", b'Basic realm="ocpp"')],
    429: [(b"retry-after", b"60")],
    503: [(b"retry-after", b"30")],
}


class Refused(Exception):
    """The upgrade is answered with an HTTP status; `reason` is None where nobody needs to see it (restart, outage)."""

    def __init__(self, reason: Reason | None, details: str = "") -> None:
        self.reason = reason
        self.details = details
        self.status = _STATUS[reason] if reason is not None else 503
        super().__init__(reason)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return _HEADERS.get(self.status, [])

    @property
    def words(self) -> str:
        """The answer's text: who guesses names and passwords learns a status, people see the reason on their page."""
        if self.reason is None:
            return "try again soon"
        return HTTPStatus(self.status).phrase if self.status in (401, 404) else str(self.reason.label)


@dataclass(frozen=True, slots=True)
class Request:
    """What a station's upgrade request says, read without judging it."""

    path: str
    identity: str | None
    offered: tuple[str, ...]
    authorization: str | None
    user_agent: str
    remote_address: str
    is_secure: bool
    #: The certificate the station showed, in DER; that it has the key to it was proved to whoever ends TLS.
    certificate: bytes | None = None

    @classmethod
    def from_scope(cls, scope: dict[str, Any]) -> Request:
        raw_path = scope.get("raw_path") or scope["path"].encode()
        raw_path = raw_path.split(b"?", 1)[0]  # daphne leaves the query in
        headers = dict(reversed(scope["headers"]))  # the first of a repeated header wins
        client = scope.get("client")
        return cls(
            path=raw_path.decode("latin-1"),
            identity=identity_from_path(raw_path),
            offered=tuple(scope.get("subprotocols") or ()),
            authorization=_header(headers, b"authorization"),
            user_agent=_header(headers, b"user-agent") or "",
            remote_address=client[0] if client else "",
            is_secure=scope.get("scheme") == "wss",
            certificate=_certificate(scope),
        )


def _header(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1").replace("\0", "")


def _certificate(scope: dict[str, Any]) -> bytes | None:
    """The first of the chain in ASGI's TLS extension; b"" for one that nobody can read."""
    tls = (scope.get("extensions") or {}).get("tls") or {}
    for pem in tls.get("client_cert_chain") or ():
        try:
            return ssl.PEM_cert_to_DER_cert(pem)
        except ValueError:
            return b""
    return None


def identity_from_path(raw_path: bytes) -> str | None:
    """The last non-empty segment of the raw path, percent-decoded once; None if there is none.

    Raises nothing: what cannot be an identity comes back as "" (OCPP-J 1.6 §3.1.1).
    """
    segments = [segment for segment in raw_path.split(b"/") if segment]
    is_bare = len(segments) == 1 and segments[0].lower() == b"ocpp"
    if not segments or is_bare or segments[0] == b"ws":  # /ws/… is for browsers
        return None
    try:
        identity = unquote_to_bytes(segments[-1]).decode()
    except UnicodeDecodeError:
        return ""
    is_usable = len(identity) <= MAX_IDENTITY_LENGTH and identity.isprintable() and identity not in (".", "..")
    return identity if is_usable else ""


class Doorkeeper:
    """Decides about upgrades; one per process, because it counts failures and remembers good passwords."""

    def __init__(self) -> None:
        self._wrong_for_identity = FailureLimit(20)
        self._wrong_from_address = FailureLimit(100)
        self._unknown_from_address = FailureLimit(50)
        self._good_passwords = LastGoodPasswords()

    def check_address(self, request: Request) -> str:
        """The identity the station claims; raises Refused."""
        if request.identity is None:
            raise Refused(Reason.NO_IDENTITY)
        if not request.identity:
            raise Refused(Reason.BAD_IDENTITY)
        return request.identity

    def choose_subprotocol(self, request: Request, station: ChargePoint | None) -> str | None:
        """`ocpp1.6` if offered, None if nothing was and that is tolerated; raises Refused."""
        if SUBPROTOCOL in request.offered:
            return SUBPROTOCOL
        if request.offered:
            raise Refused(Reason.SUBPROTOCOL)
        if settings.REQUIRE_SUBPROTOCOL or (station is not None and station.strict):
            raise Refused(Reason.NO_SUBPROTOCOL)
        return None

    def would_welcome(self, request: Request) -> bool:
        """Whether an identity nobody entered would get in; asked before anyone knows whether it is one."""
        try:
            self.choose_subprotocol(request, None)
        except Refused:
            return False
        policy = settings.UNKNOWN_CHARGE_POINTS
        is_limited = self._unknown_from_address.is_reached(source_of(request.remote_address))
        return policy == "accept" or (policy == "ask" and not is_limited)

    def meet_stranger(self, request: Request) -> None:
        """An identity nobody entered: refused by policy or by limit, else welcome to wait."""
        if settings.UNKNOWN_CHARGE_POINTS == "accept":
            return
        if self._unknown_from_address.is_reached(source_of(request.remote_address)):
            raise Refused(Reason.TOO_MANY_FAILURES)
        self._unknown_from_address.count(source_of(request.remote_address))
        if settings.UNKNOWN_CHARGE_POINTS == "refuse":
            raise Refused(Reason.UNKNOWN)

    def check_certificate(self, request: Request, station: ChargePoint, verdict: Verdict | None) -> bool:
        """True if the station logs in with its certificate (profile 3), False if its password decides; raises Refused.

        Below a minimum of 3 a certificate is an offer. A station shows its new one before it is told to use it: what it
        logs in with is the password it sends along, or its minimum would rise and a return to profile 2 be refused.
        """
        if station.archived_at is not None:
            raise Refused(Reason.ARCHIVED)
        needs_certificate = station.minimum_security_profile >= SecurityProfile.CERTIFICATE
        if verdict is None:
            # over plain ws the password is looked at first: who knows it comes with a profile that is too low
            if needs_certificate and (request.is_secure or request.authorization is None):
                raise Refused(Reason.NO_CERTIFICATE)
            return False
        has_password = station.credential_kind != CredentialKind.NONE and request.authorization is not None
        if verdict.reason is not None:
            if needs_certificate or not (has_password or station.credential_kind == CredentialKind.NONE):
                raise Refused(verdict.reason, verdict.details)
            return False
        return not has_password or max(station.minimum_security_profile, station.wanted_security_profile) >= 3

    def check_credentials(self, request: Request, station: ChargePoint) -> bool:
        """True if the station may pass, False if only the slow check can tell; raises Refused.

        While its password changes the old and the new are good. `station` says afterwards which one it was.
        """
        needs_none = station.credential_kind == CredentialKind.NONE
        if needs_none and not station.pending_credentials:
            return True
        try:
            presented = _presented_password(request, station)
        except Refused as refused:
            if needs_none:
                return True
            raise self._failed(request, station, refused) from None
        if self._matches_quickly(station, presented):
            return True
        if not _slow_hashes(station):
            if needs_none:
                return True
            raise self._failed(request, station, Refused(Reason.WRONG_PASSWORD))
        # Guessing from one place costs us 0.3 s of CPU a try; the real station elsewhere is never limited.
        if self._wrong_for_identity.is_reached(_pair(request, station)):
            raise Refused(Reason.TOO_MANY_FAILURES)
        return False

    def check_slowly(self, request: Request, station: ChargePoint) -> None:
        """The slow hash of a password people chose, to be called in a thread; raises Refused."""
        presented = _presented_password(request, station)
        for stored in _slow_hashes(station):
            if matches_password(stored, presented):
                self._good_passwords.remember(stored, presented)
                _note_proof(station, CredentialKind.PASSWORD, stored)
                return
        if station.credential_kind != CredentialKind.NONE:
            raise self._failed(request, station, Refused(Reason.WRONG_PASSWORD))

    def _matches_quickly(self, station: ChargePoint, presented: bytes) -> bool:
        for kind, stored in _credentials(station):
            matches = matches_key if kind == CredentialKind.KEY else self._good_passwords.knows
            if matches(stored, presented):
                _note_proof(station, kind, stored)
                return True
        return False

    def check_profile(self, request: Request, station: ChargePoint) -> int:
        """The profile of a line that a password opened. It may only rise (white paper A05); raises Refused. To be asked
        after the credentials: a stranger's guess over plain ws says nothing about the station.
        """
        profile = security_profile(request, station)
        if profile < station.minimum_security_profile:
            raise Refused(Reason.INSECURE)
        return profile

    def _failed(self, request: Request, station: ChargePoint, refused: Refused) -> Refused:
        is_limited = self._wrong_for_identity.is_reached(_pair(request, station)) or (
            self._wrong_from_address.is_reached(source_of(request.remote_address))
        )
        self._wrong_for_identity.count(_pair(request, station))
        self._wrong_from_address.count(source_of(request.remote_address))
        return Refused(Reason.TOO_MANY_FAILURES) if is_limited else refused


def _credentials(station: ChargePoint) -> list[tuple[str, str]]:
    """(kind, hash) of every password that is good now."""
    present = (station.credential_kind, station.credential_hash)
    return [(kind, stored) for kind, stored in (present, *station.pending_credentials) if stored]


def _slow_hashes(station: ChargePoint) -> list[str]:
    return [stored for kind, stored in _credentials(station) if kind == CredentialKind.PASSWORD]


def _note_proof(station: ChargePoint, kind: str, stored: str) -> None:
    """Make the row in hand say what this line was opened with; the one in the database changes later."""
    station.credential_kind, station.credential_hash = kind, stored


def security_profile(request: Request, station: ChargePoint) -> int:
    """The profile of a line that is opened without a certificate; TLS is what the server or a trusted proxy says."""
    if station.credential_kind == CredentialKind.NONE:
        return SecurityProfile.NONE
    return SecurityProfile.TLS if request.is_secure else SecurityProfile.PASSWORD


def _pair(request: Request, station: ChargePoint) -> str:
    return f"{station.pk} {source_of(request.remote_address)}"


def _presented_password(request: Request, station: ChargePoint) -> bytes:
    """Password bytes of the Authorization header, never decoded: what stands behind the first colon after the identity.

    An identity may have colons of its own: many stations are called by their network address.
    """
    if request.authorization is None:
        raise Refused(Reason.NO_PASSWORD)
    scheme, _, encoded = request.authorization.partition(" ")
    if scheme.lower() != "basic":
        raise Refused(Reason.BAD_AUTHORIZATION)
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(Reason.BAD_AUTHORIZATION) from None
    *user, password = decoded.split(b":", 1 + station.identity.count(":"))
    if not user:
        raise Refused(Reason.BAD_AUTHORIZATION)
    try:
        is_same = b":".join(user).decode().casefold() == station.identity.casefold()
    except UnicodeDecodeError:
        is_same = False
    if not is_same:
        raise Refused(Reason.WRONG_USER)
    if not password:
        raise Refused(Reason.NO_PASSWORD)
    return password
