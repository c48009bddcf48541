"""`manage.py ca`."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from certificates import authority, requests
from certificates.models import SigningRequest
from plugcontrol.management.commands import doctor
from tests.certificates.test_requests import NOW
from tests.conftest import make_station

from . import pki

State = SigningRequest.State


def test_show_and_export(db, ca, capsys):
    call_command("ca", "show")
    shown = capsys.readouterr().out
    assert pki.pem_of(ca.certificate) == ca.root_pem
    assert "CN=plugcontrol chargers CA,O=plugcontrol" in shown
    assert "Signs         here" in shown
    call_command("ca", "export")
    assert capsys.readouterr().out == ca.root_pem


def test_export_of_a_ca_below_another(from_outside, capsys):
    root = pki.CA("Root")
    below = pki.CA("Below", issuer=root)
    from_outside(pki.pem_of(below.certificate, root.certificate))
    call_command("ca", "export", "--chain")
    assert capsys.readouterr().out == pki.pem_of(below.certificate, root.certificate)


def test_what_is_wrong_is_said(db, from_outside):
    from_outside(pki.CA().pem, pki.CA().key_pem())
    with pytest.raises(CommandError, match="not belong"):
        call_command("ca", "show")
    from_outside("nonsense")
    with pytest.raises(CommandError, match="no certificate"):
        call_command("ca", "export")


def test_requests_go_out_and_certificates_come_in(db, elsewhere, tmp_path, capsys):
    station = make_station("../CP 1")
    requests.receive(station, pki.request("../CP 1"), at=NOW)
    requests.receive(make_station("CP2"), pki.request("other"), at=NOW)  # refused: it stays here
    call_command("ca", "requests", str(tmp_path / "out"))
    [path] = (tmp_path / "out").iterdir()
    signed = tmp_path / "signed.pem"
    signed.write_text(pki.pem_of(elsewhere.sign_request(path.read_text())))
    call_command("ca", "import", str(signed))
    assert "taken for charger ../CP 1" in capsys.readouterr().out
    assert SigningRequest.objects.get(charge_point=station).state == State.SIGNED
    stranger = tmp_path / "stranger.pem"
    stranger.write_text(pki.pem_of(elsewhere.sign("CP1")))
    with pytest.raises(CommandError, match="3 not taken"):
        call_command("ca", "import", str(signed), str(stranger), str(tmp_path / "gone.pem"))


def test_a_password_later(settings, ca, tmp_path, monkeypatch):
    settings.CA_KEY_PASSWORD = "first"
    assert not authority.current().can_sign
    monkeypatch.setattr("getpass.getpass", lambda _: "")
    call_command("ca", "encrypt")
    assert authority.current().can_sign
    settings.CA_KEY_PASSWORD = "second"
    (tmp_path / "former").write_text("first\n")
    call_command("ca", "encrypt", "--former-file", str(tmp_path / "former"))
    assert authority.current().can_sign
    assert authority.current().certificate == ca.certificate
    with pytest.raises(CommandError, match="not encrypted with that"):
        call_command("ca", "encrypt", "--former-file", str(tmp_path / "former"))


def test_another_secret_key(settings, ca, tmp_path):
    (tmp_path / "former").write_text(settings.SECRET_KEY)
    settings.SECRET_KEY = "y" * 40
    assert not authority.current().can_sign
    call_command("ca", "encrypt", "--former-file", str(tmp_path / "former"))
    assert authority.current().can_sign


def test_a_ca_from_outside_is_left_alone(elsewhere):
    with pytest.raises(CommandError, match="from outside"):
        call_command("ca", "encrypt")


@pytest.mark.django_db
def test_what_the_doctor_says(settings, data_dir, from_outside):
    def finding():
        [(level, text)] = doctor.certificates()
        return level, text

    assert finding() == ("ok", "the CA for chargers' certificates is made when it is first needed")
    assert not data_dir.exists()  # looking changes nothing
    authority.current()
    assert finding()[1].startswith("the CA signs here, until ")
    settings.SECRET_KEY = "z" * 40
    assert finding()[0] == "error"
    from_outside(pki.CA().pem)
    assert finding()[1].startswith("the CA signs elsewhere")
    from_outside("nonsense")
    assert finding()[0] == "error"
