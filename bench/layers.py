"""A question and its answer between two processes over a channel layer, and nothing else: what the layer itself takes.

python -m bench.layers core redis://127.0.0.1:6379/0 answer      answers for two minutes; prints its channel first
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from bench import rig

LAYERS: dict[str, Any] = {"pubsub": RedisPubSubChannelLayer, "core": RedisChannelLayer}
WARM_UP, LONGEST_S, PATIENCE_S = 50, 120, 10


async def answer(layer: Any) -> None:
    """Send every message back to where it says it came from."""
    channel = await layer.new_channel()
    print(channel, flush=True)
    async with asyncio.timeout(LONGEST_S):
        while True:
            message = await layer.receive(channel)
            await layer.send(message["from"], message)


async def ask(layer: Any, channel: str, count: int) -> list[float]:
    """Seconds of `count` round trips, one after the other."""
    own, took = await layer.new_channel(), []
    for number in range(WARM_UP + count):
        begun = time.perf_counter()
        await layer.send(channel, {"type": "bench", "from": own, "number": number})
        async with asyncio.timeout(PATIENCE_S):
            await layer.receive(own)
        took.append(time.perf_counter() - begun)
    return took[WARM_UP:]


def measure(name: str, url: str, count: int) -> list[float]:
    """Round trips over the layer `name` with a process of its own at the other end."""
    command = [sys.executable, "-m", "bench.layers", name, url, "answer"]
    with subprocess.Popen(command, cwd=rig.ROOT, stdout=subprocess.PIPE, text=True) as other:  # noqa: S603
        try:
            assert other.stdout is not None
            channel = other.stdout.readline().strip()
            return asyncio.run(ask(LAYERS[name](hosts=[url]), channel, count))
        finally:
            other.terminate()


if __name__ == "__main__":
    asyncio.run(answer(LAYERS[sys.argv[1]](hosts=[sys.argv[2]])))
