"""Who somebody is to this ledger, and what of it that person or service may see.

Five roles. The operator runs it, the privacy officer watches it, an auditor inspects it for a while
and a controller reads what concerns it (6.1, 11.1 to 11.3); a service appends, and reads what it
needs for that. A scope of controllers narrows what is seen to one controller at a time; without one
a holder sees everything that its role may. Holders are pseudonyms: their names end up in events.
`tests/test_granted_access.py`, `tests/test_isolation.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BESIDE_REGISTERS = (
    "findings",
    "clocks",
    "evidence",
    "dossiers",
    "packs",
    "events",
    "export",
    "declarations",
)
"""What is granted by name as registers are."""


class Role(StrEnum):
    """What somebody is to this ledger."""

    OPERATOR = "operator"
    PRIVACY_OFFICER = "privacy-officer"
    AUDITOR = "auditor"
    CONTROLLER_READER = "controller-reader"
    SERVICE = "service"


EVERYBODY = frozenset(Role)
"""Every role: for what tells nothing about anybody."""

READERS = EVERYBODY - {Role.SERVICE}
"""Those who read registers and events: all but services."""

WATCHERS = READERS - {Role.CONTROLLER_READER}
"""Those who may see the whole ledger, unless they were granted a part of it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks: a role, the pseudonym of whoever holds it, and what was granted.

    `controllers` are those that may be asked about, None for all; `registers` and `frameworks`
    likewise. `key_id` is the signing key that a service is known by.
    """

    role: Role
    name: str
    controllers: tuple[str, ...] | None = None
    registers: tuple[str, ...] | None = None
    key_id: str | None = None
    frameworks: tuple[str, ...] | None = None

    @property
    def sees_all(self) -> bool:
        """Whether no controller, and no register, is out of its scope."""
        return self.controllers is None and self.registers is None


OPERATOR = Holder(Role.OPERATOR, "operator")
"""Whoever works on the machine, and the bearer of the read token."""
