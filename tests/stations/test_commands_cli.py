"""`manage.py create_charge_point`."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from stations import credentials
from stations.models import ChargePoint, RegistrationStatus, Site

pytestmark = pytest.mark.django_db


def create(*arguments: str, **options: Any) -> str:
    output = io.StringIO()
    call_command("create_charge_point", *arguments, stdout=output, **options)
    return output.getvalue()


def test_a_charger_waits_for_approval() -> None:
    assert create("CP1") == "Created charger CP1: waiting for approval.\n"

    charger = ChargePoint.objects.get()
    assert charger.registration_status == RegistrationStatus.PENDING
    assert (charger.credential_hash, charger.accepted_at) == ("", None)


def test_everything_at_once() -> None:
    create("CP 1", "--name", "Bay 3", "--site", "Garage", "--password", "0123456789abcdef", "--accept")

    charger = ChargePoint.objects.get()
    assert (charger.name, str(charger.site)) == ("Bay 3", "Garage")
    assert charger.registration_status == RegistrationStatus.ACCEPTED
    assert charger.accepted_at is not None
    assert credentials.matches_password(charger.credential_hash, b"0123456789abcdef")


def test_a_charger_that_exists_is_an_error_whatever_the_case() -> None:
    create("CP1", "--name", "Bay 3")

    with pytest.raises(CommandError, match="There is already a charger CP1; add --update to change it"):
        create("cp1", "--name", "Bay 4")

    assert ChargePoint.objects.get().name == "Bay 3"


def test_update_changes_only_what_is_given_and_may_be_repeated() -> None:
    create("CP1", "--name", "Bay 3", "--site", "Garage", "--accept")

    for _ in range(2):
        assert create("cp1", "--name", "Bay 4", "--update") == "Updated charger CP1: accepted.\n"

    charger = ChargePoint.objects.get()
    assert (charger.name, str(charger.site)) == ("Bay 4", "Garage")
    assert Site.objects.count() == 1


def test_update_creates_what_is_missing() -> None:
    assert create("CP1", "--update").startswith("Created")


def test_a_short_password_is_taken_with_a_warning() -> None:
    warnings = io.StringIO()

    create("CP1", "--password", "short", stderr=warnings)

    assert warnings.getvalue() == "Warning: the password has fewer than 16 bytes.\n"
    assert credentials.matches_password(ChargePoint.objects.get().credential_hash, b"short")


@pytest.mark.parametrize("identity", ["", "x" * 256, "CP\n1", "CP\x00"])
def test_an_identity_no_charger_can_have_is_refused(identity: str) -> None:
    with pytest.raises(CommandError, match="1 to 255 printable characters"):
        create(identity)


def test_the_longest_identity_is_taken() -> None:
    create("ü" * 255)

    assert ChargePoint.objects.get().identity == "ü" * 255


@pytest.mark.parametrize("options", [("--name", "x" * 101), ("--site", "x" * 101), ("--password", "")])
def test_wrong_options_leave_nothing_behind(options: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        create("CP1", *options)

    assert not ChargePoint.objects.exists()
