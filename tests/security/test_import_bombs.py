"""H36: a small workbook that would fill the memory is refused before it is unpacked into objects."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20
SHEET = b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
HEADER = b'<row r="1"><c r="A1" t="inlineStr"><is><t>id_tag</t></is></c></row>'
END = b"</sheetData></worksheet>"
STYLES = b'<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs>'
TYPES = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
TEXTS = b'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
#: What it is: (part, its beginning, what is repeated up to 150 MB, its end)
BOMBS = {
    "cells of one row": ("xl/worksheets/sheet1.xml", SHEET + b"<row>", b"<c/>", b"</row>" + END),
    "cells with a prefix": ("xl/worksheets/sheet1.xml", SHEET + b"<row>", b"<x:c />", b"</row>" + END),
    "rows": ("xl/worksheets/sheet1.xml", SHEET + HEADER, b"<row/>", END),
    "one long text": ("xl/worksheets/sheet1.xml", SHEET + HEADER[:-19], b"a", HEADER[-19:] + END),
    "styles": ("xl/styles.xml", STYLES, b"<xf/>", b"</cellXfs></styleSheet>"),
    "types": ("[Content_Types].xml", TYPES, b'<Default Extension="a" ContentType="b"/>', b"</Types>"),
    "texts": ("xl/sharedStrings.xml", TEXTS, b"<si><t>a</t></si>", b"</sst>"),
    "in two bytes": ("xl/worksheets/sheet1.xml", (SHEET + b"<row>").decode().encode("utf-16"), b"<\0c\0/\0>\0", b""),
}

_READ = """
import json, resource, sys, time
import django
django.setup()
from stations.uploads import UnreadableFile, Xlsx
data = sys.stdin.buffer.read()
status = lambda name: int(open("/proc/self/status").read().split(name)[1].split()[0]) // 1024
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))  # if it is not refused, the machine lives on
before, began = status("VmRSS:"), time.process_time()
try:
    said = len(Xlsx().create_dataset(data))
except (UnreadableFile, MemoryError) as error:
    said = f"{type(error).__name__}: {error}"
print(json.dumps([said, status("VmHWM:") - before, time.process_time() - began]))
"""


def workbook(part: str, beginning: bytes, repeated: bytes, end: bytes) -> bytes:
    book, file, made = Workbook(), io.BytesIO(), io.BytesIO()
    book.active.append(["id_tag"])
    book.save(file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in {*old.namelist(), part}:
            if name != part:
                new.writestr(name, old.read(name))
        with new.open(part, "w", force_zip64=True) as entry:
            entry.write(beginning)
            for _ in range(150):
                entry.write(repeated * (MIB // len(repeated)))
            entry.write(end)
    return made.getvalue()


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_time_and_memory(name: str) -> None:
    data = workbook(*BOMBS[name])
    assert len(data) < 10 * MIB
    done = subprocess.run(
        [sys.executable, "-c", _READ],
        input=data,
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    said, grown_mb, cpu_s = json.loads(done.stdout)
    assert str(said).startswith("UnreadableFile: The "), said
    assert grown_mb < 200
    assert cpu_s < 5


def test_a_large_honest_workbook_is_read() -> None:
    from stations.uploads import MAX_PART_BYTES, Xlsx

    book, file = Workbook(write_only=True), io.BytesIO()
    sheet = book.create_sheet()
    for row in [["id_tag", "holder"], *([f"{number:08X}", f"Holder {number} & <co>"] for number in range(20_000))]:
        sheet.append(row)
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        assert max(entry.file_size for entry in archive.infolist()) > MAX_PART_BYTES / 2
    assert len(Xlsx().create_dataset(file.getvalue())) == 20_000
