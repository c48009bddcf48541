"""The CA: made once, kept safe, or taken from outside; what is wrong with it is said in a sentence."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.utils import timezone

from certificates import authority, own_ca

from . import pki


def test_it_is_made_on_first_use_and_stays(ca, data_dir):
    again = authority.current()
    assert again.can_sign
    assert again.certificate == ca.certificate
    assert authority.problem() == ""
    years = (ca.certificate.not_valid_after_utc - timezone.now()) / timedelta(days=365.25)
    assert 19.9 < years < 20.1
    assert pki.pem_of(ca.certificate) == ca.root_pem == ca.chain_pem
    assert ca.below_root == ()


def test_only_its_owner_may_read_it(ca, data_dir):
    folder = data_dir / "ca"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"ca": 0o700, "certificate.pem": 0o600, "key.pem": 0o600}
    with pytest.raises(TypeError):  # it is encrypted
        serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)


MAKE = """
import django
django.setup()
from certificates import authority
print(authority.current().certificate.serial_number)
"""


def test_processes_that_start_together_make_one(data_dir):
    env = {"DJANGO_SETTINGS_MODULE": "plugcontrol.settings", "DATA_DIR": str(data_dir), "ENV_FILE": "/dev/null"}

    def start(_: int) -> str:
        done = subprocess.run([sys.executable, "-c", MAKE], env=env, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1]

    with ThreadPoolExecutor(3) as pool:
        numbers = set(pool.map(start, range(3)))
    assert len(numbers) == 1
    assert [path.name for path in data_dir.iterdir() if path.name.startswith("ca")] == ["ca"]


def test_the_loser_of_the_race_uses_what_the_winner_made(data_dir, ca):
    own_ca.make(data_dir / "ca")
    assert authority.current().certificate == ca.certificate
    assert [path.name for path in data_dir.iterdir()] == ["ca"]


def test_a_password_of_its_own(settings, data_dir):
    settings.CA_KEY_PASSWORD = "correct horse"
    ca = authority.current()
    assert ca.can_sign
    settings.CA_KEY_PASSWORD = "wrong"
    other = authority.current()
    assert other.certificate == ca.certificate
    assert not other.can_sign
    assert "CA_KEY_PASSWORD is not its password" in authority.problem()
    settings.CA_KEY_PASSWORD = "correct horse"
    assert authority.current().can_sign


def test_another_secret_key(settings, ca):
    settings.SECRET_KEY = "x" * 40
    assert not authority.current().can_sign
    assert "another SECRET_KEY" in authority.problem()


def test_files_that_change_while_they_are_read(from_outside, monkeypatch):
    """Whoever exchanges them writes one after the other: the half-way state must not be kept."""
    old, new = pki.CA("Old"), pki.CA("New")
    from_outside(old.pem, old.key_pem())
    find = authority._find

    def find_meanwhile():
        found = find()
        from_outside(new.pem, new.key_pem())
        return found

    monkeypatch.setattr(authority, "_find", find_meanwhile)
    assert authority.current().certificate == old.certificate
    monkeypatch.setattr(authority, "_find", find)
    assert authority.current().certificate == new.certificate


def test_from_outside_with_a_chain(from_outside):
    root = pki.CA("Root")
    below = pki.CA("Chargers", issuer=root, key=pki.rsa_key())
    from_outside(pki.pem_of(below.certificate, root.certificate), below.key_pem("geheim"), password="geheim")
    ca = authority.current()
    assert ca.can_sign
    assert ca.certificate == below.certificate
    assert ca.root_pem == root.pem
    assert list(ca.below_root) == [below.certificate]
    asked = x509.load_pem_x509_csr(pki.request().encode())
    issued = ca.issue(asked, asked.subject, at=timezone.now())
    issued.verify_directly_issued_by(below.certificate)


def test_without_a_key_it_signs_elsewhere(elsewhere):
    ca = authority.current()
    assert not ca.can_sign
    assert authority.problem() == ""
    asked = x509.load_pem_x509_csr(pki.request().encode())
    with pytest.raises(ValueError, match="elsewhere"):
        ca.issue(asked, asked.subject, at=timezone.now())


WRONG = {
    "not belong": lambda: (pki.CA().pem, pki.CA().key_pem()),
    "no readable key": lambda: (pki.CA().pem, "nonsense"),
    "not that of a CA": lambda: (pki.pem_of(pki.CA().sign("CP1")), ""),
    "no certificate in PEM": lambda: ("nonsense", ""),
    "not valid now": lambda: (pki.CA(days=0).pem, ""),
    "do not sign one another": lambda: (pki.CA("One").pem + pki.CA("Two").pem, ""),
    "cannot be read": lambda: ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", ""),
    "too weak": lambda: (pki.CA(key=pki.rsa_key(1024)).pem, ""),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_is_wrong_is_said(from_outside, sentence):
    from_outside(*WRONG[sentence]())
    ca = authority.current()
    assert ca is None or not ca.can_sign
    assert sentence in authority.problem()


def test_a_key_alone(settings, from_outside):
    from_outside(pki.CA().pem, pki.CA().key_pem())
    settings.CA_CERTIFICATE = None
    assert authority.current() is None
    assert "CA_CERTIFICATE is not" in authority.problem()


def test_a_folder_that_cannot_be_written(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.DATA_DIR = tmp_path / "file"
    assert authority.current() is None
    assert "cannot be used" in authority.problem()
    (tmp_path / "file").unlink()
    assert authority.current().can_sign  # mended without a restart


def test_a_changed_file_is_read_again(from_outside):
    from_outside(pki.CA("One").pem)
    first = authority.current().certificate
    from_outside(pki.CA("Two and longer").pem)
    assert authority.current().certificate != first


def test_what_it_issues(ca, settings):
    settings.CERTIFICATE_DAYS = 100
    key = pki.ec_key()
    asked = x509.load_pem_x509_csr(pki.request(key=key).encode())
    now = timezone.now()
    issued = ca.issue(asked, asked.subject, at=now)
    issued.verify_directly_issued_by(ca.certificate)
    assert issued.public_key() == key.public_key()
    assert issued.not_valid_before_utc <= now
    assert issued.not_valid_after_utc == (now + timedelta(days=100)).replace(microsecond=0)
    assert not issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    uses = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_nothing_outlives_the_ca(from_outside):
    outside = pki.CA(days=10)
    from_outside(outside.pem, outside.key_pem())
    asked = x509.load_pem_x509_csr(pki.request().encode())
    issued = authority.current().issue(asked, asked.subject, at=timezone.now())
    assert issued.not_valid_after_utc == outside.certificate.not_valid_after_utc


def test_a_long_name_of_the_operator(settings):
    """A name's parts hold 64 bytes."""
    settings.OPERATOR_NAME = "Stadtwerke Überlingen und Umgebung – Ladeäulen für alle – Gesellschaft mbH"
    ca = authority.current()
    assert ca.can_sign
    [organization] = ca.certificate.subject.get_attributes_for_oid(x509.oid.NameOID.ORGANIZATION_NAME)
    assert settings.OPERATOR_NAME.startswith(organization.value)
