"""Registers and breach files as linked data: JSON-LD in the Data Privacy Vocabulary (W3C DPV 2.3).

What is recorded in words stays in words (`dct:title`), beside the nearest term where there is one.
Everything that has an id here is named below the origin of the ledger, so that two of these files
speak of the same things. `tests/test_linked.py` reads them as RDF.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from projections.dossiers.dossier import Dossier
from projections.exports.tables import cell

CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "loc": "https://w3id.org/dpv/loc#",
    "risk": "https://w3id.org/dpv/risk#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dct:issued": {"@type": "xsd:dateTime"},
    "dct:valid": {"@type": "xsd:dateTime"},
}

PERSONAL_DATA = {
    "name": "pd:Name",
    "email": "pd:EmailAddress",
    "phone": "pd:TelephoneNumber",
    "address": "pd:PhysicalAddress",
    "postcode": "pd:PostalCode",
    "birth_date": "pd:BirthDate",
    "gender": "pd:Gender",
    "health": "pd:Health",
    "insurance": "pd:Insurance",
    "bank_account": "pd:BankAccount",
    "nationality": "pd:Nationality",
    "photo": "pd:Picture",
}
"""Terms for the categories of clause 4.2 that have one."""

PROCESSING = {
    "storage": "dpv:Store",
    "transmission": "dpv:Transmit",
    "making available": "dpv:MakeAvailable",
}

DATA_SUBJECTS = {"patients": "dpv:Patient", "staff of the controller": "dpv:Employee"}

BASES = {
    ("adequacy_decision", "adequacy"): "eu-gdpr:A45-3",
    ("safeguards", "SCC"): "eu-gdpr:A46-2-c",
    ("safeguards", "BCR"): "eu-gdpr:A46-2-b",
}
"""Terms for the grounds of chapter V, where they hold, by the mechanism that was given."""

BREACHES = {
    "C": "eu-gdpr:ConfidentialityBreach",
    "I": "eu-gdpr:IntegrityBreach",
    "A": "eu-gdpr:AvailabilityBreach",
}

LINKED = frozenset({"authority-register", "controller-register", "breach-file"})
"""The dossiers that there are terms for."""

Node = dict[str, Any]


def to_jsonld(dossier: Dossier, language: str, origin: str) -> Node:
    """A dossier of `LINKED` as JSON-LD."""
    made = _Linked(dossier, language, origin)
    graph = made.breach() if dossier.kind.name == "breach-file" else made.register()
    return {"@context": {**CONTEXT, "@language": language}, "@graph": graph}


class _Linked:
    def __init__(self, dossier: Dossier, language: str, origin: str) -> None:
        self._dossier = dossier
        self._language = language
        self._base = f"https://{quote(origin, safe='/:')}/id/"
        self._sections = {section.key: section for section in dossier.sections}

    def register(self) -> list[Node]:
        """The record, and for art. 30(2) the controllers and transfers."""
        own = self._dossier.kind.name == "controller-register"
        processes = self._rows("activities") if own else self._rows("categories")
        record = {
            **self._record("dpv:ROPA"),
            "dpv:hasProcess": [self._process(row) for row in processes],
        }
        if own:
            record["dpv:hasDataController"] = {
                "@id": self._id("controller", str(self._dossier.controller)),
                **self._party("controller"),
            }
            return [record]
        record["dpv:hasDataProcessor"] = {"@id": self._id("processor"), **self._party("processor")}
        controllers = [
            _some(
                {
                    "@id": self._id("controller", row["id"]),
                    "@type": "dpv:DataController",
                    "dpv:hasName": row["name"],
                    "dpv:hasContact": _text(row["contact"], self._language),
                }
            )
            for row in self._rows("controllers")
        ]
        transfers = [self._transfer(row) for row in self._rows("transfers")]
        return [record, *controllers, *transfers]

    def breach(self) -> list[Node]:
        """The breach, who was told of it, and how it ended."""
        facts, breach = self._items("facts"), str(self._dossier.breach)
        closed = self._items("remedial_action").get("closed_at")
        report = "DataBreachConcludingReport" if closed else "DataBreachOngoingReport"
        kinds = [BREACHES[n] for n in facts["nature"] or () if n in BREACHES]
        node = _some(
            {
                "@id": self._id("breach", breach),
                "@type": ["eu-gdpr:DataBreach", *kinds],
                "dpv:hasIdentifier": breach,
                "dct:description": _text(facts["cause"], self._language),
                "dpv:hasPersonalData": self._data(facts["data_categories"]),
                "dpv:hasDataSubject": self._subjects(facts["data_subject_categories"]),
                "dpv:hasConsequence": self._worded(
                    "dpv:Consequence", self._items("effects").get("effects")
                ),
                "dpv:isMitigatedByMeasure": self._worded(
                    "dpv:TechnicalOrganisationalMeasure",
                    self._items("remedial_action").get("remedial_actions"),
                ),
            }
        )
        notices = [
            each for row in self._rows("notices") for each in self._notices(row, node["@id"])
        ]
        record = {
            **self._record("eu-gdpr:DataBreachRegister"),
            "dct:references": {"@id": node["@id"]},
        }
        file = {
            "@id": f"{self._id('breach', breach)}/file",
            "@type": f"eu-gdpr:{report}",
            "dct:subject": {"@id": node["@id"]},
        }
        return [record, node, file, *notices]

    def _record(self, kind: str) -> Node:
        dossier = self._dossier
        return _some(
            {
                "@id": self._id(dossier.kind.name, dossier.breach or dossier.controller or "all"),
                "@type": kind,
                "dct:title": dossier.kind.title.text(self._language),
                "dct:source": dossier.kind.source,
                "dct:issued": dossier.at.isoformat(),
            }
        )

    def _party(self, section: str) -> Node:
        found = self._items(section)
        kind = "dpv:DataController" if section == "controller" else "dpv:DataProcessor"
        officer = found.get("dpo")
        return _some(
            {
                "@type": kind,
                "dpv:hasName": found.get("name"),
                "dpv:hasIdentifier": found.get("number"),
                "dpv:hasContact": _text(found.get("contact"), self._language),
                "dpv:hasDataProtectionOfficer": officer
                and {
                    "@type": "dpv:DataProtectionOfficer",
                    "dpv:hasContact": _text(officer, self._language),
                },
            }
        )

    def _process(self, row: Mapping[str, Any]) -> Node:
        names = [
            {"@value": row[f"name_{lang}"], "@language": lang}
            for lang in ("nl", "en")
            if row.get(f"name_{lang}")
        ]
        controller = row.get("controller") or self._dossier.controller
        status = "dpv:ActivityCompleted" if row.get("until") else "dpv:ActivityOngoing"
        return _some(
            {
                "@id": f"{self._id('activity', row['id'])}/{quote(str(controller), safe='')}",
                "@type": "dpv:Process",
                "dct:title": names,
                "dpv:hasDataController": {"@id": self._id("controller", str(controller))},
                "dpv:hasDataProcessor": {"@id": self._id("processor")},
                "dpv:hasProcessing": self._worded(
                    "dpv:Processing", row.get("categories_of_processing"), PROCESSING
                ),
                "dpv:hasPurpose": self._worded("dpv:Purpose", row.get("purpose")),
                "dpv:hasDataSubject": self._subjects(row.get("data_subject_categories")),
                "dpv:hasPersonalData": self._data(
                    row.get("data_categories"), row.get("special_categories")
                ),
                "dpv:hasRecipient": self._worded("dpv:Recipient", row.get("recipients")),
                "dpv:hasStorageCondition": self._worded(
                    "dpv:StorageCondition", row.get("retention_rule")
                ),
                "dpv:hasTechnicalOrganisationalMeasure": self._worded(
                    "dpv:TechnicalOrganisationalMeasure", row.get("measures")
                ),
                "dpv:hasActivityStatus": {"@id": status},
            }
        )

    def _transfer(self, row: Mapping[str, Any]) -> Node:
        basis = BASES.get((str(row["chapter_v"]), str(row["mechanism"])))
        controller = str(row["controller"])
        return _some(
            {
                "@id": f"{self._id('transfer', row['id'])}/{quote(controller, safe='')}",
                "@type": "dpv:Transfer",
                "dpv:hasDataController": {"@id": self._id("controller", controller)},
                "dpv:hasDataExporter": {"@id": self._id("processor")},
                "dpv:hasDataImporter": row["subprocessor"]
                and {
                    "@id": self._id("subprocessor", row["subprocessor"]),
                    "@type": "dpv:DataSubProcessor",
                },
                "dpv:hasCountry": row["country"] and {"@id": f"loc:{row['country']}"},
                "dpv:hasLegalBasis": basis and {"@id": basis},
                "dct:description": _text(row["safeguard"], self._language),
            }
        )

    def _notices(self, row: Mapping[str, Any], breach: str) -> Iterable[Node]:
        told = {
            "ProcessorBreachNotice": row["notified_at"],
            "DPABreachNotice": row["authority_notified_at"],
            "DataSubjectBreachNotice": row["data_subjects_notified_at"],
        }
        for kind, at in told.items():
            if at:
                yield _some(
                    {
                        "@id": f"{breach}/{kind}/{quote(row['controller'], safe='')}",
                        "@type": f"eu-gdpr:{kind}",
                        "dct:subject": {"@id": breach},
                        "dct:issued": at,
                        "dpv:hasDataController": {"@id": self._id("controller", row["controller"])},
                    }
                )

    def _data(self, categories: Any, special: Any = ()) -> list[Node]:
        found = []
        marked = " ".join(map(str, special or ()))
        for each in categories or ():
            name = each["category"] if isinstance(each, dict) else str(each)
            kind = [PERSONAL_DATA.get(name, "dpv:PersonalData")]
            is_special = isinstance(each, dict) and (each.get("special") or each.get("bsn"))
            if is_special or name in marked.split():
                kind.append(
                    "dpv:SensitivePersonalData"
                    if name == "bsn"
                    else "dpv:SpecialCategoryPersonalData"
                )
            found.append({"@type": kind, "dct:title": name})
        return found

    def _subjects(self, categories: Any) -> list[Node]:
        return [
            {"@type": DATA_SUBJECTS.get(str(name), "dpv:DataSubject"), "dct:title": str(name)}
            for name in categories or ()
        ]

    def _worded(self, kind: str, value: Any, terms: Mapping[str, str] | None = None) -> list[Node]:
        """What is recorded in words, each as a node of the nearest term."""
        values = value if isinstance(value, list) else [value] if value else []
        return [
            {
                "@type": (terms or {}).get(str(each), kind),
                "dct:title": _text(each, self._language),
            }
            for each in values
        ]

    def _rows(self, section: str) -> Sequence[Mapping[str, Any]]:
        return self._sections[section].rows

    def _items(self, section: str) -> dict[str, Any]:
        return {item.key: item.value for item in self._sections[section].items}

    def _id(self, *parts: str) -> str:
        return self._base + "/".join(quote(part, safe="") for part in parts)


def _text(value: Any, language: str) -> str | None:
    return cell(value, language) if value not in (None, "", [], {}) else None


def _some(node: Node) -> Node:
    """A node without what is not known."""
    return {name: value for name, value in node.items() if value not in (None, "", [], {})}
