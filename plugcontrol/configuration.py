"""Reads the environment and says in one plain sentence what is wrong with it."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import zoneinfo
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import environ
import ifaddr
from django.core.exceptions import ImproperlyConfigured

MIN_SECRET_KEY_LENGTH = 32
#: Fewer different characters than Django's own check for production wants are a pattern, not a key.
MIN_SECRET_KEY_CHARACTERS = 5
#: What tutorials and images write into their examples; a database's own user name counts as well.
DEFAULT_PASSWORDS = {"admin", "changeme", "example", "password", "plugcontrol", "postgres", "root", "secret", "test"}


class Configuration:
    """The environment, typed and checked. Every method raises ImproperlyConfigured with a sentence for a person."""

    def __init__(self, base_dir: Path) -> None:
        self.env = environ.FileAwareEnv()
        env_file = Path(os.environ.get("ENV_FILE") or base_dir / ".env")
        if env_file.exists():
            self.env.read_env(env_file)
        self.data_dir = Path(self.env.str("DATA_DIR", default=str(base_dir / "data")))

    def text(self, name: str, default: str = "") -> str:
        try:
            # not env.str: it takes a value that begins with a dollar for the name of another variable
            return str(self.env.ENVIRON.get(name, default)).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {reason}.") from None

    def debug(self, public_url: str) -> bool:
        """Whether Django's error pages, with settings and variables on them, are shown: never to the world."""
        wanted = self.boolean("DEBUG", default=False)
        if wanted and public_url.startswith("https://"):
            raise ImproperlyConfigured("DEBUG shows the inside of plugcontrol: it goes with no https:// PUBLIC_URL.")
        return wanted

    def boolean(self, name: str, default: bool) -> bool:
        value = self.text(name).lower()
        if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
            return default if value == "" else value in ("1", "true", "yes", "on")
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        value = self.text(name) or str(default)
        if not value.isascii() or not value.isdigit() or not lowest <= int(value[:12]) <= highest:
            raise ImproperlyConfigured(f"{name} must be a whole number from {lowest} to {highest}, not {value!r}.")
        return int(value)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name) or default
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value

    def names(self, name: str) -> list[str]:
        return [item.strip() for item in self.text(name).split(",") if item.strip()]

    def secret_key(self) -> str:
        """SECRET_KEY, or the contents of SECRET_KEY_FILE, or a key made once and kept in the data folder."""
        given = self.text("SECRET_KEY")
        if given:
            if len(given) < MIN_SECRET_KEY_LENGTH:
                raise ImproperlyConfigured(f"SECRET_KEY must have at least {MIN_SECRET_KEY_LENGTH} characters.")
            if given.startswith("django-insecure") or len({*given}) < MIN_SECRET_KEY_CHARACTERS:
                raise ImproperlyConfigured("SECRET_KEY can be guessed: take what `openssl rand -hex 32` prints.")
            return given
        path = self.data_dir / "secret_key"
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _write_once(path, secrets.token_urlsafe(48))
        except OSError as error:
            raise ImproperlyConfigured(
                f"the data folder {self.data_dir} cannot be written ({error.strerror}); set DATA_DIR or SECRET_KEY."
            ) from None
        key = path.read_text().strip()
        if len(key) < MIN_SECRET_KEY_LENGTH:
            raise ImproperlyConfigured(f"{path} does not hold a usable key; delete it and a new one is made.")
        return key

    def database(self) -> dict[str, object]:
        """DATABASE_URL as Django's dictionary: SQLite in the data folder by default, or PostgreSQL."""
        url = self.text("DATABASE_URL") or f"sqlite:///{(self.data_dir / 'plugcontrol.sqlite3').absolute()}"
        scheme = _split("DATABASE_URL", url).scheme
        if scheme not in ("sqlite", "postgres", "postgresql"):
            raise ImproperlyConfigured("DATABASE_URL must begin with postgresql:// or sqlite:///.")
        try:
            database: dict[str, object] = dict(environ.Env.db_url_config(url))
        except (ValueError, ImproperlyConfigured):
            raise ImproperlyConfigured("DATABASE_URL is not a readable address.") from None
        if scheme == "sqlite":
            _make_folder(Path(str(database["NAME"])).parent)
            database["OPTIONS"] = {
                # WAL with immediate transactions lost no write where the defaults lost half to "database is locked";
                # synchronous=FULL because an acknowledged message must survive a power cut.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
            }
        else:
            database["ENGINE"] = "django.db.backends.postgresql"
            database["CONN_HEALTH_CHECKS"] = True
            options = dict(database.get("OPTIONS") or {})  # type: ignore[call-overload]
            options.setdefault("connect_timeout", 5)
            database["OPTIONS"] = options
            password = str(database.get("PASSWORD") or os.getenv("PGPASSWORD", "")).lower()
            if password and password in DEFAULT_PASSWORDS | {str(database.get("USER")).lower()}:
                raise ImproperlyConfigured("DATABASE_URL has a password that everybody knows; give that user another.")
        return database

    def redis_url(self) -> str:
        url = self.text("REDIS_URL")
        if url and _split("REDIS_URL", url).scheme not in ("redis", "rediss", "unix"):
            raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://.")
        return url

    def public_url(self) -> str:
        url = self.text("PUBLIC_URL").rstrip("/")
        if url:
            parts = _split("PUBLIC_URL", url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
                raise ImproperlyConfigured(
                    "PUBLIC_URL must be the address people type, such as https://charge.example.org, without a path."
                )
        return url

    def files_url(self) -> str:
        """Where chargers fetch and deliver files over HTTP(S), if not where people find the pages."""
        url = self.text("FILES_URL").rstrip("/")
        if url:
            parts = _split("FILES_URL", url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
                raise ImproperlyConfigured("FILES_URL must be an address such as http://files.example.org:8000.")
        return url

    def ftp_address(self) -> str:
        """Host, with a port if it is not 21, at which chargers reach `manage.py serve_ftp`; empty: there is none."""
        address = self.text("FTP_ADDRESS")
        if address:
            parts = _split("FTP_ADDRESS", f"ftp://{address}")
            if not parts.hostname or parts.path or parts.query or "@" in address:
                raise ImproperlyConfigured("FTP_ADDRESS must be a host such as 192.168.1.20:2121, without ftp://.")
        return address

    def port_range(self, name: str, default: str) -> range:
        value = self.text(name) or default
        first, _, last = value.partition("-")
        if first.isdigit() and last.isdigit() and 1024 <= int(first[:6]) <= int(last[:6]) <= 65535:
            return range(int(first), int(last) + 1)
        raise ImproperlyConfigured(f"{name} must be a range of ports such as {default}, not {value!r}.")

    def readable_file(self, name: str) -> Path | None:
        """The path of a file that must be there and readable; None if the variable is empty."""
        given = self.text(name)
        if not given:
            return None
        path = Path(given)
        try:
            with path.open("rb"):
                return path
        except OSError as error:
            raise ImproperlyConfigured(f"{name}: {given} cannot be read: {error.strerror}.") from None

    def time_zone(self) -> str:
        name = self.text("TIME_ZONE") or "UTC"
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ImproperlyConfigured(f"TIME_ZONE must be a name such as Europe/Berlin, not {name!r}.") from None
        return name

    def allowed_hosts(self, public_url: str) -> list[str]:
        """Own names and addresses unless ALLOWED_HOSTS says otherwise. Chargers' sockets never check it."""
        given = self.names("ALLOWED_HOSTS")
        if "*" in given:
            raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts that people type; * is none.")
        if given:
            return given
        hosts = {"localhost", "127.0.0.1", "[::1]", socket.gethostname(), socket.getfqdn(), *lan_addresses()}
        if not any("." in host for host in (socket.gethostname(),)):
            hosts.add(f"{socket.gethostname()}.local")
        if public_url:
            hosts.add(urlsplit(public_url).hostname or "")
        return sorted(host.lower() for host in hosts if host)

    def trusted_origins(self, public_url: str) -> list[str]:
        origins = self.names("CSRF_TRUSTED_ORIGINS")
        for origin in origins:
            if _split("CSRF_TRUSTED_ORIGINS", origin).scheme not in ("http", "https"):
                raise ImproperlyConfigured(f"CSRF_TRUSTED_ORIGINS needs http:// or https:// before {origin!r}.")
        return sorted({*origins, public_url} - {""})


def _split(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # checked only when it is read
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not a readable address.") from None
    return parts


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"the folder {folder} of DATABASE_URL cannot be made: {error.strerror}.") from None


def _write_once(path: Path, text: str) -> None:
    """Put a file there whole or not at all: of processes that start together one writes, and all read the same."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def lan_addresses() -> list[str]:
    """This machine's own addresses, those a charger in the same network can reach first; IPv6 in brackets."""
    addresses: list[str] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str):
                if not ip.ip.startswith(("127.", "169.254.")):
                    addresses.append(ip.ip)
            elif not ip.ip[0].startswith(("fe80:", "::1")):
                addresses.append(f"[{ip.ip[0]}]")
    # private IPv4 networks first; container bridges (172.17…) are private too, but a charger cannot reach them
    return sorted(addresses, key=lambda a: (a.startswith("["), a.startswith("172.17."), addresses.index(a)))
