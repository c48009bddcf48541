"""Files over HTTP: what a station gets for each request, and what is on the disk and in the rows afterwards."""

from __future__ import annotations

import asyncio
import resource
import threading
from collections import namedtuple
from contextlib import nullcontext
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.utils import timezone

from plugcontrol.asgi import application
from plugcontrol.limits import FailureLimit
from stations.models import ChargePoint
from transfers import exchange, guessing, http, receiving, tokens
from transfers.models import FirmwareFile, StationFile, Transfer

from .conftest import IMAGE, Client, get, in_database, open_download, open_upload, put, scratch_files

ETAG = f'"{sha256(IMAGE).hexdigest()}"'


async def delivered(transfer: Transfer) -> list[StationFile]:
    return await in_database(lambda: list(StationFile.objects.filter(transfer=transfer)))


async def row(transfer: Transfer) -> Transfer:
    return await Transfer.objects.aget(pk=transfer.pk)


def content(file: StationFile) -> bytes:
    with default_storage.open(str(file.file.name)) as stored:
        data: bytes = stored.read()
    return data


async def uploads_begun(number: int) -> None:
    """Wait until so many uploads are on the way."""
    async with asyncio.timeout(20):
        while len(scratch_files(settings.DATA_DIR)) < number:
            await asyncio.sleep(0.01)


# Uploads


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    ("ending", "name"), [("", "diagnostics"), ("diag.zip", "diag.zip"), ("/logs/a.txt", "a.txt"), ("..", "file")]
)
async def test_a_file_is_delivered(charger: ChargePoint, method: str, ending: str, name: str) -> None:
    transfer, path = await in_database(open_upload, charger)
    assert await put(path + ending, b"some ", b"lines", method=method) == 200

    [file] = await delivered(transfer)
    assert (file.file_name, file.size, file.kind, file.over) == (name, 10, "diagnostics", "http")
    assert file.sha256 == sha256(b"some lines").hexdigest()
    assert (file.charge_point_id, file.remote_address) == (charger.pk, "192.168.1.57")
    assert content(file) == b"some lines"
    done = await row(transfer)
    assert (done.bytes_done, done.problem, done.remote_address) == (10, "", "192.168.1.57")
    assert done.done_at
    assert done.first_used_at
    assert (Path(settings.DATA_DIR) / "files" / str(file.file.name)).stat().st_mode & 0o077 == 0
    assert not scratch_files(settings.DATA_DIR)


async def test_without_a_slash_at_the_end_it_is_the_same_address(charger: ChargePoint) -> None:
    transfer, path = await in_database(open_upload, charger)

    assert await put(path.rstrip("/"), b"x") == 200
    assert len(await delivered(transfer)) == 1


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_a_form_is_unwrapped(charger: ChargePoint, size: int) -> None:
    transfer, path = await in_database(open_upload, charger)
    file = b"first\r\n--Bound\r\nlast\r\n" * 20
    body = (
        b'--Boundary7\r\nContent-Disposition: form-data; name="id"\r\n\r\n17\r\n'
        b'--Boundary7\r\nContent-Disposition: form-data; name="f"; filename="log 1.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n" + file + b"\r\n--Boundary7--\r\n"
    )
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert await put(path, *pieces, method="POST", content_type="multipart/form-data; boundary=Boundary7") == 200

    [stored] = await delivered(transfer)
    assert (stored.file_name, content(stored)) == ("log 1.txt", file)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nhalf',
        b"--B\r\n" + b"X: y\r\n" * 10_000,
        b"--B\r\nContent-Disposition: form-data; filename*=idna''%ff\r\n\r\nx\r\n--B--\r\n",
        b"--B\r\n\r\n\r\n" * 40 + b'--B\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx\r\n--B--\r\n',
    ],
)
async def test_a_form_without_a_whole_file_leaves_the_address_usable(charger: ChargePoint, body: bytes) -> None:
    transfer, path = await in_database(open_upload, charger)
    assert await put(path, body, content_type="multipart/form-data; boundary=B") == 400
    assert await delivered(transfer) == []
    assert await put(path, b"better") == 200


