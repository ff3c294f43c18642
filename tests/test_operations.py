"""What is in `operations/` fits the service: no alert, panel or page names a metric that it does
not show, each alert says what to do, and promtool agrees with all of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ledger.publish import Publisher, Publishing
from tests.absent import absent
from tests.authority import Authority, asking, named, needs_openssl
from tests.authority import serving as serving_authority
from tests.ledgers import TestLedger
from tests.seen import Numbers, seen
from tests.test_docs import _anchors
from tests.test_publish import Served, policy, three

__all__ = ["three"]

ROOT = Path(__file__).resolve().parent.parent
OPERATIONS = ROOT / "operations"
ALERTS = OPERATIONS / "prometheus" / "alerts.yml"
TESTS = OPERATIONS / "prometheus" / "alerts_test.yml"
CONFIG = OPERATIONS / "prometheus" / "prometheus.yml"
DASHBOARD = OPERATIONS / "grafana" / "verantwoord.json"
PAGE = ROOT / "docs" / "reference" / "metrics.md"

_NAME = re.compile(r"\b(?:verantwoord|process)_[a-z_]+[a-z]\b")
_PARTS = ("_bucket", "_sum", "_count")


@pytest.fixture
def promtool() -> str:
    """Prometheus' own checker."""
    found = shutil.which("promtool")
    return found or absent("promtool", "install the package prometheus")


@pytest.fixture
def shown(ledger: TestLedger, three: list[Served], tmp_path: Path) -> Iterator[Numbers]:
    """Everything a service shows: with witnesses, an authority, and an answer over HTTP."""
    of = Authority(tmp_path)
    publishing = Publishing(Publisher(ledger.ledger, policy(three, 2)), ledger.ledger)
    try:
        with serving_authority(of.answer) as url:
            timestamps = asking(ledger, named("tsa", url, of), patience=2.0)
            with seen(ledger, None, publishing, timestamps) as service:
                httpx.get(f"{service.url}/healthz")
                yield service.now()
    finally:
        publishing.close()


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    read = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Every panel of the dashboard that asks something."""
    found = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions() -> list[str]:
    """Every question of an alert or a panel, as Prometheus gets it."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    asked = [re.sub(r"\$(?:__rate_interval)", "1m", one) for one in asked]
    return [rule["expr"] for rule in rules()] + [
        one.replace("$job", "verantwoord").replace("$instance", ".*") for one in asked
    ]


def described() -> dict[str, tuple[str, set[str]]]:
    """The kind and labels of each metric of the page."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \|([^|]*)\| [^|]+ \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def base(name: str) -> str:
    """The metric that a series is of."""
    for part in _PARTS:
        if name.endswith(part) and name.removesuffix(part) in described():
            return name.removesuffix(part)
    return name


@needs_openssl
def test_the_page_describes_what_the_service_shows(shown: Numbers) -> None:
    """Each metric with its kind and its labels, and no other."""
    page = described()
    found = {}
    for metric in shown.metrics():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        labels = {label for sample in metric.samples for label in sample.labels}
        found[name] = (metric.type, labels - {"process", "le"})
    assert found == page


@needs_openssl
def test_of_each_process_means_a_label(shown: Numbers) -> None:
    """What the page has under *Of each process* has the label, and nothing else has."""
    text = PAGE.read_text("utf-8")
    of_process = set(_NAME.findall(text.split("## Of each process")[1].split("## ")[0]))
    found = {
        base(sample.name)
        for metric in shown.metrics()
        for sample in metric.samples
        if "process" in sample.labels
    }
    assert found == of_process & described().keys()


def test_alerts_and_panels_ask_for_what_there_is() -> None:
    """Every name in an expression is a series of a metric of the page, which the service shows."""
    page = described()
    series = {
        name + part
        for name, (kind, _) in page.items()
        for part in (_PARTS if kind == "histogram" else ("",))
    }
    asked = {name for one in expressions() for name in _NAME.findall(one)}
    assert asked - series == set()
    shown_alone = page.keys() - {base(name) for name in asked}
    assert shown_alone == {
        "verantwoord_info",  # by which a dashboard finds its services
        "process_virtual_memory_bytes",
        "process_start_time_seconds",
    }


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    """In words, with a section of the how-to, which has a section for each and no other."""
    sections = _anchors(ROOT / "docs" / "how-to" / "watch-the-service.md")
    named = set()
    for rule in rules():
        told = rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert told["summary"].endswith((".", "?"))
        assert len(told["what_to_do"].split()) > 5
        page, _, anchor = told["runbook"].partition("#")
        assert (ROOT / page).is_file()
        assert anchor == rule["alert"].lower()
        named.add(anchor)
    assert named == {section for section in sections if section.startswith("verantwoord")}


def test_each_alert_is_tried() -> None:
    """Each fires in one case of the tests at least; most are also seen not to."""
    cases = yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]
    tried: dict[str, set[bool]] = {}
    for case in cases:
        for test in case["alert_rule_test"]:
            tried.setdefault(test["alertname"], set()).add(bool(test["exp_alerts"]))
    assert tried.keys() == {rule["alert"] for rule in rules()}
    assert all(True in outcomes for outcomes in tried.values())
    never_quiet = {name for name, outcomes in tried.items() if False not in outcomes}
    assert never_quiet == {"VerantwoordWitnessAlarm"}, "whose case has a witness without one"


def run(*command: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)],
        cwd=ALERTS.parent,
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_rules_and_the_example_are_read_by_prometheus(promtool: str) -> None:
    """Without a fault or a warning."""
    for command in ("check", "rules", ALERTS), ("check", "config", CONFIG):
        done = run(promtool, *command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_makes_of_numbers_what_its_test_says(promtool: str) -> None:
    """Fires, with its words, or does not."""
    done = run(promtool, "test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("verantwoord_signs == 0", "verantwoord_signs == 1"),
        ("for: 15m", "for: 20h"),
        ("max without (process) (verantwoord_registers_stopped)", "verantwoord_set_back"),
        (" unless verantwoord_set_back == 1", ""),
        (" group_left () verantwoord_log_entries", " group_left () (0 * verantwoord_log_entries)"),
    ],
)
def test_a_wrong_alert_is_found(promtool: str, tmp_path: Path, right: str, wrong: str) -> None:
    """The tests of the rules can fail."""
    text = ALERTS.read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "alerts.yml").write_text(text.replace(right, wrong), encoding="utf-8")
    tests = shutil.copy(TESTS, tmp_path)
    assert run(promtool, "test", "rules", tests).returncode != 0


@needs_openssl
def test_promtool_finds_no_fault_in_what_is_shown(promtool: str, shown: Numbers) -> None:
    """Names, units and help texts are as its authors ask for."""
    done = run(promtool, "check", "metrics", given=shown.text)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if line]
    assert ours == []


def test_every_question_of_the_dashboard_can_be_read(promtool: str, tmp_path: Path) -> None:
    """Each is the expression of a rule here, for want of another way to have them parsed."""
    made = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(expressions())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": made}]}))
    done = run(promtool, "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_one() -> None:
    """Every panel has a title, a place of its own, and legends that name labels there are."""
    labels = {label for _, names in described().values() for label in names}
    places = set()
    for panel in panels():
        assert panel["title"]
        place = (panel["gridPos"]["x"], panel["gridPos"]["y"])
        assert place not in places
        places.add(place)
        for target in panel["targets"]:
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert named <= labels | {"process"}
