"""What can go wrong for a simulated station, each with one plain sentence."""

from __future__ import annotations


class SimulatorError(Exception):
    """Base of everything the simulator raises on purpose."""


class Refused(SimulatorError):
    """The handshake failed: the address answered with an HTTP status, or not at all (`status` None)."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Offline(SimulatorError):
    """There is no connection, or it was lost before the answer came."""


class CallTimedOut(SimulatorError):
    """The central system left a CALL unanswered."""


class NotPossible(SimulatorError):
    """The station is in no state to do this: a second start on a connector, a stop without a transaction."""


class CallFailed(SimulatorError):
    """A CALLERROR (OCPP-J 1.6 §4.2.3): received from the central system, or to be sent to it."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
