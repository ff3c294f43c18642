"""The bill of materials of a release: CycloneDX 1.6 in JSON, made from files of the tree alone.

What requirements.lock pins, with versions, digests, what asked for what and the licences of
licences.toml; and what others wrote that lies in the wheel itself: bundled.cdx.json, which the
wheel carries as PEP 770 says. Nothing is looked up and nothing is random: the same commit gives
the same bytes. A pin without a licence, or with one that is not allowed, is refused.
`tests/test_sbom.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL

SPDX = get_spdx_licensing()

_PIN = re.compile(
    r"^(?P<name>[a-z0-9.-]+)(?:\[[a-z,]+\])?==(?P<version>\S+)(?: ; (?P<marker>[^\\\n]+?))? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
    r"    # via(?P<via>.*\n(?:    #   .+\n)*)",
    re.MULTILINE,
)


class LicenceRefused(Exception):
    """A dependency whose licence nobody looked at, or that does not fit with ours."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution that the lock pins, for the Pythons and systems of its marker."""

    name: str
    version: str
    marker: str | None
    digests: Sequence[str]
    asked_by: Sequence[str]

    @property
    def purl(self) -> PackageURL:
        """Its address among packages, which is also its name in the document."""
        return PackageURL("pypi", name=self.name, version=self.version)


def pins(lock: str) -> list[Pin]:
    """What a lock of `uv pip compile --generate-hashes` pins; no line of it is passed over."""
    found = [
        Pin(
            pin["name"],
            pin["version"],
            pin["marker"],
            re.findall(r"sha256:([0-9a-f]{64})", pin["hashes"]),
            re.findall(r"[\w.-]+(?= \(|$)", pin["via"].replace("#", ""), re.MULTILINE),
        )
        for pin in _PIN.finditer(lock)
    ]
    rest = [line for line in _PIN.sub("", lock).splitlines() if not line.startswith("#")]
    if rest:
        raise ValueError(f"the lock has a line of another form: {rest[0]}")
    return found


def check_licence(name: str, licences: dict[str, str], allowed: Sequence[str]) -> str:
    """The licence of a distribution; LicenceRefused when it is not known or not allowed."""
    expression = licences.get(name)
    if expression is None:
        raise LicenceRefused(f"{name}: write its licence into packaging/licences.toml")
    answers = {
        symbol: SPDX.TRUE if symbol.key in allowed else SPDX.FALSE
        for symbol in SPDX.license_symbols(SPDX.parse(expression, validate=True))
    }
    if SPDX.parse(expression).subs(answers).simplify() != SPDX.TRUE:
        raise LicenceRefused(f"{name}: {expression} is not among the allowed licences")
    return expression


def make(root: Path, moment: datetime) -> str:
    """The document for the source tree at `root`, as of a moment."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    reviewed = tomllib.loads((root / "packaging/licences.toml").read_text(encoding="utf-8"))
    bundled = (root / "packaging/bundled.cdx.json").read_text(encoding="utf-8")
    lock = (root / "requirements.lock").read_text(encoding="utf-8")

    whole = PackageURL("pypi", name=project["name"], version=project["version"])
    main = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        description=project["description"],
        licenses=[LicenseExpression(project["license"])],
        purl=whole,
        bom_ref=str(whole),
    )
    locked = pins(lock)
    inside = list(Bom.from_json(json.loads(bundled)).components)  # type: ignore[attr-defined]
    bom = Bom(
        serial_number=uuid.uuid5(
            uuid.NAMESPACE_URL, f"{whole}#{hashlib.sha256((lock + bundled).encode()).hexdigest()}"
        ),
        components=[
            *inside,
            *(
                _component(pin, check_licence(pin.name, reviewed["licences"], reviewed["allowed"]))
                for pin in locked
            ),
        ],
        dependencies=list(_dependencies(main, inside, locked)),
    )
    bom.metadata.timestamp = moment.astimezone(UTC)
    bom.metadata.component = main
    text: str = JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
    check(text)
    return text


def check(text: str) -> None:
    """ValueError when a document is not valid under the schema of CycloneDX."""
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"no valid CycloneDX: {wrong}")


def _component(pin: Pin, licence: str) -> Component:
    index = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/simple/{pin.name}/"),
        comment="one of the files there has one of these digests",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.digests],
    )
    marker = [Property(name="python:marker", value=pin.marker)] if pin.marker else []
    return Component(
        name=pin.name,
        version=pin.version,
        licenses=[LicenseExpression(licence)],
        purl=pin.purl,
        bom_ref=str(pin.purl),
        external_references=[index],
        properties=marker,
    )


def _dependencies(
    main: Component, inside: Sequence[Component], locked: Sequence[Pin]
) -> Iterator[Dependency]:
    """Who asks for what: the lock names for each pin those that asked for it."""
    refs: dict[str, list[BomRef]] = {str(main.name): [main.bom_ref]}
    for pin in locked:
        refs.setdefault(pin.name, []).append(_ref(pin))
    asks: dict[BomRef, list[BomRef]] = {ref: [] for each in refs.values() for ref in each}
    asks[main.bom_ref] += [component.bom_ref for component in inside]
    for pin in locked:
        for asker in pin.asked_by:
            for ref in refs[asker]:
                asks[ref].append(_ref(pin))
    for ref, asked in asks.items():
        yield Dependency(ref, [Dependency(each) for each in asked])


def _ref(pin: Pin) -> BomRef:
    return BomRef(str(pin.purl))
