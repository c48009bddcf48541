"""Simulated OCPP 1.6J charge points: for `manage.py simulate`, tests, the demo, load and fault campaigns.

Plain asyncio without Django; speaks to any central system. The parts, from the wire upwards:

    rpc            one socket: CALLs out one at a time, CALLs in answered
    link           the way to the central system: handshake, reconnects with back-off
    registration   BootNotification until Accepted, then heartbeats
    backlog        transaction messages, kept in order until they are acknowledged
    meter          the energy register, power, currents, voltages, state of charge
    connector      one outlet and its transaction
    configuration  the keys of §9 and what may be written to them
    certificates, local_list, reservations, smart_charging, transfers
                   what the central system has given it or wants from it
    files, signatures
                   how firmware and uploads travel, and whether a firmware is genuine
    authorization  which cards it takes
    charging       start, samples and stop of transactions
    charge_point   the station itself, one method per thing that can happen to it
    answers        what it says to the central system's commands, a module per chapter
    override       what it says instead, on request
    life           drivers who come, charge and leave
    fleet, demo    many stations at once; the three of `make demo`
"""

from .charge_point import SimulatedChargePoint
from .connector import Connector, Transaction
from .errors import CallFailed, CallTimedOut, NotPossible, Offline, Refused, SimulatorError
from .hardware import Hardware
from .life import Habits, live
from .override import Override

__all__ = [
    "CallFailed",
    "CallTimedOut",
    "Connector",
    "Habits",
    "Hardware",
    "NotPossible",
    "Offline",
    "Override",
    "Refused",
    "SimulatedChargePoint",
    "SimulatorError",
    "Transaction",
    "live",
]
