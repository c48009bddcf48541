"""What was read a moment ago serves those who ask a moment later: many look at one large overview."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    until: float = 0.0
    value: Any = None


class Recent:
    """Remembers what `load` returned for a key, for `age_s`; while it loads, others who want the same wait for it."""

    #: More keys than readers of one kind ever make; then all begin anew.
    MOST = 200

    def __init__(self, age_s: float) -> None:
        self._age_s = age_s
        self._lock = threading.Lock()
        self._kept: dict[Hashable, _Kept] = {}

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        with self._lock:
            if len(self._kept) > self.MOST:
                self._kept.clear()
            kept = self._kept.setdefault(key, _Kept())
        with kept.lock:
            if time.monotonic() >= kept.until:
                kept.value = load()
                kept.until = time.monotonic() + self._age_s
            value: T = kept.value
            return value
