"""What goes back to a charge point in a CALLERROR: one exception class per code of OCPP-J 1.6 §4.2.3, table 7."""

from typing import Any, ClassVar


class OcppError(Exception):
    """A CALL that is answered with a CALLERROR. `code` is spelled as OCPP-J 1.6 spells it, misprints included."""

    code: ClassVar[str] = "GenericError"

    def __init__(self, description: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.details = details or {}


class ActionNotImplemented(OcppError):
    """No such action in this version of OCPP."""

    code = "NotImplemented"


class NotSupported(OcppError):
    """The action exists, but not from a charge point to us, or not with this station's settings."""

    code = "NotSupported"


class InternalError(OcppError):
    """Our own fault, and only that."""

    code = "InternalError"


class ProtocolError(OcppError):
    """A CALL without its payload."""

    code = "ProtocolError"


class SecurityError(OcppError):
    """A CALL from a station that is not accepted yet (errata J 3.8)."""

    code = "SecurityError"


class FormationViolation(OcppError):
    """Not JSON, not a frame, or a payload of the wrong shape."""

    code = "FormationViolation"


class PropertyConstraintViolation(OcppError):
    """A value outside its enumeration, range or length."""

    code = "PropertyConstraintViolation"


class OccurenceConstraintViolation(OcppError):
    """A required member is missing. One r: errata J 5.1 keeps the misprint in 1.6."""

    code = "OccurenceConstraintViolation"


class TypeConstraintViolation(OcppError):
    """A value of another JSON type that cannot be read as the right one."""

    code = "TypeConstraintViolation"


class GenericError(OcppError):
    """Anything else."""

    code = "GenericError"
