"""The environment: what is wrong stops the start with one plain sentence, what is missing has a safe default."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from . import warm

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent
LONG_KEY = "k3y-for-tests-" * 4


def manage(data_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`manage.py …` in an environment of its own."""
    own = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(data_dir), "PYTHONUTF8": "1"}
    return warm.manage(arguments, own | variables)


def settings(data_dir: Path, *names: str, **variables: str) -> dict[str, object]:
    """Values of settings as a server started with these variables has them."""
    values_of = f"{{n: getattr(s, n) for n in {names}}}"
    code = f"import json; from django.conf import settings as s; print(json.dumps({values_of}))"
    result = manage(data_dir, "shell", "--no-imports", "-c", code, **variables)
    assert result.returncode == 0, result.stderr
    values: dict[str, object] = json.loads(result.stdout)
    return values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("DEBUG", "maybe"),
        ("REQUIRE_SUBPROTOCOL", "2"),
        ("UNKNOWN_CHARGE_POINTS", "sometimes"),
        ("UNKNOWN_ID_TAGS", "ask"),
        ("MESSAGE_LOG", "some"),
        ("MESSAGE_RETENTION_DAYS", "0"),
        ("ATTEMPT_RETENTION_DAYS", "-1"),
        ("HISTORY_RETENTION_DAYS", "-1"),
        ("METER_VALUE_DETAIL_DAYS", "-1"),
        ("HEARTBEAT_INTERVAL", "9"),
        ("FILES_URL", "ftp://files.example.org"),
        ("FILES_URL", "files.example.org"),
        ("TRANSFER_HOURS", "0"),
        ("MAX_FIRMWARE_MB", "much"),
        ("MAX_STATION_FILE_MB", "0"),
        ("STATION_FILE_RETENTION_DAYS", "0"),
        ("FTP_ADDRESS", "ftp://192.168.1.20"),
        ("FTP_ADDRESS", "user@192.168.1.20"),
        ("FTP_PORT", "0"),
        ("FTP_PASSIVE_PORTS", "30000"),
        ("FTP_PASSIVE_PORTS", "30019-30000"),
        ("FTP_PASSIVE_PORTS", "80-90"),
        ("TLS_PORT", "0"),
        ("TLS_CERTIFICATE", "/nowhere/certificate.pem"),
        ("TLS_KEY", "/nowhere/key.pem"),
        ("CA_CERTIFICATE", "/nowhere/ca.pem"),
        ("CA_KEY", "/"),
        ("CERTIFICATE_DAYS", "0"),
        ("CERTIFICATE_RENEWAL_DAYS", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("LANGUAGE_CODE", "tlh"),
        ("TIME_ZONE", "Mars/Olympus"),
        ("TIME_ZONE", "../../etc/passwd"),
        ("DATABASE_URL", "mysql://localhost/plugcontrol"),
        ("DATABASE_URL", "postgresql://[broken/plugcontrol"),
        ("DATABASE_URL", "postgresql://root@localhost:port/plugcontrol"),
        ("DATABASE_URL", "sqlite:////proc/nowhere/plugcontrol.sqlite3"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "redis://[broken"),
        ("PUBLIC_URL", "charge.example.org"),
        ("PUBLIC_URL", "https://charge.example.org/plugcontrol"),
        ("PUBLIC_URL", "https://charge.example.org:99999"),
        ("CSRF_TRUSTED_ORIGINS", "charge.example.org"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "abcd" * 16),
        ("SECRET_KEY", "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz"),
        ("ALLOWED_HOSTS", "charge.example.org,*"),
        ("DATABASE_URL", "postgresql://plugcontrol:plugcontrol@db/plugcontrol"),
        ("DATABASE_URL", "postgresql://plugcontrol:Postgres@10.0.0.5/plugcontrol"),
        ("SECRET_KEY_FILE", "/nowhere/secret_key"),
        ("DATABASE_URL_FILE", "/nowhere/database_url"),
        ("DATA_DIR", "/proc/nowhere"),
    ],
)
def test_a_wrong_value_stops_the_start_with_one_sentence(tmp_path: Path, name: str, value: str) -> None:
    result = manage(tmp_path, "check", **{name: value})

    assert result.returncode != 0
    assert result.stdout == ""
    assert re.fullmatch(r"plugcontrol cannot start: [^\n]+\.\n", result.stderr)
    assert name in result.stderr


