"""The shapes of fields that the vocabulary uses; one name for each.

All text is bounded and without control characters. A *moment* is an instant with an offset, or a
date that means the civil day in Europe/Amsterdam: never a time without a zone; a *day* is that date
alone. Countries are
ISO 3166-1 alpha-2, digests SHA-256 in lower-case hexadecimal, periods ISO 8601. Any text may be
sealed (`ledger/sealed_text.py`), a *sealed* field must be. Values stay text:
what was signed is never written in another way. `tests/test_events.py` has wrong values of each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ledger.events.countries import COUNTRIES
from ledger.sealed_text import LONGEST, PATTERN, kid_of
from ledger.tags import ID

LARGEST = 2**53 - 1


@dataclass(frozen=True, slots=True)
class OrganisationContact:
    """Marks a field that may hold an organisation's e-mail address or telephone number."""


@dataclass(frozen=True, slots=True)
class NotPersonal:
    """Marks a field that cannot name a person: an organisation's number, a digest, a count."""


def no_nulls(data: Any) -> Any:
    """An optional field is absent or has a value: null would be a second way to say absent."""
    if isinstance(data, dict):
        for name, value in data.items():
            if value is None:
                raise PydanticCustomError("null", "{name} must be absent, not null", {"name": name})
    return data


def _plain(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("text", "must not hold control characters")
    return text


def _instant(text: str) -> str:
    try:
        if INSTANT.fullmatch(text) and datetime.fromisoformat(text).astimezone(UTC).year >= 1970:
            return text
    except (ValueError, OverflowError):  # no such day, or beyond the calendar in UTC
        pass
    raise PydanticCustomError("instant", "must be an instant with its offset (RFC 3339)")


def _moment(text: str) -> str:
    try:
        return _day(text) if _DATE.fullmatch(text) else _instant(text)
    except PydanticCustomError:
        raise PydanticCustomError(
            "moment", "must be a date (2025-06-28) or an instant with its offset (RFC 3339)"
        ) from None


def _day(text: str) -> str:
    try:
        if _DATE.fullmatch(text) and date.fromisoformat(text).year >= 1970:
            return text
    except ValueError:  # no such day
        pass
    raise PydanticCustomError("day", "must be a date (2025-06-28)")


def _period(text: str) -> str:
    if _PERIOD.fullmatch(text) is None:
        raise PydanticCustomError("period", "must be a period of ISO 8601, as P1M or P30D")
    return text


def _country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("country", "must be a country code of ISO 3166-1 alpha-2")
    return code


def _32_bytes(text: str) -> str:
    if _BASE64_32.fullmatch(text) is None:
        raise PydanticCustomError("key", "must be 32 bytes in standard base64")
    return text


def _sealed(text: str) -> str:
    if kid_of(text) is None:
        raise PydanticCustomError(
            "sealed", "must be sealed: a JWE under a key of POST /v1/sealing-keys"
        )
    return text


def _unique(items: list[Any]) -> list[Any]:
    if any(item in items[:number] for number, item in enumerate(items)):
        raise PydanticCustomError("unique", "must not hold the same item twice")
    return items


def _unique_text(items: list[str]) -> list[str]:
    if len(set(items)) != len(items):
        raise PydanticCustomError("unique", "must not hold the same item twice")
    return items


_OFFSET = r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?" + _OFFSET, re.ASCII
)
# The last digit before the padding has two bits to spare: only one spelling of each value.
_BASE64_32 = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
_PERIOD = re.compile(r"P(?=[0-9])([0-9]{1,2}Y)?([0-9]{1,3}M)?([0-9]{1,4}W)?([0-9]{1,5}D)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Part(BaseModel):
    """An object within a field: its fields are fixed, like those of an event."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    _no_nulls = model_validator(mode="before")(no_nulls)


Bool = StrictBool
Count = Annotated[StrictInt, Field(ge=0, le=LARGEST)]
UpdateNumber = Annotated[StrictInt, Field(ge=1, le=100_000)]
Id = Annotated[StrictStr, Field(pattern=f"^{ID}$")]
EventRef = Annotated[StrictStr, Field(min_length=1, max_length=256), AfterValidator(_plain)]
Slug = Annotated[StrictStr, Field(pattern=r"^[A-Za-z][A-Za-z0-9_ .-]{0,63}$")]
Name = Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(_plain)]
Text = Annotated[StrictStr, Field(min_length=1, max_length=4000), AfterValidator(_plain)]
Pseudonym = Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(_plain)]
Sealed = Annotated[
    StrictStr,
    Field(max_length=LONGEST, json_schema_extra={"pattern": f"^{PATTERN}$"}),
    AfterValidator(_sealed),
]
Version = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,31}$")]
Contact = Annotated[Text, OrganisationContact()]
Kvk = Annotated[StrictStr, Field(pattern=r"^[0-9]{8}$"), NotPersonal()]
Agb = Annotated[StrictStr, Field(pattern=r"^[0-9]{8}$"), NotPersonal()]
MessageId = Annotated[Text, NotPersonal()]
Digest = Annotated[StrictStr, Field(pattern=r"^[0-9a-f]{64}$"), NotPersonal()]
Bytes32 = Annotated[
    StrictStr,
    Field(json_schema_extra={"pattern": f"^{_BASE64_32.pattern}$"}),
    AfterValidator(_32_bytes),
    NotPersonal(),
]
Country = Annotated[
    StrictStr, Field(json_schema_extra={"pattern": "^[A-Z]{2}$"}), AfterValidator(_country)
]
Instant = Annotated[
    StrictStr, Field(json_schema_extra={"format": "date-time"}), AfterValidator(_instant)
]
Moment = Annotated[
    StrictStr,
    Field(json_schema_extra={"anyOf": [{"format": "date"}, {"format": "date-time"}]}),
    AfterValidator(_moment),
]
Day = Annotated[StrictStr, Field(json_schema_extra={"format": "date"}), AfterValidator(_day)]
Period = Annotated[
    StrictStr, Field(json_schema_extra={"pattern": f"^{_PERIOD.pattern}$"}), AfterValidator(_period)
]
LineCount = Annotated[Count, NotPersonal()]
Token = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_-]{1,86}$")]
Amount = (
    Annotated[StrictStr, Field(pattern=r"^-?[0-9]{1,12}(?:\.[0-9]{1,4})?$")]
    | Annotated[StrictInt, Field(ge=-LARGEST, le=LARGEST)]
    | StrictFloat
)
Currency = Annotated[StrictStr, Field(pattern=r"^[A-Z]{3}$")]

_UNIQUE = {"uniqueItems": True}
Ids = Annotated[
    list[Id], Field(max_length=5000, json_schema_extra=_UNIQUE), AfterValidator(_unique_text)
]
Controllers = Annotated[Ids, Field(min_length=1)]
Counts = Annotated[list[Count], Field(max_length=500)]
Texts = Annotated[
    list[Text], Field(max_length=500, json_schema_extra=_UNIQUE), AfterValidator(_unique_text)
]
Slugs = Annotated[
    list[Slug], Field(max_length=500, json_schema_extra=_UNIQUE), AfterValidator(_unique_text)
]
Countries = Annotated[
    list[Country], Field(max_length=250, json_schema_extra=_UNIQUE), AfterValidator(_unique_text)
]
Tokens = Annotated[
    list[Token], Field(max_length=5000, json_schema_extra=_UNIQUE), AfterValidator(_unique_text)
]
TextOrTexts = Text | Texts
BoolOrText = Bool | Text
BoolOrContact = Bool | Contact
Held = Bool | Text | Texts

TransferArea = Literal["EU", "EEA"]
Authorisation = Literal["general", "specific"]
AuditYearBasis = Literal["calendar", "rolling", "contract"]
Opinion = Literal["lawful", "infringing", "unclear"]
Mechanism = Literal["adequacy", "SCC", "BCR", "derogation", "eea"]
Bearer = Literal["processor", "subprocessor"]
Origin = Literal["own", "subprocessor"]
Choice = Literal["return", "erase", "return_then_erase"]
Algorithm = Literal["ed25519"]
HashAlgorithm = Literal["sha-256"]
LogStandard = Literal["ldv", "nen7513"]
LineForm = Literal["lines", "otlp"]
TerminationOutcome = Literal["refused", "refused under 3.3"]
InstructionChannel = Literal["email", "fax", "licence_grant", "portal", "phone", "letter"]
RejectionGround = Literal["not_written", "identity", "integrity", "out_of_scope", "other"]
ChangeKind = Literal["add", "replace", "remove", "relocate"]
ObjectionOutcome = Literal["upheld", "withdrawn", "rejected", "accommodated"]
AssistanceSubject = Literal["dsr", "security", "breach", "dpia", "prior_consultation"]
ReturnMethod = Literal["download_link", "carrier"]
RefusalGround = Literal["annual_limit", "not_independent", "not_expert", "other"]
BreachNature = Literal["C", "I", "A"]
Nature = (
    BreachNature
    | Annotated[
        list[BreachNature],
        Field(min_length=1, json_schema_extra=_UNIQUE),
        AfterValidator(_unique_text),
    ]
)
AuditLimit = Annotated[StrictStr, Field(pattern=r"^[0-9]{1,3}(?:/year)?$")] | Count

Scalar = Bool | Annotated[StrictInt, Field(ge=-LARGEST, le=LARGEST)] | StrictFloat | Text
FactKey = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Fact = Scalar | Annotated[list[Scalar], Field(max_length=500)]
FactMap = Annotated[dict[FactKey, Fact | dict[FactKey, Scalar]], Field(max_length=100)]
Changes = Text | FactMap
Numbers = Count | FactMap | Text
ClauseMap = Annotated[dict[Name, Name], Field(max_length=100)]


class Between(Part):
    """An approximate number: at least `min`, at most `max`."""

    min: Count
    max: Count


Range = Annotated[Between, NotPersonal()]


CountOrRange = Count | Range


class DataCategory(Part):
    """A category of personal data; special ones (GDPR art. 9) and the BSN are marked."""

    category: Slug
    special: Bool = False
    bsn: Bool = False


DataCategories = Annotated[
    list[Slug | DataCategory],
    Field(max_length=200, json_schema_extra=_UNIQUE),
    AfterValidator(_unique),
]


class Delivery(Part):
    """To which controller, when, and by which message something was delivered."""

    controller: Id
    at: Moment | None = None
    message_id: MessageId | None = None


Deliveries = Annotated[list[Id | Delivery], Field(max_length=5000)]


class Establishment(Part):
    """How something was established: the method, and the evidence for it."""

    method: Text
    evidence: Text | None = None


Established = Bool | Text | Establishment


class FieldChange(BaseModel):
    """One corrected field: a dotted path below `data`, or `occurredat`; old and new value.

    The old value is null, or absent, where a field is added.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    field: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_]{1,64}(?:\.[A-Za-z0-9_]{1,64}){0,7}$")]
    old: Any = None
    new: Any


FieldChanges = Annotated[list[FieldChange], Field(min_length=1, max_length=100)]


class SoaEntry(Part):
    """One control of a statement of applicability."""

    control: Name
    applicable: Bool
    justification: Text | None = None
    implemented: Bool | Text | None = None


SoaEntries = Annotated[list[SoaEntry], Field(max_length=500)]
