"""`manage.py doctor`: one line for each thing that can be wrong with an installation."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from certificates import authority, own_ca, x509
from certificates.models import StationCertificate
from plugcontrol import addresses, tls
from plugcontrol.configuration import lan_addresses
from transfers import addresses as file_addresses
from transfers import receiving

OK, WARNING, BROKEN = "ok", "warning", "error"
PATIENCE_S = 3
CLOCK_TOLERANCE_S = 5
CERTIFICATE_TOLERANCE = timedelta(days=14)
#: Where SQLite's locks cannot be trusted.
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"}


@dataclass(frozen=True)
class Finding:
    level: str
    subject: str
    text: str


class Command(BaseCommand):
    help = "Check configuration, database, Redis, clock, data folder and addresses. Exit code 1 if anything is broken."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = examine()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.level:8} {finding.subject:15} {finding.text}")
        broken = sum(finding.level == BROKEN for finding in findings)
        if broken:
            raise CommandError(f"{broken} {'thing is' if broken == 1 else 'things are'} broken.")


def examine() -> list[Finding]:
    """Every finding, in the order a person would mend them."""
    checks = (
        *(configuration, database, redis_server, channel_layer, data_folder, certificates),
        *(hosts, port, charger_address, tls_line, files),
    )
    return [Finding(level, check.__name__.replace("_", " "), text) for check in checks for level, text in check()]


Findings = Iterator[tuple[str, str]]


def configuration() -> Findings:
    broken = [str(message.msg) for message in run_checks() if message.level >= ERROR]
    yield from ((BROKEN, text) for text in broken)
    if settings.DEBUG:
        yield WARNING, "DEBUG is on; it shows the insides to everyone and belongs on a developer's machine."
    elif not broken:
        yield OK, "settings are sound"


def database() -> Findings:
    if connection.vendor == "sqlite" and not Path(str(connection.settings_dict["NAME"])).exists():
        yield BROKEN, f"{connection.settings_dict['NAME']} does not exist yet; run `manage.py prepare`."
        return
    try:
        yield OK, _database_version()
        yield _migrations()
        yield _clock()
    except Error as error:
        yield BROKEN, f"cannot be used: {str(error).strip().splitlines()[0]}"
        return
    yield from _database_password() if connection.vendor == "postgresql" else _database_file()


def _database_version() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite {_query('SELECT sqlite_version()')}, {connection.settings_dict['NAME']}"
    where = connection.settings_dict
    return f"PostgreSQL {_query('SHOW server_version')}, {where['NAME']} on {where['HOST'] or 'the local socket'}"


def _migrations() -> tuple[str, str]:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        return BROKEN, f"{len(pending)} migrations are not applied; run `manage.py prepare`."
    return OK, "all migrations are applied"


def _clock() -> tuple[str, str]:
    """PostgreSQL's clock against ours; an SQLite file has none of its own."""
    if connection.vendor == "sqlite":
        return OK, f"this machine's clock says {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    difference_s = abs((_query("SELECT clock_timestamp()") - datetime.now(UTC)).total_seconds())
    if difference_s > CLOCK_TOLERANCE_S:
        return WARNING, f"its clock and this machine's differ by {difference_s:.0f} s; let both follow a time server."
    return OK, "its clock and this machine's agree"


