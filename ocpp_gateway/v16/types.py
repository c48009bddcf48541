"""Types that several OCPP 1.6 messages share (OCPP 1.6 §7)."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from ocpp_gateway.schema import Message, Open, has_one_decimal, in_utc, tolerate

CiString20 = Annotated[str, Meta(max_length=20)]
CiString25 = Annotated[str, Meta(max_length=25)]
CiString50 = Annotated[str, Meta(max_length=50)]
CiString255 = Annotated[str, Meta(max_length=255)]
CiString500 = Annotated[str, Meta(max_length=500)]
IdToken = CiString20

# An absolute, percent-encoded URL (§7, anyURI).
Url = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+\Z")]
# One PEM certificate, line breaks included (Security White Paper ed. 3).
PemCertificate = Annotated[str, Meta(max_length=5500)]

# The schemas know no bounds; the WSDL has 32 bits, some firmware counts in 64, no database column holds more.
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
ConnectorId = Annotated[int, Meta(ge=0, le=2**31 - 1)]
#: A connector, never the station as a whole.
PlugId = Annotated[int, Meta(ge=1, le=2**31 - 1)]
#: Seconds, levels, attempts: whole numbers from 0.
Count = Annotated[int, Meta(ge=0, le=2**31 - 1), tolerate(beyond="keep")]
# Alfen sends 2**63 - 1 and beyond: whoever stores an id has to look at its size first.
TransactionId = int
# Some stations have fractional registers: https://github.com/lbbrhzn/ocpp/issues/442
MeterRegister = Annotated[Integer, tolerate(fraction="round")]

# Kept as int or float, not Decimal: msgspec would take a Decimal from a text, too.
Rate = Annotated[int | float, tolerate(decimals=1)]

Timestamp = Annotated[datetime, Meta(tz=True)]
# A session is worth more than its clock: the time of arrival stands in for a moment that is missing or unreadable.
TransactionTimestamp = Annotated[Timestamp | None, tolerate(missing="missing_time")]

AuthorizationStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]
ChargingProfileKind = Literal["Absolute", "Recurring", "Relative"]
ChargingProfilePurpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
ChargingRateUnit = Literal["A", "W"]
RecurrencyKind = Literal["Daily", "Weekly"]
CertificateUse = Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]
HashAlgorithm = Literal["SHA256", "SHA384", "SHA512"]
GenericStatus = Literal["Accepted", "Rejected"]
ReadingContext = Literal[
    "Interruption.Begin",
    "Interruption.End",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
    "Other",
]
ValueFormat = Literal["Raw", "SignedData"]
Measurand = Literal[
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Energy.Active.Export.Interval",
    "Energy.Active.Import.Interval",
    "Energy.Reactive.Export.Interval",
    "Energy.Reactive.Import.Interval",
    "Power.Active.Export",
    "Power.Active.Import",
    "Power.Offered",
    "Power.Reactive.Export",
    "Power.Reactive.Import",
    "Power.Factor",
    "Current.Import",
    "Current.Export",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "Temperature",
    "SoC",
    "RPM",
]
Phase = Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"]
Location = Literal["Body", "Cable", "EV", "Inlet", "Outlet"]
UnitOfMeasure = Literal[
    "Wh",
    "kWh",
    "varh",
    "kvarh",
    "W",
    "kW",
    "VA",
    "kVA",
    "var",
    "kvar",
    "A",
    "V",
    "K",
    "Celsius",
    "Fahrenheit",
    "Percent",
]


class IdTagInfo(Message, frozen=True, kw_only=True):
    """The verdict on an idTag (OCPP 1.6 §7.27)."""

    status: AuthorizationStatus
    expiry_date: Timestamp | None = None
    parent_id_tag: IdToken | None = None

    def __post_init__(self) -> None:
        in_utc(self, "expiry_date")


class SampledValue(Message, frozen=True, kw_only=True):
    """One reading (OCPP 1.6 §7.43); None means what the specification's default means.

    `value` is the station's text: a decimal number, or an opaque block of any length if `format` is SignedData. It is
    "" if the station left it out. Words that OCPP does not know stay as text, except that an unknown context is Other.
    """

    value: Annotated[str, tolerate(missing="missing_value", stand_in="")]
    context: Annotated[ReadingContext, tolerate(unknown="Other")] | None = None
    format: Open[ValueFormat] | None = None
    measurand: Open[Measurand] | None = None
    phase: Open[Phase] | None = None
    location: Open[Location] | None = None
    # Celcius is the 2016 schemas' misprint (errata J 2.1) and Hertz an addition of PyPI ocpp: other words, no repairs.
    unit: (
        Annotated[
            Open[UnitOfMeasure],
            tolerate(synonyms={"Celcius": "Celsius", "Hertz": "Hz"}, aliases={"C": "Celsius", "Hz": "Hz"}),
        ]
        | None
    ) = None


class MeterValue(Message, frozen=True, kw_only=True):
    """Readings of one moment (OCPP 1.6 §7.33); the timestamp is None if the station's cannot be used."""

    timestamp: TransactionTimestamp
    sampled_value: Annotated[
        tuple[SampledValue, ...], tolerate(former_name="values", missing="missing_samples", stand_in=())
    ]

    def __post_init__(self) -> None:
        in_utc(self, "timestamp")