async def test_a_boundary_in_no_encoding_is_none(charger: ChargePoint) -> None:
    _transfer, path = await in_database(open_upload, charger)
    assert await put(path, b"--B", content_type="multipart/form-data; boundary*=idna''%ff") == 400


async def test_a_form_may_name_its_file_in_any_language(charger: ChargePoint) -> None:
    transfer, path = await in_database(open_upload, charger)
    body = '--B\r\nContent-Disposition: form-data; name="f"; filename="größe.zip"\r\n\r\nx\r\n--B--\r\n'.encode()
    assert await put(path, body, content_type="multipart/form-data; boundary=B") == 200

    assert [file.file_name for file in await delivered(transfer)] == ["größe.zip"]


async def test_a_large_body_never_lies_in_memory_and_its_progress_is_told(
    charger: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfers.traffic.EVERY_S", 0.0)
    transfer, path = await in_database(open_upload, charger)
    client = await Client("PUT", path).sends(*[b"x" * 65536] * 20, more=True)
    async with asyncio.timeout(20):
        while (await row(transfer)).bytes_done < 20 * 65536:
            await asyncio.sleep(0.02)

    [scratch] = (Path(settings.DATA_DIR) / "tmp").glob("upload-*")
    assert scratch.stat().st_size == 20 * 65536
    assert await delivered(transfer) == []
    await client.sends(b"")
    assert (await client.hears())[0] == 200
    [file] = await delivered(transfer)
    assert file.size == 20 * 65536


@pytest.mark.parametrize("headers", [{"content_length": "11"}, {"transfer_encoding": "chunked"}])
async def test_an_oversized_file(charger: ChargePoint, headers: dict[str, str]) -> None:
    transfer, path = await in_database(open_upload, charger, max_bytes=10)
    assert await put(path, b"x" * 6, b"x" * 5, **headers) == 413

    assert await delivered(transfer) == []
    assert ((await row(transfer)).problem, (await row(transfer)).done_at) == ("too_large", None)
    assert not scratch_files(settings.DATA_DIR)
    assert await put(path, b"x" * 10) == 200
    assert (await row(transfer)).problem == ""


async def test_an_announced_giant_is_refused_before_it_is_sent(charger: ChargePoint) -> None:
    _transfer, path = await in_database(open_upload, charger, max_bytes=10)
    client = Client("PUT", path, content_length="9" * 18, expect="100-continue")

    status, headers, _ = await client.hears()  # nothing was sent, nothing was waited for
    assert (status, headers["connection"]) == (413, "close")


async def test_an_empty_file(charger: ChargePoint) -> None:
    transfer, path = await in_database(open_upload, charger)
    assert await put(path, b"") == 400
    assert (await row(transfer)).problem == "empty"
    assert await delivered(transfer) == []


async def test_an_expired_address(charger: ChargePoint, image: FirmwareFile) -> None:
    transfer, path = await in_database(open_upload, charger, expires_at=timezone.now() - timedelta(seconds=1))
    assert await put(path, b"x") == 410
    assert (await row(transfer)).problem == "expired"
    fetched, address = await in_database(open_download, charger, image)
    await in_database(tokens.close, fetched)
    assert (await get(address))[0] == 410
    assert await delivered(transfer) == []


async def test_wrong_and_unknown_tokens_get_one_answer(charger: ChargePoint) -> None:
    _transfer, path = await in_database(open_upload, charger)
    answers = [
        await get(address) for address in (f"/transfers/{'0' * 32}/", "/transfers/x/y", "/transfers/", path[:-2] + "g/")
    ]

    assert {status for status, _, _ in answers} == {404}
    assert len({body for _, _, body in answers}) == 1
    assert not any("set-cookie" in headers or "location" in headers for _, headers, _ in answers)


async def test_who_guesses_is_not_heard_for_a_while(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "_wrong", FailureLimit(3))
    _transfer, path = await in_database(open_upload, charger)
    statuses = [(await get(f"/transfers/{number:032x}/"))[0] for number in range(5)]

    assert statuses == [404, 404, 404, 429, 429]
    client = await Client("PUT", path, address="192.168.1.99").sends(b"x")
    assert (await client.hears())[0] == 200


async def test_a_network_of_ipv6_is_one_that_guesses(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "_wrong", FailureLimit(3))
    _transfer, path = await in_database(open_upload, charger)
    for number in range(3):
        client = await Client("GET", f"/transfers/{number:032x}/", address=f"2001:db8::{number + 1}").sends()
        assert (await client.hears())[0] == 404

    for address, status in (("2001:db8::ffff", 429), ("2001:db8:0:1::1", 200)):
        client = await Client("PUT", path, address=address).sends(b"x")
        assert (await client.hears())[0] == status


async def test_the_same_file_again_is_welcome_and_another_is_not(charger: ChargePoint) -> None:
    transfer, path = await in_database(open_upload, charger)

    assert [await put(path, b"one"), await put(path, b"o", b"ne"), await put(path, b"two")] == [200, 200, 409]
    [file] = await delivered(transfer)
    assert content(file) == b"one"
    assert (await row(transfer)).problem == "already_there"
    assert len(default_storage.listdir("station-files")[1]) >= 1
    assert not scratch_files(settings.DATA_DIR)


async def test_of_two_at_once_the_first_to_end_is_kept(charger: ChargePoint) -> None:
    transfer, path = await in_database(open_upload, charger)
    slow = await Client("PUT", path).sends(b"half a", more=True)
    await uploads_begun(1)
    assert await put(path, b"whole") == 200
    await slow.sends(b" file")

    assert (await slow.hears())[0] == 409
    [file] = await delivered(transfer)
    assert content(file) == b"whole"
    kept = await in_database(lambda: set(StationFile.objects.values_list("file", flat=True)))
    assert str(file.file.name) in kept


async def test_an_address_is_not_used_by_a_crowd(charger: ChargePoint) -> None:
    _transfer, path = await in_database(open_upload, charger)
    crowd = [await Client("PUT", path).sends(b"x", more=True) for _ in range(http.AT_ONCE)]
    await uploads_begun(http.AT_ONCE)

    assert await put(path, b"x") == 503
    for client in crowd:
        await client.leaves()
    assert await put(path, b"x") == 200


async def test_a_lost_connection_leaves_nothing_and_the_address_usable(charger: ChargePoint) -> None:
    transfer, path = await in_database(open_upload, charger)
    client = await Client("PUT", path, content_length="100").sends(b"half", more=True)
    await client.leaves()

    assert (await row(transfer)).problem == "interrupted"
    assert await delivered(transfer) == []
    assert not scratch_files(settings.DATA_DIR)
    assert await put(path, b"whole") == 200


async def test_a_station_that_stalls_is_told(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "STALLED_S", 0.1)
    transfer, path = await in_database(open_upload, charger)
    client = await Client("PUT", path).sends(b"half", more=True)

    assert (await client.hears())[0] == 408
    assert (await row(transfer)).problem == "interrupted"


async def test_a_part_of_a_file_is_no_file(charger: ChargePoint) -> None:
    transfer, path = await in_database(open_upload, charger)
    assert await put(path, b"x", content_range="bytes 0-0/2") == 400
    assert await delivered(transfer) == []


async def test_no_space(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(receiving.shutil, "disk_usage", lambda _path: usage(0, 0, receiving.RESERVE_BYTES + 5))
    transfer, path = await in_database(open_upload, charger)

    assert await put(path, b"x" * 6, content_length="6") == 507
    assert await put(path, b"x" * 6) == 507
    assert ((await row(transfer)).problem, await delivered(transfer)) == ("no_space", [])
    assert await put(path, b"x" * 5) == 200
    assert not scratch_files(settings.DATA_DIR)


def test_a_disk_that_is_full_before_we_know_keeps_no_half_file(charger: ChargePoint) -> None:
    """As of a quota: the free space says nothing, and bytes that wait in memory cannot be written at the end either."""
    transfer, _path = open_upload(charger)
    reception = receiving.Reception(transfer, over="http", address="")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, former[1]))
    try:
        with pytest.raises(receiving.Refused) as refused:
            for _ in range(5):
                reception.write(b"x" * 5000)
        reception.abandon()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert (refused.value.problem, scratch_files(settings.DATA_DIR)) == ("no_space", [])


