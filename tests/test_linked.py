"""Linked data: read as RDF by rdflib, in terms of the Data Privacy Vocabulary."""

from __future__ import annotations

import json

import pytest
from rdflib import RDF, Graph, Namespace, URIRef

from ledger.opening import Ledger
from projections.dossiers.dossier import Dossier
from projections.exports.linked import CONTEXT, LINKED, to_jsonld
from tests.test_dossiers import asked, breaches, told
from tests.test_isolation import CONTROLLERS, scenario

__all__ = ["scenario"]

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph")  # rdflib's own

DPV = Namespace(CONTEXT["dpv"])
GDPR = Namespace(CONTEXT["eu-gdpr"])
LOC = Namespace(CONTEXT["loc"])


def graph(dossier: Dossier, language: str = "en") -> Graph:
    """The triples of a dossier."""
    made = to_jsonld(dossier, language, "ledger.example/log 1")
    return Graph().parse(data=json.dumps(made), format="json-ld")


def test_the_register_is_a_record_of_processes(scenario: Ledger) -> None:
    """Each controller and each of its activities, with the processor; transfers with country."""
    found = graph(asked(scenario, "authority-register"))
    (record,) = found.subjects(RDF.type, DPV.ROPA)
    (processor,) = found.objects(record, DPV.hasDataProcessor)
    assert (processor, RDF.type, DPV.DataProcessor) in found
    assert len(set(found.subjects(RDF.type, DPV.DataController))) == len(CONTROLLERS)
    processes = set(found.objects(record, DPV.hasProcess))
    assert processes
    for process in processes:
        assert (process, RDF.type, DPV.Process) in found
        (controller,) = found.objects(process, DPV.hasDataController)
        assert (controller, RDF.type, DPV.DataController) in found
    for transfer in found.subjects(RDF.type, DPV.Transfer):
        (country,) = found.objects(transfer, DPV.hasCountry)
        assert str(country).startswith(str(LOC))


def test_special_categories_are_marked(scenario: Ledger) -> None:
    """Health as special, the BSN as sensitive."""
    found = graph(asked(scenario, "controller-register", controller="C1"))
    special = set(found.subjects(RDF.type, DPV.SpecialCategoryPersonalData))
    pd = Namespace(CONTEXT["pd"])
    assert any((node, RDF.type, pd.Health) in found for node in special)


@pytest.mark.parametrize("breach", breaches())
def test_a_breach_has_its_kind_and_its_notices(scenario: Ledger, breach: str) -> None:
    """One notice of the processor for each controller that was told."""
    found = graph(asked(scenario, "breach-file", breach=breach))
    (node,) = found.subjects(RDF.type, GDPR.DataBreach)
    notices = set(found.subjects(RDF.type, GDPR.ProcessorBreachNotice))
    assert len(notices) == len(told(breach))
    assert set(found.subjects(URIRef(f"{CONTEXT['dct']}subject"), node)) >= notices


def test_only_known_prefixes_are_used_and_ids_are_addresses(scenario: Ledger) -> None:
    """No term that was left without a vocabulary, no id with a blank in it."""
    for name in LINKED:
        about = {"breach": breaches()[0]} if name == "breach-file" else {}
        if name == "controller-register":
            about = {"controller": "C1"}
        for language in ("nl", "en"):
            found = graph(asked(scenario, name, **about), language)
            prefixes = [p for p in CONTEXT.values() if isinstance(p, str)]
            for subject, predicate, value in found:
                for term in (subject, predicate, value):
                    if isinstance(term, URIRef):
                        known = (*prefixes, str(RDF), "https://ledger.example/log%201/id/")
                        assert str(term).startswith(known), term
                        assert " " not in str(term)
                        assert str(term).count("#") <= 1
                        assert ":" not in str(term).rpartition("#")[2] or "#" not in str(term)
