"""How long a command takes from an HTTP request over the station back to the HTTP answer.

python -m bench.commands            five rounds of 100 commands for each set-up, in turns
python -m bench.commands --quick    two rounds of 50

One process with the in-memory layer, on SQLite and on PostgreSQL, against two processes with PostgreSQL and Redis,
where the request reaches the process that does not hold the station's socket: that may take twice the time at most. The
same two processes again with the core layer of channels_redis, and both layers alone (bench.layers).
"""

from __future__ import annotations

import asyncio
import http.client
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import websockets

from bench import layers, report, rig
from bench.messages import identity
from bench.systems import OURS_SQLITE, Systems, running

STATION = identity("BENCH", 1)
WARM_UP = 20
PATIENCE_S = 30
COMMAND = {"action": "DataTransfer", "payload": {"vendorId": "bench", "data": "hello"}, "wait_s": PATIENCE_S}


@dataclass
class SetUp:
    """Commands go to the process `asked`, the station's socket is at `holder`."""

    name: str
    asked: rig.Plugcontrol
    holder: rig.Plugcontrol
    seconds: list[float] = field(default_factory=list)
    key: str = ""

    async def measure(self, count: int) -> list[float]:
        """Round trips of `count` commands, one after the other, over one HTTP connection."""
        async with websockets.connect(
            f"{self.holder.url}/{STATION}", subprotocols=["ocpp1.6"], open_timeout=60
        ) as socket:
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
        arguments,
        cwd=rig.ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=rig.PREPARED_S,
    )
    return made.stdout.split()[-1]


def _set_ups(systems: Systems, layer: rig.Redis) -> list[SetUp]:
    stations = {"BENCH": 1}
    simple, _store = systems.server(OURS_SQLITE, stations, REDIS_URL="")
    assert isinstance(simple, rig.Plugcontrol)
    alone = rig.Plugcontrol(systems.folder, systems.database("alone", stations), REDIS_URL="")
    shared = {"REDIS_URL": layer.url, "SECRET_KEY": "bench" * 12}
    url = systems.database("together", stations)
    two = [rig.Plugcontrol(systems.folder, url, **shared) for _ in range(2)]
    # a Redis database of its own: what one layer leaves there is nothing to the other
    shared |= {"REDIS_URL": layer.url.replace("/0", "/1"), "DJANGO_SETTINGS_MODULE": "bench.core_layer"}
    url = systems.database("together_core", stations)
    core = [rig.Plugcontrol(systems.folder, url, **shared) for _ in range(2)]
    return [
        SetUp("one process, in-memory layer, SQLite", simple, simple),
        SetUp("one process, in-memory layer, PostgreSQL", alone, alone),
        SetUp("two processes, Redis, PostgreSQL", *two),
        SetUp("the same with channels_redis’ core layer", *core),
    ]


def _figures(name: str, seconds: list[float]) -> tuple[str, ...]:
    late = statistics.quantiles(seconds, n=20)[-1]
    return name, f"{statistics.median(seconds) * 1e3:.1f} ms", f"{late * 1e3:.1f} ms", f"{len(seconds)}"


def main() -> int:
    parser = report.options(__doc__)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--count", type=int)
    given = parser.parse_args()
    rounds, count = given.rounds or (2 if given.quick else 5), given.count or (50 if given.quick else 100)
    bare: dict[str, list[float]] = {name: [] for name in layers.LAYERS}
    with Systems() as systems:
        layer = rig.Redis(systems.folder.path)
        layer.start()
        try:
            set_ups = _set_ups(systems, layer)
            with running(*dict.fromkeys(server for set_up in set_ups for server in (set_up.asked, set_up.holder))):
                for set_up in set_ups:
                    set_up.key = _key(set_up.asked)
                    asyncio.run(set_up.measure(WARM_UP))
                for number in range(rounds):
                    for set_up in set_ups:
                        set_up.seconds += asyncio.run(set_up.measure(count))
                    report.note(f"round {number + 1} of {rounds}")
            for _ in range(rounds):
                for name, seconds in bare.items():
                    seconds += layers.measure(name, layer.url, count * 4)
        finally:
            layer.kill()
        where = report.machine()
    rows = [_figures(set_up.name, set_up.seconds) for set_up in set_ups]
    rows += [_figures(f"{name} layer alone, there and back", seconds) for name, seconds in bare.items()]
    simple, alone, together, core = (statistics.median(set_up.seconds) for set_up in set_ups)
    ours, theirs = statistics.median(bare["pubsub"]), statistics.median(bare["core"])
    text = "\n".join(
        (
            f"{where}; a command over REST, to the station and back",
            "",
            report.table(("set-up", "median", "95 %", "commands"), rows),
            "",
            f"RATIO commands: two processes take {together / simple:.2f} times as long as one on SQLite, "
            f"{together / alone:.2f} times as long as one on the same database, {together / core:.2f} times as long as "
            f"with the core layer; the layer alone {ours / theirs:.2f} times as long as the core layer.",
        )
    )
    return report.finish(given, "commands", text)


if __name__ == "__main__":
    sys.exit(main())
