"""`manage.py ca`: the CA of chargers' certificates, and requests that are signed elsewhere."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils.text import get_valid_filename

from certificates import authority, own_ca, requests
from certificates import x509 as certificates
from certificates.authority import Authority
from certificates.models import SigningRequest


class Command(BaseCommand):
    help = "Shows the CA that signs chargers' certificates, exports it, and exchanges requests with a CA elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("show", help="what the CA is, and what is wrong with it")
        export = actions.add_parser("export", help="print the root's certificate, for trust stores")
        export.add_argument("--chain", action="store_true", help="with the certificates above it")
        waiting = actions.add_parser("requests", help="write the requests that wait for a signature into a folder")
        waiting.add_argument("folder", type=Path)
        signed = actions.add_parser("import", help="take certificates that another CA has made of requests")
        signed.add_argument("files", type=Path, nargs="+", metavar="FILE", help="PEM, the charger's certificate first")
        anew = actions.add_parser("encrypt", help="encrypt our CA's key with CA_KEY_PASSWORD, or SECRET_KEY, of now")
        anew.add_argument("--former-file", type=Path, metavar="FILE", help="holds the former one; else it is asked for")

    def handle(self, *_args: Any, action: str, **options: Any) -> None:
        match action:
            case "show":
                self._show()
            case "export":
                ca = _usable()
                self.stdout.write(ca.chain_pem if options["chain"] else ca.root_pem, ending="")
            case "requests":
                self._write_requests(options["folder"])
            case "import":
                self._import(options["files"])
            case "encrypt":
                self._encrypt(options["former_file"])

    def _show(self) -> None:
        ca = _usable()
        own = ca.certificate
        self.stdout.write(f"Name          {certificates.text_of(own.subject)}")
        self.stdout.write(f"Key           {certificates.key_text(own.public_key())}")
        self.stdout.write(f"SHA-256       {certificates.sha256_of(own)}")
        self.stdout.write(f"Valid until   {own.not_valid_after_utc:%Y-%m-%d}")
        self.stdout.write(f"Signs         {'here' if ca.can_sign else 'elsewhere'}")
        self.stdout.write(f"To be signed  {_waiting().count()}")
        if trouble := authority.problem():
            raise CommandError(trouble)

    def _write_requests(self, folder: Path) -> None:
        rows = list(_waiting().select_related("charge_point").order_by("pk"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for row in rows:
                name = get_valid_filename(f"{row.charge_point.identity[:100]}-{row.pk}.csr.pem")
                (folder / name).write_text(row.pem)
                self.stdout.write(f"{folder / name}: {row.subject}")
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"{len(rows)} written.")

    def _import(self, files: Iterable[Path]) -> None:
        failed = 0
        for path in files:
            try:
                row = _take(path.read_text("utf-8", "replace"))
            except (OSError, ValidationError) as error:
                failed += 1
                reason = " ".join(error.messages) if isinstance(error, ValidationError) else error.strerror
                self.stderr.write(f"{path}: {reason}")
            else:
                self.stdout.write(f"{path}: taken for charger {row.charge_point.identity}.")
        if failed:
            raise CommandError(f"{failed} not taken.")

    def _encrypt(self, former_file: Path | None) -> None:
        if settings.CA_KEY or settings.CA_CERTIFICATE:
            raise CommandError("The CA comes from outside: change its key where it comes from.")
        question = "Former CA_KEY_PASSWORD or SECRET_KEY (empty: the SECRET_KEY of now): "
        try:
            former = getpass.getpass(question) if former_file is None else former_file.read_text().strip()
            own_ca.encrypt_anew(settings.DATA_DIR / own_ca.FOLDER, former)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write("Encrypted anew.")


def _usable() -> Authority:
    ca = authority.current()
    if ca is None:
        raise CommandError(authority.problem())
    return ca


def _waiting() -> QuerySet[SigningRequest]:
    return SigningRequest.objects.filter(state=SigningRequest.State.WAITING)


def _take(pem: str) -> SigningRequest:
    """Give a signed chain to the request it was made of, found by its key; raises ValidationError."""
    own = certificates.read_chain(pem)[0]
    for row in _waiting().select_related("charge_point").order_by("-pk"):
        if certificates.same_key(own, requests.read_request(row.pem)):
            requests.take_signed(row, pem)
            return row
    raise ValidationError("No request waits for this certificate.")
