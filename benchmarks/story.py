"""Realistic ledgers of any size: the same seed gives the same events.

A processor with many practices (controllers) over two years, the busiest with far more events than
the rest (Zipf). Each case - an instruction, a request, a breach, a subprocessor - is a short story
whose steps lie hours or days apart, most of them as the agreement wants it and a few not, so that
registers, clocks and findings have something to say. Events come in the order
in which they were recorded, each at once.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2024, 1, 2, 8, tzinfo=UTC)
YEARS = timedelta(days=730)
EVENTS_PER_CONTROLLER = 250
"""On average; the busiest controller has a tenth of all, for a thousand controllers."""

Data = dict[str, Any]
Step = tuple[float, str, Data]
"""Hours after the beginning of its case, event type, data."""


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """One event of the story; `number` is unique and orders events of one moment."""

    occurred_at: datetime
    number: int
    type: str = field(compare=False)
    data: Data = field(compare=False)


def tell(events: int, *, seed: int = 1) -> Iterator[Told]:
    """At least so many events, in order of time, with all that must come before them."""
    return _Teller(events, seed).tell()


class _Teller:
    def __init__(self, events: int, seed: int) -> None:
        self.events = events
        self.random = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.count = max(3, events // EVENTS_PER_CONTROLLER)
        self.controllers = [f"C{n}" for n in range(1, self.count + 1)]
        self.weights = list(itertools.accumulate(1 / n for n in range(1, self.count + 1)))
        self.numbers = itertools.count(1)
        self.waiting: list[Told] = []
        self.cases: tuple[tuple[float, Callable[[str], list[Step]]], ...] = (
            (50, self._instruction),
            (12, self._infringing),
            (18, self._request),
            (6, self._assistance),
            (3, self._research),
            (2, self._demand),
            (3, self._transfer),
            (2, self._activity),
            (1, self._audit),
            (0.3, self._leave),
            (0.2, self._breach),
            (0.2, self._subprocessor),
            (0.5, self._measure),
            (0.5, self._person),
        )

    def tell(self) -> Iterator[Told]:
        told = 0
        for at, steps in self._beginning():
            self._begin(at, steps)
        while told < self.events:
            for _ in range(200):
                self._begin(self._moment(told), self._case())
            # Nothing that begins later can come before this moment any more.
            horizon = self._moment(told)
            while self.waiting and self.waiting[0].occurred_at < horizon and told < self.events:
                yield _dated(heapq.heappop(self.waiting))
                told += 1

    def _moment(self, told: int) -> datetime:
        return START + timedelta(days=30) + YEARS * min(1.0, told / self.events)

    def _begin(self, at: datetime, steps: list[Step]) -> None:
        start = at + timedelta(minutes=self.random.randrange(60 * 24))
        for hours, type_, data in steps:
            moment = start + timedelta(hours=hours)
            heapq.heappush(self.waiting, Told(moment, next(self.numbers), type_, data))

    def _case(self) -> list[Step]:
        (make,) = self.random.choices([c[1] for c in self.cases], [c[0] for c in self.cases])
        (controller,) = self.random.choices(self.controllers, cum_weights=self.weights)
        return make(controller)

    def _id(self, letter: str) -> str:
        return f"{letter}-{next(self.numbers)}"

    def _some(self, most: int) -> list[str]:
        return sorted(set(self.random.choices(self.controllers, k=self.random.randint(1, most))))

    def _beginning(self) -> Iterator[tuple[datetime, list[Step]]]:
        """The parties, their agreements and licences, and what all of them share."""
        day = timedelta(days=1)
        yield (
            START,
            [
                (
                    0,
                    "ProcessorRegistered",
                    {"processor_id": "P", "legal_name": "Beweegzorg Online"},
                ),
                (1, "CertificateIssued", _certificate("ISO", "ISO/IEC 27001:2022", "2023-06-01")),
                (1, "CertificateIssued", _certificate("NEN", "NEN 7510", "2023-06-01")),
                (2, "RiskAssessmentCompleted", {"assessment_id": "RA-1"}),
            ],
        )
        for controller in self.controllers:
            yield START + day, [(30, "ControllerRegistered", _party(controller))]
            yield START + 4 * day, [(0, "ProcessingAgreementConcluded", _agreement(controller))]
            yield START + 6 * day, [(0, "LicenceGranted", _licence(controller))]
        for first in range(0, self.count, 200):
            some = self.controllers[first : first + 200]
            yield (
                START + 7 * day,
                [(0, "ProcessingActivityRegistered", _shared_activity(first, some))],
            )
            engaged = {"subprocessor_id": "S1", "controller_ids": some, "countries": ["NL"]}
            yield START + 7 * day, [(0, "SubprocessorEngaged", engaged)]
        contract = {"subprocessor_id": "S1", "subprocessor_name": "Datahuis Midden"}
        yield START + 5 * day, [(0, "SubprocessingContractConcluded", contract)]

    def _instruction(self, controller: str) -> list[Step]:
        case = {"instruction_id": self._id("I"), "controller_id": controller}
        steps: list[Step] = [(0, "InstructionReceived", {**case, "channel": "email"})]
        if self.random.random() < 0.02:
            return [*steps, (2, "InstructionRejected", {**case, "ground": "not_written"})]
        if self.random.random() > 0.01:
            steps.append((1, "InstructionVerified", case))
        steps.append((2, "InstructionAssessed", {**case, "opinion": "lawful"}))
        return [*steps, (self.random.uniform(3, 48), "InstructionExecuted", case)]

    def _infringing(self, controller: str) -> list[Step]:
        case = {"instruction_id": self._id("I"), "controller_id": controller}
        steps: list[Step] = [
            (0, "InstructionReceived", {**case, "channel": "portal"}),
            (1, "InstructionVerified", case),
            (2, "InstructionAssessed", {**case, "opinion": "infringing"}),
            (self.random.uniform(3, 9), "InfringementConcernNotified", case),
            (10, "InstructionSuspended", case),
        ]
        if self.random.random() < 0.1:
            return [*steps, (30, "InstructionConfirmed", case), (40, "InstructionExecuted", case)]
        return [*steps, (30, "InstructionWithdrawn", case)]

    def _request(self, controller: str) -> list[Step]:
        case = {"request_id": self._id("R"), "controller_id": controller}
        right = self.random.choice(["access", "erasure", "rectification", "portability"])
        hours = self.random.expovariate(1 / 40)
        return [
            (0, "DataSubjectRequestReceived", {**case, "right": right}),
            (hours, "DataSubjectReferred", case),
            (hours + 1, "DataSubjectRequestForwarded", case),
        ]

    def _assistance(self, controller: str) -> list[Step]:
        case = {"assistance_id": self._id("AS"), "controller_id": controller}
        return [
            (0, "AssistanceRequested", {**case, "subject": "dsr"}),
            (self.random.uniform(4, 200), "AssistanceProvided", case),
        ]

    def _research(self, controller: str) -> list[Step]:
        case = {"instruction_id": self._id("I"), "controller_id": controller}
        consent = {"attestation_id": self._id("RC"), "controller_id": controller}
        tokens = [f"s{self.random.randrange(10**6)}" for _ in range(20)]
        tokens = sorted(set(tokens))
        sharing = {**consent, "recipient": "Universiteit", "subject_tokens": tokens}
        shared = {**sharing, **case, "share_id": self._id("RS"), "country": "NL"}
        steps: list[Step] = [
            (0, "InstructionReceived", {**case, "channel": "email", "kind": "research_sharing"}),
            (1, "InstructionVerified", case),
            (2, "ResearchConsentAttested", sharing),
            (30, "ResearchDataShared", shared),
            (31, "InstructionExecuted", case),
        ]
        if self.random.random() < 0.1:
            steps.append((20, "ResearchConsentWithdrawn", {**consent, "subject_token": tokens[0]}))
        return steps

    def _demand(self, controller: str) -> list[Step]:
        case = {"demand_id": self._id("DD"), "controller_id": controller}
        all_ = {"demand_id": case["demand_id"], "controller_ids": [controller]}
        received = {**all_, "authority": "Openbaar Ministerie", "notification_prohibited": False}
        disclosed = {**all_, "disclosure_id": self._id("PD"), "subject_count": 1}
        return [
            (0, "DisclosureDemandReceived", received),
            (self.random.uniform(1, 60), "DisclosureDemandNotified", case),
            (50, "PersonalDataDisclosed", disclosed),
            (90, "DisclosureDemandClosed", {"demand_id": case["demand_id"]}),
        ]

    def _transfer(self, controller: str) -> list[Step]:
        where = {"country": "US", "subprocessor_id": "S1"}
        consent = {"consent_id": self._id("T"), "controller_id": controller}
        transfer = {**where, "transfer_id": self._id("TR"), "controller_ids": [controller]}
        started = {**transfer, "mechanism": "adequacy"}
        return [
            (self.random.choice([0, 0, 0, 30]), "TransferConsentGranted", {**consent, **where}),
            (24, "ThirdCountryTransferStarted", started),
            (24 * 60, "ThirdCountryTransferEnded", transfer),
            (24 * 61, "TransferConsentWithdrawn", consent),
        ]

    def _activity(self, controller: str) -> list[Step]:
        activity = self._id("PA")
        named = {"activity_id": activity, "controller_ids": [controller]}
        registered = {**named, "data_categories": ["name", "health"]}
        amended = {"activity_id": activity, "controller_id": controller}
        return [
            (0, "ProcessingActivityRegistered", registered),
            (600, "ProcessingActivityAmended", {**amended, "added_data_categories": ["email"]}),
            (5000, "ProcessingActivityDiscontinued", named),
        ]

    def _audit(self, controller: str) -> list[Step]:
        case = {"audit_id": self._id("CA"), "controller_id": controller}
        steps: list[Step] = [(0, "ControllerAuditRequested", {**case, "auditor_independent": True})]
        if self.random.random() < 0.5:
            return [*steps, (70, "ControllerAuditRefused", {**case, "ground": "annual_limit"})]
        return [
            *steps,
            (70, "ControllerAuditAccepted", case),
            (700, "ControllerAuditCompleted", case),
        ]

    def _leave(self, controller: str) -> list[Step]:
        """A second licence that begins and ends, with the data of it returned and erased."""
        licence = {"controller_id": controller, "licence_id": self._id("L")}
        own = {"controller_id": controller}
        returned = {**own, "return_id": self._id("DR")}
        sent = {**returned, "method": "download_link", "encrypted": True}
        return [
            (0, "LicenceGranted", licence),
            (2000, "LicenceEnded", licence),
            (2050, "ReturnOrErasureChosen", {**own, "choice": "return_then_erase"}),
            (2200, "DataReturned", sent),
            (2300, "DataReturnAcknowledged", returned),
            (2600, "PersonalDataErased", {**own, "scope": "second licence", "partial": True}),
            (2900, "CopiesErased", own),
        ]

    def _breach(self, controller: str) -> list[Step]:
        breach, concerned = self._id("B"), self._some(25)
        known = {"breach_id": breach, "event_ref": self._id("SE"), "controller_ids": concerned}
        confirmed = {
            **known,
            "occurred_from": "2024-01-02",
            "occurred_until": "2024-01-03",
            "subject_count": self.random.randrange(5000),
        }
        told = [
            (
                self.random.expovariate(1 / 12) + 1,
                "BreachNotified",
                {"breach_id": breach, "controller_id": c, "missing_items": ["cause"]},
            )
            for c in concerned
        ]
        update = {"breach_id": breach, "delivered_to": concerned}
        return [
            (0, "BreachConfirmed", confirmed),
            *told,
            (
                120,
                "BreachUpdateIssued",
                {**update, "update_no": 1, "changed_facts": {"cause": "x"}},
            ),
            (
                300,
                "BreachUpdateIssued",
                {**update, "update_no": 2, "changed_facts": {"final": True}},
            ),
            (340, "BreachClosed", {"breach_id": breach}),
        ]

    def _subprocessor(self, controller: str) -> list[Step]:
        subprocessor, change, some = self._id("S"), self._id("CH"), self._some(100)
        announced = {
            "change_id": change,
            "subprocessor_id": subprocessor,
            "subprocessor_name": f"Opslag {subprocessor}",
            "kind": "add",
            "countries": ["DE"],
            "intended_start": "2026-02-01",
            "announced_via": "newsletter",
            "delivered_to": some,
        }
        case = {"change_id": change, "controller_id": some[0], "objection_id": self._id("O")}
        raised = {**case, "written": True, "reasoned": True}
        contract = {"subprocessor_id": subprocessor, "subprocessor_name": f"Opslag {subprocessor}"}
        engaged = {"subprocessor_id": subprocessor, "controller_ids": some, "countries": ["DE"]}
        return [
            (0, "SubprocessorChangeAnnounced", announced),
            (48, "SubprocessorObjectionRaised", raised),
            (90, "SubprocessorObjectionResolved", {**case, "outcome": "withdrawn"}),
            (100, "SubprocessingContractConcluded", contract),
            (24 * 10, "SubprocessorEngaged", {**engaged, "change_id": change}),
        ]

    def _measure(self, controller: str) -> list[Step]:
        measure, told = self._id("M"), {"controller_ids": self._some(50)}
        return [
            (0, "SecurityMeasureAdopted", {"measure_id": measure, "title": "Encryption"}),
            (900, "SecurityMeasureAmended", {"measure_id": measure, "changes": "longer keys"}),
            (950, "SecurityMeasuresCommunicated", {**told, "measure_ids": [measure]}),
        ]

    def _person(self, controller: str) -> list[Step]:
        person = {"person_pseudonym": self._id("E")}
        return [
            (self.random.choice([0, 0, 0, 50]), "ConfidentialityUndertakingSigned", person),
            (24, "DataAccessAuthorised", person),
            (4000, "DataAccessRevoked", person),
        ]


def _dated(told: Told) -> Told:
    """A breach with the moment at which the processor became aware: that of its confirmation."""
    if told.type != "BreachConfirmed":
        return told
    aware = told.occurred_at.isoformat()
    return Told(told.occurred_at, told.number, told.type, {**told.data, "became_aware_at": aware})


def _certificate(name: str, standard: str, since: str) -> Data:
    until = str(int(since[:4]) + 3) + since[4:]
    return {
        "certificate_id": name,
        "standard": standard,
        "valid_from": since,
        "valid_until": until,
    }


def _party(controller: str) -> Data:
    return {"controller_id": controller, "legal_name": f"Praktijk {controller}"}


def _agreement(controller: str) -> Data:
    return {
        "controller_id": controller,
        "effective_from": "2024-01-06",
        "objection_days": 7,
        "transfer_area": "EU",
        "initial_subprocessors": ["S1"],
    }


def _licence(controller: str) -> Data:
    return {"controller_id": controller, "licence_id": f"L-{controller}"}


def _shared_activity(number: int, controllers: list[str]) -> Data:
    return {
        "activity_id": f"PA-EHR-{number}",
        "controller_ids": controllers,
        "data_categories": ["name", "bsn", "health"],
    }
