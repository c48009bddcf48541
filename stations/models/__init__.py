"""The hardware and its presence."""

from .charge_point import (
    ChargePoint,
    ChargePointStatus,
    ConfigurationKey,
    Connector,
    CredentialKind,
    ProgressReport,
    RegistrationStatus,
    Repair,
    SecurityProfile,
    StatusRecord,
)
from .command import OPEN_STATUSES, Command, CommandStatus
from .connection_attempt import ConnectionAttempt
from .gateway_process import GatewayProcess
from .message import Message
from .security_event import SecurityEvent
from .site import Site

__all__ = [
    "OPEN_STATUSES",
    "ChargePoint",
    "ChargePointStatus",
    "Command",
    "CommandStatus",
    "ConfigurationKey",
    "ConnectionAttempt",
    "Connector",
    "CredentialKind",
    "GatewayProcess",
    "Message",
    "ProgressReport",
    "RegistrationStatus",
    "Repair",
    "SecurityEvent",
    "SecurityProfile",
    "Site",
    "StatusRecord",
]