class AuthorizationData(Message, frozen=True, kw_only=True):
    """An entry of the local list (OCPP 1.6 §7.1); without `id_tag_info` a differential update deletes the tag."""

    id_tag: IdToken
    id_tag_info: IdTagInfo | None = None


class KeyValue(Message, frozen=True, kw_only=True):
    """A configuration key as the station has it (OCPP 1.6 §7.29).

    None as `value`: known, but not set, or not to be read. A station that does not say `readonly` is taken to allow it.
    """

    key: CiString50
    readonly: Annotated[bool, tolerate(missing="missing_readonly", stand_in=False)]
    value: Annotated[CiString500, tolerate(keep_empty=True)] | None = None


class ChargingSchedulePeriod(Message, frozen=True, kw_only=True):
    """A limit from `start_period` seconds into its schedule until the next one (OCPP 1.6 §7.14)."""

    start_period: Count
    limit: Rate
    number_phases: Annotated[int, Meta(ge=1, le=3), tolerate(beyond="keep")] | None = None

    def __post_init__(self) -> None:
        has_one_decimal(self, "limit")


class ChargingSchedule(Message, frozen=True, kw_only=True):
    """Limits over time (OCPP 1.6 §7.13): A per phase, W in total; without `duration` (s) the last period goes on."""

    charging_rate_unit: ChargingRateUnit
    charging_schedule_period: Annotated[tuple[ChargingSchedulePeriod, ...], Meta(min_length=1)]
    duration: Count | None = None
    start_schedule: Timestamp | None = None
    min_charging_rate: Rate | None = None

    def __post_init__(self) -> None:
        in_utc(self, "start_schedule")
        has_one_decimal(self, "min_charging_rate")


class ChargingProfile(Message, frozen=True, kw_only=True):
    """A schedule, and when it applies (OCPP 1.6 §7.8)."""

    charging_profile_id: Integer
    stack_level: Count
    charging_profile_purpose: ChargingProfilePurpose
    charging_profile_kind: ChargingProfileKind
    charging_schedule: ChargingSchedule
    transaction_id: TransactionId | None = None
    recurrency_kind: RecurrencyKind | None = None
    valid_from: Timestamp | None = None
    valid_to: Timestamp | None = None

    def __post_init__(self) -> None:
        in_utc(self, "valid_from")
        in_utc(self, "valid_to")


class CertificateHashData(Message, frozen=True, kw_only=True):
    """What a certificate is known by (Security White Paper ed. 3): hashes and serial number in hex, any case."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: Annotated[str, Meta(max_length=128)]
    issuer_key_hash: Annotated[str, Meta(max_length=128)]
    serial_number: Annotated[str, Meta(max_length=40)]