def _query(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def _database_password() -> Findings:
    # libpq takes it from these as well
    if not any((connection.settings_dict["PASSWORD"], os.environ.get("PGPASSWORD"), os.environ.get("PGPASSFILE"))):
        yield WARNING, "DATABASE_URL holds no password; make sure that only this machine reaches the database."


def _database_file() -> Findings:
    kind = _file_system(Path(str(connection.settings_dict["NAME"])))
    if kind in NETWORK_FILE_SYSTEMS:
        yield WARNING, f"the file lies on a network file system ({kind}), whose locks SQLite cannot trust."


def _file_system(path: Path) -> str:
    """The kind of file system a path lies on; empty where /proc does not tell."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return ""
    path = path.absolute().resolve()
    holding = [(len(mount[1]), mount[2]) for mount in mounts if path.is_relative_to(mount[1])]
    return max(holding, default=(0, ""))[1]


def redis_server() -> Findings:
    if not settings.REDIS_URL:
        yield OK, "not used: one server process needs none"
        return
    try:
        patience = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
        with redis.Redis.from_url(settings.REDIS_URL, **patience) as client:
            yield OK, f"Redis {client.info('server')['redis_version']}"
    except (redis.RedisError, OSError) as error:
        yield BROKEN, f"cannot be reached: {error}"


def channel_layer() -> Findings:
    try:
        asyncio.run(asyncio.wait_for(_round_trip(), PATIENCE_S))
        yield OK, "carries messages"
    except Exception as error:  # whatever a layer raises, it does not work
        yield BROKEN, f"carries no message: {str(error) or type(error).__name__}"


async def _round_trip() -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel("doctor.")
    await layer.send(channel, {"type": "doctor.check"})
    await layer.receive(channel)
    if settings.REDIS_URL:
        await layer.flush()


def data_folder() -> Findings:
    folder = Path(settings.DATA_DIR)
    if not os.access(folder, os.W_OK):
        yield BROKEN, f"{folder} is missing or cannot be written."
        return
    key = folder / "secret_key"
    if key.exists() and key.stat().st_mode & 0o077:
        yield WARNING, f"{key} can be read by others; run `chmod 600 {key}`."
        return
    yield OK, f"{folder.absolute()} can be written"


def certificates() -> Findings:
    if not (settings.CA_CERTIFICATE or settings.CA_KEY or (settings.DATA_DIR / own_ca.FOLDER).exists()):
        yield OK, "the CA for chargers' certificates is made when it is first needed"
        return
    ca = authority.current()
    if ca is None or authority.problem():
        yield BROKEN, authority.problem()
        return
    if _has_signed_with_another(ca):
        yield (
            BROKEN,
            (
                "chargers hold certificates of a CA that is gone and will be refused: restore DATA_DIR/ca from "
                "its copy, or name that CA with CA_CERTIFICATE."
            ),
        )
    ends = f"{ca.certificate.not_valid_after_utc:%Y-%m-%d}"
    yield OK, f"the CA signs {'here' if ca.can_sign else 'elsewhere: export and import requests'}, until {ends}"


def _has_signed_with_another(ca: authority.Authority) -> bool:
    """Whether the newest certificate made here comes from another CA than the one there is: that one was lost."""
    try:
        newest = StationCertificate.objects.filter(is_ours=True, revoked_at=None).order_by("-pk").first()
    except Error:  # said under the database's own heading
        return False
    if newest is None or newest.not_after <= timezone.now():
        return False
    own, *between = x509.read_chain(newest.chain)
    return not x509.leads_to(own, ca.chain, between=between, at=timezone.now())


def hosts() -> Findings:
    allowed = settings.ALLOWED_HOSTS
    host = urlsplit(settings.PUBLIC_URL).hostname
    if host and not any(host == name or (name[:1] == "." and f".{host}".endswith(name)) for name in allowed):
        yield BROKEN, f"ALLOWED_HOSTS lacks {host}, the host of PUBLIC_URL: pages will answer 400."
        return
    yield OK, f"pages answer to {', '.join(allowed)}"


def tls_line() -> Findings:
    """The line on which the server itself speaks TLS."""
    if not tls.is_wanted():
        yield OK, "not spoken here: chargers' wss:// needs TLS_CERTIFICATE, or a proxy that ends TLS"
        return
    if problem := tls.problem():
        yield BROKEN, problem
        return
    for path, certificate in tls.own_certificates():
        left = certificate.not_valid_after_utc - datetime.now(UTC)
        ends = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        if left < CERTIFICATE_TOLERANCE:
            yield (WARNING, f"{path} ends on {ends}: chargers will not connect after it; renew it.")
        else:
            yield OK, f"{addresses.secure_charger_address()}<charger-id> with {path}, until {ends}"


def port() -> Findings:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104 - compared, not bound
    try:
        socket.create_connection((host, settings.PORT), timeout=PATIENCE_S).close()
    except OSError:
        yield OK, f"{settings.PORT} is free; no server is running"
        return
    if _is_plugcontrol(f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}/healthz"):
        yield OK, f"{settings.PORT} is served by plugcontrol"
    else:
        yield BROKEN, f"{settings.PORT} is used by another program; choose another PORT."


def _is_plugcontrol(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE_S) as answer:
            return bool(json.load(answer) == {"status": "ok"})
    except (OSError, ValueError):
        return False


def charger_address() -> Findings:
    if not settings.PUBLIC_URL and (addresses.is_loopback(settings.HOST) or not lan_addresses()):
        yield WARNING, "chargers in the network cannot reach this server; set HOST=0.0.0.0 or PUBLIC_URL."
        return
    yield OK, f"{addresses.charger_address()}<charger-id>"


def files() -> Findings:
    """Where chargers fetch and deliver files, whether somebody listens there, and whether there is room for them."""
    for address in file_addresses.roots_of_files():
        yield OK, f"chargers transfer them at {address}"
    if settings.FTP_ADDRESS and not _listens(settings.FTP_PORT):
        yield WARNING, f"FTP_ADDRESS is set, but nothing listens on port {settings.FTP_PORT}; run `make ftp`."
    folder = Path(settings.DATA_DIR)
    if folder.exists() and shutil.disk_usage(folder).free < receiving.RESERVE_BYTES:
        least_mb = receiving.RESERVE_BYTES // 2**20
        yield BROKEN, f"less than {least_mb} MiB are free in {folder.absolute()}: files of chargers are refused."


def _listens(number: int) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104 - compared, not bound
    try:
        socket.create_connection((host, number), timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True
