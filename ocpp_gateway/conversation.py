"""What may be said on one socket, and what was said: registration, triggered messages, repeated message ids."""

from __future__ import annotations

import time
from collections import OrderedDict

from stations.models import RegistrationStatus

from .errors import SecurityError
from .frames import Call

#: Messages about sessions are money: a station that was accepted once may always deliver them.
TRANSACTION_ACTIONS = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})
#: A triggered message must come within this time (there is one StatusNotification per connector, so several may).
TRIGGER_WINDOW_S = 60.0
_REMEMBERED_ANSWERS = 16
#: Their answers hold at their moment: a station that repeats its boot until it is accepted may keep the frame's id.
_ANSWERED_ANEW = frozenset({"Authorize", "BootNotification", "Heartbeat"})

#: What makes a CALL the same one on a socket: its id and what it says, since some stations reuse ids.
Fingerprint = tuple[str, int]


class Conversation:
    """State of one socket; message ids mean nothing beyond it (OCPP-J 1.6 §4.1.4)."""

    def __init__(self, registration_status: str, *, was_accepted: bool) -> None:
        self.registration_status = registration_status
        self.was_accepted = was_accepted
        self.has_booted = False
        self._triggered: dict[str, float] = {}
        self._answers: OrderedDict[Fingerprint, str] = OrderedDict()

    def allow(self, action: str) -> None:
        """We asked the station for `action`: it may answer that even while it is Pending (§4.2)."""
        self._triggered[action] = time.monotonic() + TRIGGER_WINDOW_S

    def asked_for(self, action: str) -> bool:
        """Whether we have just asked the station for `action`."""
        return self._triggered.get(action, 0.0) > time.monotonic()

    def check_may(self, action: str) -> None:
        """Raise SecurityError for what a station that is not accepted may not say (OCPP-J errata 3.8)."""
        if action == "BootNotification" or self.registration_status == RegistrationStatus.ACCEPTED:
            return
        if self.was_accepted and action in TRANSACTION_ACTIONS:
            return
        if self.asked_for(action):
            return
        raise SecurityError(f"{action} before this charge point was accepted")

    def earlier_answer(self, known_by: Fingerprint) -> str | None:
        """What we answered to the very same CALL on this socket, unless that may be otherwise by now."""
        return self._answers.get(known_by)

    def remember(self, action: str, known_by: Fingerprint, answer: str) -> None:
        if action in _ANSWERED_ANEW:
            return
        self._answers[known_by] = answer
        if len(self._answers) > _REMEMBERED_ANSWERS:
            self._answers.popitem(last=False)


def fingerprint(call: Call) -> Fingerprint:
    return call.unique_id, hash((call.action, call.payload))
