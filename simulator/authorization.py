"""Which cards a simulated station takes: the central system's word, the local list, the cache (OCPP 1.6 §3.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .configuration import Configuration
from .errors import SimulatorError
from .local_list import LocalList
from .pace import Pace
from .rpc import Payload


class Authorization:
    """`cache` holds tags and the last verdict on them (§3.5.1), `local_list` those the central system has sent."""

    def __init__(
        self,
        call: Callable[[str, Payload], Awaitable[Payload]],
        configuration: Configuration,
        pace: Pace,
        say: Callable[[str], None],
    ) -> None:
        self.cache: dict[str, str] = {}
        self.local_list = LocalList()
        self._parents: dict[str, str] = {}
        self._call = call
        self._configuration = configuration
        self._pace = pace
        self._say = say

    async def ask(self, id_tag: str) -> str:
        """The verdict while online: Authorize.req, unless LocalPreAuthorize spares it."""
        if self._configuration.flag("LocalPreAuthorize") and self._known(id_tag) == "Accepted":
            return "Accepted"
        try:
            answer = await self._call("Authorize", {"idTag": id_tag})
        except SimulatorError as error:
            self._say(f"Authorize failed ({error})")
            return self.offline(id_tag)
        return self.remember(id_tag, answer)

    def offline(self, id_tag: str) -> str:
        """The verdict while there is nobody to ask."""
        unknown = "Accepted" if self._configuration.flag("AllowOfflineTxForUnknownId") else "Invalid"
        if not self._configuration.flag("LocalAuthorizeOffline"):
            return unknown
        return self._known(id_tag) or unknown

    def remember(self, id_tag: str, answer: Payload | None) -> str:
        """The status in an answer's idTagInfo, kept for offline times; an answer without one counts as Invalid."""
        info = (answer or {}).get("idTagInfo")
        info = info if isinstance(info, dict) else {}
        self.cache[id_tag] = str(info.get("status", "Invalid"))
        if info.get("parentIdTag"):
            self._parents[id_tag] = str(info["parentIdTag"])
        return self.cache[id_tag]

    def parent_of(self, id_tag: str) -> str | None:
        """The group of a tag, as far as list and cache know."""
        return self.local_list.parent_of(id_tag) or self._parents.get(id_tag)

    def clear_cache(self) -> None:
        self.cache.clear()
        self._parents.clear()

    def _known(self, id_tag: str) -> str | None:
        """Of the local list, which goes before the cache (§3.5.3)."""
        is_listing = self._configuration.flag("LocalAuthListEnabled")
        listed = self.local_list.verdict(id_tag, self._pace.now()) if is_listing else None
        return listed or self.cache.get(id_tag)