async def test_half_a_file_is_deleted_beside_the_chargers(
    charger: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    abandon = receiving.Reception.abandon

    def watched(reception: receiving.Reception) -> None:
        threads.append(threading.current_thread())
        abandon(reception)

    monkeypatch.setattr(receiving.Reception, "abandon", watched)
    _transfer, path = await in_database(open_upload, charger)
    assert await put(path, b"x") == 200
    assert threads
    assert threading.current_thread() not in threads


async def test_a_database_that_is_away(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer, path = await in_database(open_upload, charger)

    def fails(*_arguments: object, **_named: object) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr("transfers.traffic.completed", fails)
        client = await Client("PUT", path).sends(b"x")
        status, headers, _ = await client.hears()
    assert (status, headers["retry-after"]) == (503, "30")
    assert await delivered(transfer) == []
    before = set(default_storage.listdir("station-files")[1])
    assert await put(path, b"x") == 200
    assert len(set(default_storage.listdir("station-files")[1]) - before) == 1


# Downloads


async def test_a_firmware_is_fetched(charger: ChargePoint, image: FirmwareFile) -> None:
    transfer, path = await in_database(open_download, charger, image)
    status, headers, body = await get(path)

    assert (status, body) == (200, IMAGE)
    assert headers["content-length"] == str(len(IMAGE))
    assert (headers["etag"], headers["accept-ranges"]) == (ETAG, "bytes")
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''wall%204.3.1.bin"
    done = await row(transfer)
    assert (done.bytes_done, done.problem) == (len(IMAGE), "")
    assert done.done_at


async def test_head_says_the_same_and_ends_nothing(charger: ChargePoint, image: FirmwareFile) -> None:
    transfer, path = await in_database(open_download, charger, image)
    client = await Client("HEAD", path).sends(b"")
    status, headers, body = await client.hears()

    assert (status, headers["content-length"], headers["etag"], body) == (200, str(len(IMAGE)), ETAG, b"")
    assert (await row(transfer)).done_at is None


@pytest.mark.parametrize(
    ("wish", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-", 5, len(IMAGE) - 1),
        ("bytes=-5", len(IMAGE) - 5, len(IMAGE) - 1),
        ("bytes=1000000-9999999", 1_000_000, len(IMAGE) - 1),
        (f"bytes=-{len(IMAGE) + 7}", 0, len(IMAGE) - 1),
        ("Bytes = 5 - 7", 5, 7),
    ],
)
async def test_a_range(charger: ChargePoint, image: FirmwareFile, wish: str, first: int, last: int) -> None:
    transfer, path = await in_database(open_download, charger, image)
    status, headers, body = await get(path, range=wish)

    assert (status, body) == (206, IMAGE[first : last + 1])
    assert headers["content-range"] == f"bytes {first}-{last}/{len(IMAGE)}"
    assert ((await row(transfer)).done_at is not None) == (last == len(IMAGE) - 1)
    assert (await row(transfer)).bytes_done == last + 1


@pytest.mark.parametrize("wish", ["bytes=1-2,4-5", "bytes=7-3", "bytes=-", "lines=1-2", "bytes=a-b"])
async def test_what_is_no_single_range_is_not_obeyed(charger: ChargePoint, image: FirmwareFile, wish: str) -> None:
    _transfer, path = await in_database(open_download, charger, image)
    status, _, body = await get(path, range=wish)
    assert (status, len(body)) == (200, len(IMAGE))


@pytest.mark.parametrize("wish", [f"bytes={len(IMAGE)}-", "bytes=-0"])
async def test_a_range_behind_the_end(charger: ChargePoint, image: FirmwareFile, wish: str) -> None:
    _transfer, path = await in_database(open_download, charger, image)
    status, headers, _ = await get(path, range=wish)
    assert (status, headers["content-range"]) == (416, f"bytes */{len(IMAGE)}")


async def test_a_range_of_another_file_is_all_of_this_one(charger: ChargePoint, image: FirmwareFile) -> None:
    _transfer, path = await in_database(open_download, charger, image)
    modified = (await get(path))[1]["last-modified"]

    statuses = [(await get(path, range="bytes=5-", if_range=tag))[0] for tag in (ETAG, modified, '"other"')]
    assert statuses == [206, 206, 200]


async def test_a_station_that_leaves_has_not_got_it(charger: ChargePoint, image: FirmwareFile) -> None:
    transfer, path = await in_database(open_download, charger, image)
    held, more = asyncio.Event(), asyncio.Event()
    sent: list[dict[str, object]] = []
    inbox: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    inbox.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def send(message: dict[str, object]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            held.set()
            await more.wait()

    scope = {**Client("GET", path).scope}
    answering = asyncio.create_task(application(scope, inbox.get, send))
    await held.wait()
    inbox.put_nowait({"type": "http.disconnect"})
    await asyncio.sleep(0)
    more.set()
    await answering

    assert len([message for message in sent if message["type"] == "http.response.body"]) == 1
    assert ((await row(transfer)).problem, (await row(transfer)).done_at) == ("interrupted", None)
    assert (await get(path, range="bytes=262144-"))[0] == 206
    assert (await row(transfer)).done_at


@pytest.mark.parametrize(("patience_s", "is_cut"), [(10.0, False), (0.02, True)])
async def test_a_station_that_takes_its_time_is_not_gone(
    patience_s: float, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a slow one the kernel says for minutes that it takes nothing."""
    monkeypatch.setattr(exchange, "STALLED_S", 0.02)
    monkeypatch.setattr(exchange, "UNTAKEN_S", patience_s)

    async def slowly(_message: Any) -> None:
        await asyncio.sleep(0.1)

    scope = {"method": "GET", "path": "/", "headers": []}
    request = exchange.Exchange(scope, slowly, slowly)  # type: ignore[arg-type]  # nothing is received
    with pytest.raises(exchange.Interrupted) if is_cut else nullcontext():
        await request.body(b"x", more=True)


async def test_a_file_that_is_gone_from_the_disk(charger: ChargePoint, image: FirmwareFile) -> None:
    _transfer, path = await in_database(open_download, charger, image)
    default_storage.delete(str(image.file.name))
    assert (await get(path))[0] == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "MKCOL"])
async def test_methods_that_are_not_for_uploads(charger: ChargePoint, method: str) -> None:
    transfer, path = await in_database(open_upload, charger)
    client = await Client(method, path).sends(b"")
    status, headers, _ = await client.hears()

    assert (status, headers["allow"]) == (405, "PUT, POST")
    assert (await row(transfer)).problem == "wrong_method"


async def test_nothing_is_delivered_to_an_address_for_downloads(charger: ChargePoint, image: FirmwareFile) -> None:
    transfer, path = await in_database(open_download, charger, image)
    assert await put(path, b"x") == 405
    assert await delivered(transfer) == []


# Around it


async def test_behind_https_nothing_is_redirected(charger: ChargePoint, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    transfer, path = await in_database(open_upload, charger)
    assert await put(path, b"x") == 200
    assert len(await delivered(transfer)) == 1


async def test_a_page_is_still_a_page(transactional_db: None) -> None:
    client = await Client("GET", "/healthz").sends(b"")
    assert (await client.hears())[0] == 200


def test_names_that_no_file_system_takes() -> None:
    names = ["a/b.txt", "..", "C:\\logs\\a.zip", "\x00\n", "x" * 300 + ".tar", "  a. ", 'q"<>.log']
    assert [receiving.storable_name(name) for name in names] == [
        *("b.txt", "file", "a.zip", "file"),
        "x" * 251 + ".tar",
        *("a", "q.log"),
    ]
