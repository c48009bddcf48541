"""Why an update did not work and what to do about it, in plain words."""

from __future__ import annotations

from django.utils.translation import gettext as _

from stations.models import Command

from .addresses import NoWay, choose_way
from .models import FirmwareUpdate

State, Failure = FirmwareUpdate.State, FirmwareUpdate.Failure

_UNKNOWN_ACTION = ("NotSupported", "NotImplemented")


def failure_text(update: FirmwareUpdate) -> str:
    """One or two sentences; empty where nothing failed. Reads the update's command, transfer, firmware and charger."""
    if update.state == State.UNVERIFIED:
        return _why_unverified(update)
    match update.failure:
        case Failure.NONE:
            return ""
        case Failure.NOT_SENT:
            return _why_not_sent(update)
        case Failure.REFUSED:
            return _why_refused(update)
        case Failure.DOWNLOAD:
            return _why_not_downloaded(update)
        case Failure.DOES_NOT_FIT:
            return _("%(firmware)s is not for this charger's vendor and model.") % {"firmware": update.firmware}
        case _:
            return _plain()[Failure(update.failure)]


def _plain() -> dict[FirmwareUpdate.Failure, str]:
    return {
        Failure.NO_ANSWER: _(
            "The charger answered neither the command nor the question how far it is. Try again; if it happens again, "
            "restart the charger first."
        ),
        Failure.NOT_STARTED: _(
            "The charger took the command but never began to download. Restart it and try again; some chargers update "
            "only while nobody charges."
        ),
        Failure.SIGNATURE: _(
            "The charger did not accept the signature of the file. Ask the vendor for a file that is signed for this "
            "model."
        ),
        Failure.CERTIFICATE: _(
            "The certificate of the signature was not accepted: it may have expired or been revoked, or the charger "
            "lacks the vendor's root certificate."
        ),
        Failure.INSTALLATION: _(
            "The charger has the file but could not install it. Check that the file is for this model and may be "
            "installed over the present version."
        ),
        Failure.SILENCE: _(
            "The charger stopped reporting in the middle of the update. Look whether it is online and which version it "
            "reports; if it comes back with the new one, this changes by itself."
        ),
        Failure.ARCHIVED: _("The charger is archived: it takes no commands."),
        Failure.TOO_LATE: _("The campaign ended before this charger's turn. Give the next one more time."),
    }


def _why_unverified(update: FirmwareUpdate) -> str:
    names = {"reported": update.version_after or "–", "wanted": update.firmware.version}
    text = _(
        "The charger says that it has installed the file but reports version %(reported)s, not %(wanted)s. Restart it; "
        "if that changes nothing, check the version that is entered for the file."
    )
    return text % names


def _why_not_sent(update: FirmwareUpdate) -> str:
    reason = "" if update.command is None else update.command.error_description
    if reason:
        return _("The command was not sent: %(reason)s.") % {"reason": reason.rstrip(".")}
    return _("The charger was offline. Send the update when it is back, or let the command wait for it.")


def _why_refused(update: FirmwareUpdate) -> str:
    command = update.command
    code = "" if command is None else error_of(command)
    if code in _UNKNOWN_ACTION and update.signed:
        return _("The charger does not know signed updates: send the file without its signature.")
    if code in _UNKNOWN_ACTION:
        return _(
            "The charger does not take this kind of update. It may take signed files only: ask the vendor for one with "
            "its signature."
        )
    words = code or ("" if command is None else answer_of(command))
    if command is not None and command.error_description and command.late_at is None:
        words = f"{words}: {command.error_description}"
    return _("The charger refused the command (%(words)s). It may be busy: try again later.") % {"words": words}


def answer_of(command: Command) -> str:
    """The status in the charger's answer, also where that came too late; empty where it said none."""
    answer = command.answer or command.late_answer
    return str(answer.get("status", "")) if isinstance(answer, dict) else ""


def error_of(command: Command) -> str:
    """The code of the charger's CALLERROR, also where that came too late."""
    late = command.late_answer if isinstance(command.late_answer, dict) else {}
    return command.error_code or str(late.get("errorCode", ""))


def _why_not_downloaded(update: FirmwareUpdate) -> str:
    transfer = update.transfer
    if transfer is None:
        return _why_no_way(update)
    if transfer.problem:
        reason = transfer.get_problem_display()
        return _("The charger could not download the file: %(reason)s.") % {"reason": reason}
    if transfer.first_used_at is None:
        return _(
            "The charger never asked for the file: it cannot reach the address it was given. Check FILES_URL, the "
            "firewall, and that the charger speaks this protocol (many speak no https)."
        )
    if transfer.done_at is None:
        return _("The charger began to download and broke off. Its connection may be too slow or unsteady: try again.")
    return _(
        "The charger fetched the whole file and then discarded it. Check that it is for this model and not damaged."
    )


def _why_no_way(update: FirmwareUpdate) -> str:
    try:
        choose_way(update.charge_point)
    except NoWay as problem:
        return str(problem)
    return _("The charger could not download the file.")