def test_djangos_error_pages_are_not_shown_to_the_world(tmp_path: Path) -> None:
    result = manage(tmp_path, "check", DEBUG="1", PUBLIC_URL="https://charge.example.org")

    assert result.returncode != 0
    assert re.fullmatch(r"plugcontrol cannot start: DEBUG[^\n]+\.\n", result.stderr)


def test_a_default_password_in_pgpassword_is_one_too(tmp_path: Path) -> None:
    url = "postgresql://plugcontrol@db/plugcontrol"
    result = manage(tmp_path, "check", DATABASE_URL=url, PGPASSWORD="plugcontrol")

    assert result.returncode != 0
    assert re.fullmatch(r"plugcontrol cannot start: DATABASE_URL[^\n]+\.\n", result.stderr)
    assert manage(tmp_path, "check", DATABASE_URL=url, PGPASSWORD="9f2c64d1e0").returncode == 0


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    """As a shell runs it, for once from the very beginning."""
    own = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path)}
    command = [sys.executable, "manage.py", "check"]
    result = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")


def test_an_env_file_counts_and_may_lie_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "variables"
    file.write_text("PORT=8123\nLANGUAGE_CODE=de\n")

    values = settings(tmp_path, "PORT", "LANGUAGE_CODE", ENV_FILE=str(file), LANGUAGE_CODE="en")

    assert values == {"PORT": 8123, "LANGUAGE_CODE": "en"}


def test_a_developers_env_file_does_not_reach_the_tests(tmp_path: Path) -> None:
    for package in ("plugcontrol", "tests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".env").write_text("PORT=http\n")

    command = [sys.executable, "-c", "import tests.settings"]
    result = subprocess.run(
        command, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr


def test_a_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = settings(tmp_path, "SECRET_KEY")
    key = tmp_path / "secret_key"

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text()) >= 50
    assert settings(tmp_path, "SECRET_KEY") == first == {"SECRET_KEY": key.read_text()}


def test_a_secret_key_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{LONG_KEY}\n")

    assert settings(tmp_path, "SECRET_KEY", SECRET_KEY_FILE=str(file)) == {"SECRET_KEY": LONG_KEY}
    assert not (tmp_path / "secret_key").exists()


def test_a_secret_key_may_begin_with_a_dollar(tmp_path: Path) -> None:
    assert settings(tmp_path, "SECRET_KEY", SECRET_KEY=f"${LONG_KEY}") == {"SECRET_KEY": f"${LONG_KEY}"}


_SECURITY = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS")


def test_an_https_public_url_makes_the_line_secure(tmp_path: Path) -> None:
    values = settings(
        tmp_path, *_SECURITY, "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", PUBLIC_URL="https://charge.example.org/"
    )

    assert all(values[name] for name in _SECURITY)
    assert "charge.example.org" in values["ALLOWED_HOSTS"]  # type: ignore[operator]
    assert values["CSRF_TRUSTED_ORIGINS"] == ["https://charge.example.org"]


def test_http_is_redirected_to_the_port_that_speaks_tls(tmp_path: Path) -> None:
    values = settings(tmp_path, "SECURE_SSL_HOST", PUBLIC_URL="https://charge.example.org:8443")

    assert values == {"SECURE_SSL_HOST": "charge.example.org:8443"}


def test_without_it_people_in_the_network_can_log_in_over_http(tmp_path: Path) -> None:
    assert not any(settings(tmp_path, *_SECURITY).values())


def test_production_settings_pass_djangos_own_checks(tmp_path: Path) -> None:
    result = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", PUBLIC_URL="https://charge.example.org")

    assert result.returncode == 0, result.stderr


def test_the_example_lists_every_variable_that_is_read() -> None:
    listed = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    compose_only = {"POSTGRES_PASSWORD", "TLS_FOLDER"}
    files = {name for name in listed if name.endswith("_FILE")}

    assert listed - compose_only - files == _variables_read()
    assert {name.removesuffix("_FILE") for name in files} <= listed


def _variables_read() -> set[str]:
    sources = (
        ROOT / "plugcontrol" / name for name in ("settings.py", "configuration.py", "management/commands/prepare.py")
    )
    reads = re.compile(
        r"(?:_configuration|self)\.(?:env\.str|text|boolean|number|choice|names|port_range|readable_file)\(\s*\"([A-Z_]+)\""
        r"|os\.environ\.get\(\"([A-Z_]+)\""
    )
    found = {first or second for source in sources for first, second in reads.findall(source.read_text())}
    return {name for name in found if not name.endswith("_FILE")}
