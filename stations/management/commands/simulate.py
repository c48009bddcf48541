"""manage.py simulate: charge points that do not exist, for trying out any OCPP 1.6J central system."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from simulator import Habits, Hardware, Override, SimulatedChargePoint, demo
from simulator.answers import ANSWERERS
from simulator.fleet import Outcome, run_fleet

HELP = """\
Simulate charge points against an OCPP 1.6J central system, ours or any other.

At --speed X cars, drivers and samples run X times as fast: an hour of charging takes 60/X minutes. Power (kW) and
energy (kWh) stay realistic, timestamps stay the time on the wall, so nothing is dated in the future. What the central
system dictates stays in real time: heartbeats, boot retries, reconnects.
"""

#: With --sessions a station gives up after so many attempts to connect; without, it never does.
ATTEMPTS = 3


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise ArgumentTypeError(f"{text} is not greater than 0")
    return number


def _not_negative(text: str) -> float:
    number = float(text)
    if not number >= 0:
        raise ArgumentTypeError(f"{text} is less than 0")
    return number


def _interval(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ArgumentTypeError(f"{text} is less than 0")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"{text} is less than 1")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def _tag(text: str) -> str:
    if not 1 <= len(text) <= 20:
        raise ArgumentTypeError(f"{text!r}: a tag has 1 to 20 characters")
    return text


def _action(text: str) -> tuple[str, str]:
    """`Reset=Rejected` in its two parts."""
    action, sign, rest = text.partition("=")
    if action not in ANSWERERS or not sign or not rest:
        raise ArgumentTypeError(f"{text!r} is not ACTION=… with an action that OCPP 1.6 sends to a charge point")
    return action, rest


def _answer(text: str) -> tuple[str, Override]:
    action, wish = _action(text)
    try:
        return action, Override.read(wish)
    except ValueError as error:
        raise ArgumentTypeError(f"{wish!r} is neither a status nor a JSON object") from error


def _answer_delay(text: str) -> tuple[str, float]:
    action, seconds = _action(text)
    return action, _not_negative(seconds)


class Command(BaseCommand):
    help = HELP
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--url", default=f"ws://127.0.0.1:{settings.PORT}/ocpp/", help="address without identity (%(default)s)")
        who = parser.add_mutually_exclusive_group()
        who.add_argument("--identity", help="identity of a single station")
        who.add_argument("--count", type=_count, default=1, help="number of stations, named by --prefix (%(default)s)")
        who.add_argument("--demo", action="store_true", help="the stations of `make demo`: " + ", ".join(demo.STATIONS))
        add("--prefix", default="SIM-", help="start of the identities of --count stations (%(default)s)")
        add("--connectors", type=_count, default=2, help="connectors per station (%(default)s)")
        add("--password", help="password for HTTP Basic (none)")
        add("--id-tag", action="append", type=_tag, metavar="TAG", help="card in use; may be repeated (SIM-TAG)")
        add("--sessions", type=_count, help="visits per station, then end (endless)")
        add("--session-minutes", type=_positive, default=60.0, help="average time of charging (%(default)s)")
        add("--idle-minutes", type=_not_negative, default=30.0, help="average time between two cars (%(default)s)")
        add("--speed", type=_positive, help=f"simulated seconds per second (1; with --demo {demo.SPEED:g})")
        add("--power-w", type=_count, default=11_000, help="power of a connector in W (%(default)s)")
        add("--phases", type=int, choices=(1, 3), default=3, help="phases (%(default)s)")
        add("--dc", action="store_true", help="direct current, with the state of charge of the car")
        add(
            "--interval-s",
            type=_interval,
            default=60,
            help="simulated seconds between MeterValues, 0: none (%(default)s)",
        )
        add("--faults", type=_share, metavar="RATE", help="share of visits, 0-1, in which something breaks")
        add(
            "--answer",
            action="append",
            type=_answer,
            default=[],
            metavar="ACTION=ANSWER",
            help="answer a command with this status, JSON payload, error:CODE or silence; may be repeated",
        )
        add(
            "--answer-delay",
            action="append",
            type=_answer_delay,
            default=[],
            metavar="ACTION=SECONDS",
            help="answer a command only after so many real seconds; may be repeated",
        )
        add("--stop-on-exit", action="store_true", help="end transactions on Ctrl-C; else stations just vanish")
        add("--no-files", action="store_true", help="only talk about firmware and uploads, transfer nothing")
        add("--quiet", action="store_true", help="print only the summary")
        add("--seed", type=int, help="make chance repeatable")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["url"].startswith(("ws://", "wss://")):
            raise CommandError(f"--url must begin with ws:// or wss://, not {options['url']!r}.")
        outcome = asyncio.run(self._run(options))
        if outcome.refusals and not outcome.sessions:
            raise CommandError(f"Nothing could be simulated: {outcome.refusals[0]}.")
        self.stdout.write(
            f"{outcome.sessions} sessions, {outcome.energy_wh / 1000:.1f} kWh, {outcome.cards_refused} cards refused"
            f", {len(outcome.refusals)} stations not connected"
        )

    async def _run(self, options: dict[str, Any]) -> Outcome:
        leave = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows; a thread other than the first
                asyncio.get_running_loop().add_signal_handler(number, leave.set)
        return await run_fleet(
            [(self._station(identity, hardware, options), habits) for identity, hardware, habits in _plan(options)],
            leave,
            attempts=ATTEMPTS if options["sessions"] else None,
            stop_on_exit=options["stop_on_exit"],
        )

    def _station(self, identity: str, hardware: Hardware, options: dict[str, Any]) -> SimulatedChargePoint:
        station = SimulatedChargePoint(
            options["url"],
            identity,
            password=options["password"],
            hardware=hardware,
            speed=options["speed"] or (demo.SPEED if options["demo"] else 1.0),
            configuration={"MeterValueSampleInterval": str(options["interval_s"])},
            seed=options["seed"],
            transfers_files=not options["no_files"],
            on_event=None if options["quiet"] else self._print,
        )
        station.overrides.update(_overrides(options["answer"], options["answer_delay"]))
        return station

    def _print(self, identity: str, text: str) -> None:
        self.stdout.write(f"{datetime.now():%H:%M:%S} {identity} {text}")
        self.stdout.flush()


def _overrides(answers: Iterable[tuple[str, Override]], delays: Iterable[tuple[str, float]]) -> dict[str, Override]:
    """By action; a delay alone delays the station's own answer."""
    overrides = dict(answers)
    for action, delay_s in delays:
        overrides[action] = overrides.get(action, Override()).after(delay_s)
    return overrides


def _plan(options: dict[str, Any]) -> list[tuple[str, Hardware, Habits]]:
    """Identity, hardware and habits of every station."""
    if options["demo"]:
        wished: dict[str, Any] = {"sessions": options["sessions"]}
        if options["faults"] is not None:
            wished["faults"] = options["faults"]
        return [(identity, parts, replace(habits, **wished)) for identity, (parts, habits) in demo.STATIONS.items()]
    hardware = Hardware(
        model="Simulator DC" if options["dc"] else "Simulator AC",
        connectors=options["connectors"],
        power_w=options["power_w"],
        phases=options["phases"],
        dc=options["dc"],
    )
    habits = Habits(
        id_tags=tuple(options["id_tag"] or ["SIM-TAG"]),
        sessions=options["sessions"],
        session_minutes=options["session_minutes"],
        idle_minutes=options["idle_minutes"],
        faults=options["faults"] or 0.0,
    )
    identities = [options["identity"]] if options["identity"] else _identities(options["prefix"], options["count"])
    return [(identity, hardware, habits) for identity in identities]


def _identities(prefix: str, count: int) -> list[str]:
    """SIM-0001, SIM-0002, …"""
    return [f"{prefix}{number:04}" for number in range(1, count + 1)]
