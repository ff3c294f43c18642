"""The bill of materials: what is pinned is in it, under a licence that somebody looked at."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.markers import Marker

from tests.test_lock import pins

ROOT = Path(__file__).resolve().parent.parent
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILES = (
    "pyproject.toml", "requirements.lock", "packaging/licences.toml", "packaging/bundled.cdx.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def sbom() -> Iterator[ModuleType]:
    """The program that makes it, found as when it is run."""
    sys.path.insert(0, str(ROOT / "packaging"))
    yield import_module("sbom")
    sys.path.remove(str(ROOT / "packaging"))


@pytest.fixture(scope="module")
def text(sbom: ModuleType) -> str:
    """The document of this tree."""
    return str(sbom.make(ROOT, MOMENT))


@pytest.fixture(scope="module")
def document(text: str) -> Any:
    """The same, read."""
    return json.loads(text)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files that it is made from, to change."""
    (tmp_path / "packaging").mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_everything_that_is_pinned_is_in_it(document: Any) -> None:
    """Each version of each distribution, with all of its digests."""
    components = [each for each in document["components"] if each["purl"].startswith("pkg:pypi/")]
    digests = {
        (each["name"], each["version"]): len(each["externalReferences"][0]["hashes"])
        for each in components
    }
    assert digests == {
        (name, str(version)): count
        for name, versions in pins("requirements.lock").items()
        for version, count in versions
    }
    assert all(each["licenses"] for each in document["components"])


def test_it_says_who_asks_for_what(document: Any) -> None:
    """Everything in it is reached from the program, and what the program asks for by one step."""
    asks = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    reached, waiting = set[str](), [document["metadata"]["component"]["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting.extend(asks[ref])
    assert reached == set(asks)
    assert reached >= {each["bom-ref"] for each in document["components"]}


def test_what_lies_in_the_wheel_of_others_is_in_it(document: Any) -> None:
    """Each script as it was published, by its digest: no file of others is without an entry."""
    files = {
        each["description"].partition(",")[0]: each["hashes"][0]["content"]
        for each in document["components"]
        if "description" in each
    }
    own = {"drop.js", "verify.js"}
    scripts = {
        str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in ROOT.glob("api/**/*.js")
        if file.name not in own
    }
    assert files == scripts


def test_the_same_files_give_the_same_bytes(sbom: ModuleType, text: str, tree: Path) -> None:
    """Anywhere; another lock gives another serial number."""
    assert sbom.make(tree, MOMENT) == text
    lock = tree / "requirements.lock"
    lock.write_text(lock.read_text().replace("h11==0.16.0", "h11==0.16.1"))
    other = json.loads(sbom.make(tree, MOMENT))
    assert other["serialNumber"] != json.loads(text)["serialNumber"]


def test_a_document_with_a_fault_is_not_valid(sbom: ModuleType, document: Any) -> None:
    """The schema is really asked."""
    sbom.check(json.dumps(document))
    with pytest.raises(ValueError, match="no valid CycloneDX"):
        sbom.check(json.dumps({**document, "components": [{"name": "without a type"}]}))


@pytest.mark.parametrize(
    ("line", "instead", "says"),
    [
        ('h11 = "MIT"\n', "", "h11: write its licence"),
        ('h11 = "MIT"', 'h11 = "AGPL-3.0-only"', "h11: AGPL-3.0-only is not among"),
        ('h11 = "MIT"', 'h11 = "MIT AND SSPL-1.0"', "h11: MIT AND SSPL-1.0 is not among"),
    ],
)
def test_a_licence_that_nobody_looked_at_or_does_not_fit_is_refused(
    sbom: ModuleType, tree: Path, line: str, instead: str, says: str
) -> None:
    """So a new dependency is looked at before it is released."""
    file = tree / "packaging/licences.toml"
    text = file.read_text()
    assert line in text
    file.write_text(text.replace(line, instead))
    with pytest.raises(sbom.LicenceRefused, match=re.escape(says)):
        sbom.make(tree, MOMENT)


def test_of_two_licences_one_that_is_allowed_is_enough(sbom: ModuleType) -> None:
    """Whoever uses it may choose."""
    said = sbom.check_licence("x", {"x": "GPL-2.0-only OR EPL-1.0"}, ["EPL-1.0"])
    assert said == "GPL-2.0-only OR EPL-1.0"


def test_a_line_of_the_lock_that_is_not_understood_is_not_passed_over(sbom: ModuleType) -> None:
    """Or a dependency would be missing without anybody knowing."""
    lock = (ROOT / "requirements.lock").read_text()
    with pytest.raises(ValueError, match="another form"):
        sbom.pins(lock + "left-pad @ https://example.org/left-pad.whl\n")


def said_by(found: Distribution) -> str:
    """What a distribution says of its licence, in whatever form it does."""
    about = found.metadata
    names = ("License-Expression", "License", "Classifier")
    return " ".join(line for name in names for line in about.get_all(name, []))


WORDS = {
    "BSD-2-Clause": "BSD",
    "BSD-3-Clause": "BSD",
    "GPL-2.0-only": "GPL",
    "EPL-1.0": "EPL",
    "LGPL-3.0-only": "LGPL",
    "Apache-2.0": "Apache",
    "PSF-2.0": "PSF",
    "0BSD": "0BSD",
}
"""What stands for a licence in older words than SPDX's; others stand for themselves."""


def test_licences_are_what_the_distributions_say(sbom: ModuleType) -> None:
    """Word for word where they say it in SPDX's form; by name where they do not. Nothing is listed
    that is no longer pinned."""
    reviewed = sbom.tomllib.loads((ROOT / "packaging/licences.toml").read_text())["licences"]
    pinned = sbom.pins((ROOT / "requirements.lock").read_text())
    assert reviewed.keys() == {pin.name for pin in pinned}
    looked_at = 0
    for pin in pinned:
        try:
            found = distribution(pin.name)
        except PackageNotFoundError:
            assert pin.marker, f"{pin.name} is not installed"
            assert not Marker(pin.marker).evaluate(), f"{pin.name} is not installed"
            continue
        looked_at += 1
        licence, said = reviewed[pin.name], said_by(found)
        for expression in found.metadata.get_all("License-Expression", []):
            assert licence == expression, pin.name
        for part in re.findall(r"[\w.-]+(?<! OR)(?<! AND)", licence):
            if part not in ("OR", "AND"):
                assert WORDS.get(part, part) in said, (pin.name, part, said)
    assert looked_at > 40, sys.prefix
