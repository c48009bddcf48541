"""Certificates of a simulated station (Security White Paper ed. 3): its own, with real keys, and the roots it holds."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from .rpc import Payload

#: Keys whose certificate may still come: a central system may answer late, or be asked again meanwhile.
KEYS_KEPT = 5
_BEGIN = "-----BEGIN CERTIFICATE-----"
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


class Certificates:
    """`own` is the chain of the station's own certificate, None until it was signed; `key_pem` is its key.

    Roots are installed, listed and handed to TLS; whether they are good ones is TLS's business.
    """

    def __init__(self) -> None:
        self.own: str | None = None
        self.key_pem: str | None = None
        self._keys: list[ec.EllipticCurvePrivateKey] = []
        self._held: list[tuple[str, Payload, str]] = []

    def request(self, name: str, operator: str) -> str:
        """A PKCS#10 request for a new key (A02): CN is the station's serial number, O the operator if it knows it."""
        key = ec.generate_private_key(ec.SECP256R1())
        self._keys = [*self._keys, key][-KEYS_KEPT:]
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, _cut(name))]
        if operator:
            parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, _cut(operator)))
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts)).sign(key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def take(self, chain: str) -> bool:
        """Use a signed chain from now on, if its first certificate is for a key of ours."""
        try:
            signed = x509.load_pem_x509_certificate(chain.encode()).public_key()
        except _UNREADABLE:
            return False
        key = next((key for key in self._keys if key.public_key() == signed), None)
        if key is None:
            return False
        self.own, self.key_pem = chain, _pem_of(key)
        return True

    def of(self, use: str) -> list[Payload]:
        """CertificateHashData of the certificates for this use."""
        return [known_by for held_for, known_by, _ in self._held if held_for == use]

    def roots(self, use: str) -> list[str]:
        """The certificates for this use, as PEM."""
        return [pem for held_for, _, pem in self._held if held_for == use]

    def install(self, use: str, pem: str, most: int) -> str:
        """The status of InstallCertificate.conf; one that is there already is simply Accepted."""
        try:
            known_by = hash_data(pem)
        except ValueError:
            return "Rejected"
        if known_by in self.of(use):
            return "Accepted"
        if len(self._held) >= most:
            return "Rejected"
        self._held.append((use, known_by, pem))
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
    if not pem.lstrip().startswith(_BEGIN):
        raise ValueError("no PEM certificate")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, hashes.SHA256())
        known_by = builder.build()
    except _UNREADABLE as error:
        raise ValueError("no X.509 certificate") from error
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": known_by.issuer_name_hash.hex(),
        "issuerKeyHash": known_by.issuer_key_hash.hex(),
        "serialNumber": f"{certificate.serial_number:x}"[:40],
    }


def _cut(text: str) -> str:
    """A part of a name holds 64 bytes."""
    return text.encode()[:64].decode("utf-8", "ignore")


def _pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    encoding, private_format = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, private_format, serialization.NoEncryption()).decode()


def _folded(known_by: Payload) -> dict[str, str]:
    folded = {name: str(value).lower() for name, value in known_by.items()}
    return folded | {"serialNumber": folded.get("serialNumber", "").lstrip("0")}
