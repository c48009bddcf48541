"""The hardware and its presence."""

from .charge_point import (
    ChargePoint,
    ChargePointStatus,
    ConfigurationKey,
    Connector,
    CredentialKind,
    ProgressReport,
    RecipeMode,
    RegistrationStatus,
    Repair,
    SecurityProfile,
    StatusRecord,
)
from .command import (
    OPEN_STATUSES,
    UNANSWERED_STATUSES,
    Command,
    CommandBatch,
    CommandSource,
    CommandStatus,
    EffectStatus,
)
from .connection_attempt import ConnectionAttempt
from .gateway_process import GatewayProcess
from .line_swap import LineSwap
from .message import Message
from .provisioning import RecipeKey, RecipeRun, TemplateKey
from .security_change import SecurityChange
from .security_event import SecurityEvent
from .site import Site
from .station_model import RecipeChoice, StationModel

__all__ = [
    "OPEN_STATUSES",
    "UNANSWERED_STATUSES",
    "ChargePoint",
    "ChargePointStatus",
    "Command",
    "CommandBatch",
    "CommandSource",
    "CommandStatus",
    "ConfigurationKey",
    "ConnectionAttempt",
    "Connector",
    "CredentialKind",
    "EffectStatus",
    "GatewayProcess",
    "LineSwap",
    "Message",
    "ProgressReport",
    "RecipeChoice",
    "RecipeKey",
    "RecipeMode",
    "RecipeRun",
    "RegistrationStatus",
    "Repair",
    "SecurityChange",
    "SecurityEvent",
    "SecurityProfile",
    "Site",
    "StationModel",
    "StatusRecord",
    "TemplateKey",
]
