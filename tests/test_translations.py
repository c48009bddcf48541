"""German is complete, and what is committed is what people see."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po"
SOURCES = (
    "people",
    "jobs",
    "screens",
    "plugcontrol",
    "stations",
    "transactions",
    "transfers",
    "certificates",
    "charging_profiles",
    "ocpp_gateway",
    "api",
    "simulator",
    "templates",
    "locale",
)


def key(entry):
    return entry.msgctxt, entry.msgid


@pytest.fixture(scope="module")
def german():
    return polib.pofile(str(CATALOGUE))


def test_every_string_has_a_german_one(german):
    assert [entry.msgid for entry in german if not entry.translated()] == []
    assert [entry.msgid for entry in german if entry.fuzzy or entry.obsolete] == []


def test_placeholders_survive(german):
    import re

    placeholder = re.compile(r"%\(\w+\)[sd]|%[sd]")
    for entry in german:
        for text in (entry.msgstr, *entry.msgstr_plural.values()):
            if text:
                assert {*placeholder.findall(text)} == {*placeholder.findall(entry.msgid)}, entry.msgid


def test_the_compiled_catalogue_is_up_to_date(german):
    compiled = {key(entry): (entry.msgstr, entry.msgstr_plural) for entry in polib.mofile(str(CATALOGUE)[:-2] + "mo")}
    assert compiled == {key(entry): (entry.msgstr, entry.msgstr_plural) for entry in german}


def test_the_catalogue_names_no_place_on_a_machine(german):
    assert [entry.msgid for entry in german if entry.occurrences] == []


@pytest.mark.skipif(not shutil.which("xgettext"), reason="xgettext is not installed")
def test_no_string_is_missing_from_the_catalogue(german, tmp_path):
    for name in SOURCES:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    command = [sys.executable, "manage.py", "makemessages", "-l", "de", "--no-location", "--no-obsolete"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "plugcontrol.settings", "DATA_DIR": str(tmp_path / "data")}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    fresh = polib.pofile(str(tmp_path / CATALOGUE.relative_to(ROOT)))
    assert {key(entry) for entry in fresh} == {key(entry) for entry in german}
