"""Our CALLs to one station: claimed from the command rows, sent one at a time, each closed with its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from stations import commands
from stations.models import ChargePoint, Command

from . import dispatch, frames
from .conversation import Conversation
from .outbox import ConnectionLost, Outbox
from .writer import Job, Writer

log = structlog.get_logger(__name__)
Reply = frames.CallResult | frames.CallError


class CommandDelivery:
    """Lives as long as a socket; `send` puts a frame on it and says whether it worked, `spawn` runs work beside it."""

    def __init__(
        self,
        writer: Writer,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        station: ChargePoint,
        connection: str,
        conversation: Conversation,
        send: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._writer, self._spawn = writer, spawn
        self._station, self._connection = station, connection
        self._conversation, self._send = conversation, send
        self._outbox: Outbox[Command, Reply] = Outbox()
        self._is_rung = self._is_running = self._is_over = False

    def ring(self) -> None:
        """Commands may wait for this station: send them."""
        self._is_rung = True
        if not self._is_running and not self._is_over:
            self._is_running = True
            self._spawn(self._deliver_all())

    def action_of(self, reply: Reply) -> str:
        """The action that `reply` answers, or nothing if nobody waits for it."""
        in_flight = self._outbox.waiting_for(reply.unique_id)
        return "" if in_flight is None else in_flight.about.action

    def settle(self, reply: Reply) -> None:
        """Take the station's answer; one that nobody waits for may be a late one."""
        in_flight = self._outbox.waiting_for(reply.unique_id)
        if in_flight is None:
            station_id = self._station.pk
            self._writer.post(Job(lambda: dispatch.keep_late(station_id, reply), outlasts=True))
        elif not in_flight.answer.done():
            self._allow_what_it_triggers(in_flight.about)
            in_flight.answer.set_result(reply)

    def end(self) -> None:
        """The socket is gone: nothing more goes out, and whoever waits for an answer is told."""
        self._is_over = True
        self._outbox.lose()

    async def _deliver_all(self) -> None:
        try:
            while self._is_rung and not self._is_over:
                self._is_rung = False
                while (prepared := await self._prepare()) is not None:
                    await self._carry_out(prepared)
        finally:
            self._is_running = False

    async def _prepare(self) -> dispatch.Prepared | None:
        if self._is_over:
            return None
        station_id = self._station.pk
        prepared = await self._writer.submit(Job(lambda: dispatch.prepare(station_id, self._connection)))
        if prepared is not None:
            self._conversation.registration_status = prepared.registration_status
        return prepared

    async def _carry_out(self, prepared: dispatch.Prepared) -> None:
        command, problem = prepared.command, ""
        reply: Reply | None = None
        if self._is_over:
            await self._writer.submit(Job(lambda: commands.release(command, self._connection)))
            return
        answer = self._outbox.begin(str(command.pk), command)
        self._allow_what_it_triggers(command)  # already now: a station may be quicker than its CALLRESULT
        try:
            if not await self._send(prepared.text):
                self._outbox.lose()
            reply = await asyncio.wait_for(answer, command.timeout_s)
        except ConnectionLost:
            problem = commands.CONNECTION_LOST
        except TimeoutError:
            log.info("command not answered", charge_point=self._station.identity, action=command.action)
        finally:
            self._outbox.finish()
        # bound here: the job may run after the next command has taken these names
        final_reply, final_problem = reply, problem
        # not waited for: the next command is claimed in the same transaction
        self._writer.post(
            Job(
                lambda: dispatch.settle(command, final_reply, final_problem),
                lambda error: dispatch.settle_only(command, final_reply, error),
                outlasts=final_reply is not None,  # a station says it once
            )
        )

    def _allow_what_it_triggers(self, command: Command) -> None:
        if (action := dispatch.triggered_action(command)) is not None:
            self._conversation.allow(action)
