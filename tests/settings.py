"""Settings of the test suite: the product's own, fed by a clean environment and a data folder of its own."""

import os
import tempfile

for _name in (
    *("PUBLIC_URL", "ALLOWED_HOSTS", "SECRET_KEY", "UNKNOWN_CHARGE_POINTS", "UNKNOWN_ID_TAGS", "MESSAGE_LOG"),
    "REQUIRE_SECOND_FACTOR",
    *("FILES_URL", "FTP_ADDRESS", "TLS_CERTIFICATE", "TLS_KEY", "CA_CERTIFICATE", "CA_KEY", "CA_KEY_PASSWORD"),
):
    os.environ.pop(_name, None)
os.environ["ENV_FILE"] = os.devnull  # a developer's .env is for his server; servers that tests start inherit this
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="plugcontrol-tests-")

from plugcontrol.settings import *  # noqa: E402, F403
from plugcontrol.settings import DATA_DIR, DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # a file, because the gateway's writer has a connection of its own
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
