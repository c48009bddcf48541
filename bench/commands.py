"""How long a command takes from an HTTP request over the station back to the HTTP answer.

python -m bench.commands                       five rounds of 100 commands for each set-up, in turns
python -m bench.commands --rounds 3 --count 50

One process with the in-memory layer, on SQLite and on PostgreSQL, against two processes with PostgreSQL and Redis,
where the request reaches the process that does not hold the station's socket. That may take twice the time at most.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import redis
import websockets

from bench import rig
from bench.messages import identity

STATION = identity("BENCH", 1)
WARM_UP = 20
PATIENCE_S = 30
COMMAND = {"action": "DataTransfer", "payload": {"vendorId": "bench", "data": "hello"}, "wait_s": PATIENCE_S}


class Redis:
    """A redis-server of this run's own that keeps nothing."""

    def __init__(self, folder: rig.Folder) -> None:
        self.port = rig.free_port()
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        program = shutil.which("redis-server")
        if program is None:
            raise SystemExit("redis-server is not installed.")
        self._process = subprocess.Popen(  # noqa: S603
            [program, *options, "--dir", str(folder.path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE_S
        with redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(rig.EXIT_S)


@dataclass
class SetUp:
    """Commands go to the process `asked`, the station's socket is at `holder`."""

    name: str
    asked: rig.Plugcontrol
    holder: rig.Plugcontrol
    key: str
    seconds: list[float]

    async def measure(self, count: int) -> list[float]:
        """Round trips of `count` commands, one after the other, over one HTTP connection."""
        async with websockets.connect(f"{self.holder.url}/{STATION}", subprotocols=["ocpp1.6"]) as socket:
            answering = asyncio.create_task(_answer(socket))
            try:
                return await asyncio.to_thread(_ask, self.asked.port, self.key, count)
            finally:
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)


async def _answer(socket: Any) -> None:
    async for text in socket:
        frame = json.loads(text)
        if frame[0] == 2:
            await socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))


def _ask(port: int, key: str, count: int) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S + 10)
    headers = {"Authorization": f"Token {key}", "Content-Type": "application/json"}
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        connection.request("POST", f"/api/v1/charge-points/{STATION}/commands/", json.dumps(COMMAND), headers)
        answer = connection.getresponse()
        body = answer.read()
        taken.append(time.perf_counter() - begun)
        if answer.status != 200 or json.loads(body)["status"] != "accepted":
            raise SystemExit(f"{answer.status}: {body.decode()}")
    connection.close()
    return taken


def _key(server: rig.Plugcontrol) -> str:
    arguments = [sys.executable, "manage.py", "create_api_key", "bench", "--scope", "admin"]
    made = subprocess.run(  # noqa: S603
        arguments, cwd=rig.ROOT, env=server.environment, capture_output=True, text=True, check=True, timeout=rig.READY_S
    )
    return made.stdout.split()[-1]


def _set_ups(folder: rig.Folder, postgres: rig.Postgres, layer: Redis, started: list[rig.Plugcontrol]) -> list[SetUp]:
    simple = rig.Plugcontrol(folder, "", {"BENCH": 1}, REDIS_URL="")
    alone = rig.Plugcontrol(folder, postgres.fresh("alone"), {"BENCH": 1}, REDIS_URL="")
    shared = {"REDIS_URL": f"redis://127.0.0.1:{layer.port}/0"}
    database_url = postgres.fresh("together")
    first = rig.Plugcontrol(folder, database_url, {"BENCH": 1}, SECRET_KEY="bench" * 12, **shared)
    second = rig.Plugcontrol(folder, database_url, SECRET_KEY="bench" * 12, **shared)
    for server in (simple, alone, first, second):
        started.append(server)
        server.start()
    return [
        SetUp("one process, in-memory layer, SQLite", simple, simple, _key(simple), []),
        SetUp("one process, in-memory layer, PostgreSQL", alone, alone, _key(alone), []),
        SetUp("two processes, Redis, PostgreSQL", first, second, _key(first), []),
    ]


def _show(set_ups: list[SetUp]) -> None:
    print("| set-up | median | 95 % | commands |")
    print("|---|---:|---:|---:|")
    for set_up in set_ups:
        late = statistics.quantiles(set_up.seconds, n=20)[-1]
        median = statistics.median(set_up.seconds)
        print(f"| {set_up.name} | {median * 1e3:.1f} ms | {late * 1e3:.1f} ms | {len(set_up.seconds)} |")
    *alone, together = (statistics.median(set_up.seconds) for set_up in set_ups)
    ratios = " and ".join(f"{together / one:.2f}" for one in alone)
    print(f"\ntwo processes take {ratios} times as long as one")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=100)
    given = parser.parse_args()
    rig.end_tidily_on_sigterm()
    folder = rig.Folder()
    postgres, layer = rig.Postgres(folder), Redis(folder)
    postgres.start()
    started: list[rig.Plugcontrol] = []
    try:
        set_ups = _set_ups(folder, postgres, layer, started)
        for set_up in set_ups:
            asyncio.run(set_up.measure(WARM_UP))
        for _ in range(given.rounds):
            for set_up in set_ups:
                set_up.seconds += asyncio.run(set_up.measure(given.count))
        _show(set_ups)
    finally:
        for server in started:
            if server.process is not None:
                server.stop()
        layer.stop()
        postgres.stop()
        folder.remove()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
