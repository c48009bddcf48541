"""Keys and certificates as tests need them: good ones, and every kind of bad one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = timedelta(days=1)


class Pair:
    """A certificate and its key, in files of their own; `chain` is what its holder shows."""

    def __init__(self, folder: Path, name: str, certificate: x509.Certificate, key: Key, above: str = "") -> None:
        self.certificate, self.key = certificate, key
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.chain = self.pem + above
        self.certificate_path, self.key_path = folder / f"{name}.pem", folder / f"{name}.key"
        self.key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.certificate_path.write_text(self.chain)
        self.key_path.write_text(self.key_pem)


def new_key(kind: str = "ec") -> Key:
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)


def name(common: str, operator: str | None = "plugcontrol") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if operator is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, operator))
    return x509.Name(attributes)


class Ca:
    """A CA that signs whatever it is told to."""

    def __init__(self, folder: Path, common: str, above: Ca | None = None) -> None:
        self._folder = folder
        key, now = new_key(), datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(above.pair.certificate.subject if above else name(common))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 300 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        )
        signed = builder.sign(above.pair.key if above else key, hashes.SHA256())
        self.pair = Pair(folder, common.replace(" ", "-"), signed, key, above.pair.chain if above else "")

    def signs(
        self,
        common: str,
        *,
        kind: str = "ec",
        operator: str | None = "plugcontrol",
        begins: timedelta = -DAY,
        ends: timedelta = 90 * DAY,
        server: bool = False,
        file: str = "",
    ) -> Pair:
        """A certificate for a new key; `begins` and `ends` count from now."""
        key, now = new_key(kind), datetime.now(UTC)
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common, operator))
            .issuer_name(self.pair.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if server:
            names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(self.pair.key, hashes.SHA256())
        return Pair(self._folder, file or f"{common}-{signed.serial_number:x}"[:60], signed, key)
