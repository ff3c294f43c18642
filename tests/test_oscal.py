"""OSCAL: as the model of NIST has it that compliance-trestle ships, and as the ledger has it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from trestle.oscal.assessment_results import Model as AssessmentResults
from trestle.oscal.catalog import Model as Catalog

from ledger.merkle import leaf_hash
from ledger.opening import Ledger
from projections.exports import oscal
from projections.findings import ask_findings
from projections.frameworks.framework import shipped
from projections.question import Moment
from tests.test_api import problem
from tests.test_evidence import asked
from tests.test_isolation import client, scenario, url

__all__ = ["scenario", "url"]


@pytest.fixture
def http(scenario: Ledger, url: str) -> Iterator[httpx.Client]:
    """A controller of the scenario."""
    with client(scenario, url, "C1") as found:
        yield found


@pytest.mark.parametrize("framework", ["gdpr", "iso27001", "iso27701", "nen7510"])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_it_is_oscal(scenario: Ledger, framework: str, language: str) -> None:
    """Catalog and results are taken by the model; every control that is reviewed is in the
    catalog."""
    catalog = oscal.catalog(shipped()[framework], language)
    assert Catalog.model_validate(catalog)
    found = asked(scenario, framework, sample=3, seed="s")
    results = oscal.assessment_results(
        found, language, scenario.identity.origin, scenario.reader.leaf
    )
    assert AssessmentResults.model_validate(results)
    controls = {c["id"] for group in catalog["catalog"]["groups"] for c in group["controls"]}
    (result,) = results["assessment-results"]["results"]
    (selection,) = result["reviewed-controls"]["control-selections"]
    assert {c["control-id"] for c in selection["include-controls"]} == controls
    assert len(controls) == len(shipped()[framework].controls) == len(result["observations"])


def test_findings_are_those_of_the_ledger(scenario: Ledger) -> None:
    """Each once, with the observations it is an exception of; none says that a control fails."""
    found = asked(scenario, "iso27001")
    results = oscal.assessment_results(found, "en", scenario.identity.origin, scenario.reader.leaf)
    (result,) = results["assessment-results"]["results"]
    told = {(f.rule.id, f.at, f.subject) for e in found.evidence for f in e.exceptions}
    assert len(result["findings"]) >= len(told) > 0
    known = {observation["uuid"] for observation in result["observations"]}
    rules = {f.rule.id for f in ask_findings(scenario.pool, scenario.now(), Moment()).findings}
    for finding in result["findings"]:
        assert {o["observation-uuid"] for o in finding["related-observations"]} <= known
        assert finding["target"]["target-id"] in rules
    assert len({f["uuid"] for f in result["findings"]}) == len(result["findings"])


def test_evidence_has_the_digests_of_its_entries(scenario: Ledger) -> None:
    """Whoever has a receipt finds the leaf hash in it."""
    found = asked(scenario, "gdpr", sample=2, seed="s")
    results = oscal.assessment_results(found, "en", scenario.identity.origin, scenario.reader.leaf)
    (result,) = results["assessment-results"]["results"]
    links = [e for o in result["observations"] for e in o.get("relevant-evidence", ())]
    assert links
    for link in links:
        index = int(re.findall(r"/v1/events/(\d+)/proof", link["href"])[0])
        (digest,) = link["props"]
        assert digest["value"] == leaf_hash(scenario.reader.entry(index).leaf).hex()


def test_the_same_answer_has_the_same_ids(scenario: Ledger) -> None:
    """And another period, or seed, others."""
    made = [
        oscal.assessment_results(
            asked(scenario, "gdpr", sample=1, seed=seed), "en", "o", scenario.reader.leaf
        )
        for seed in ("a", "a", "b")
    ]
    ids = [one["assessment-results"]["uuid"] for one in made]
    assert ids[0] == ids[1] != ids[2]


def test_it_is_had_over_http(http: httpx.Client) -> None:
    """By whoever may see the evidence; the catalog by everybody with a token."""
    answer = http.get("/v1/frameworks/gdpr", params={"format": "oscal", "sample": 1, "seed": "x"})
    assert AssessmentResults.model_validate(answer.json())
    assert "Praktijk Van Dijk" not in json.dumps(answer.json(), ensure_ascii=False)
    assert Catalog.model_validate(http.get("/v1/frameworks/gdpr/catalog").json())
    problem(http.get("/v1/frameworks/none/catalog"), 404, "not-found")
