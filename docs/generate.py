"""Write the reference of event types and rules from these themselves: `python docs/generate.py`.

docs/reference/events.md            every event type, its place and its fields
docs/reference/schemas/TYPE.json    its JSON Schema, as GET /v1/event-types/TYPE answers it
docs/reference/rules.md             every rule of the agreement, by chapter

`tests/test_docs.py` makes all of them again in memory and compares, so they cannot fall behind.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ledger.cases import AMENDS, ANSWERS
from ledger.events import EVENT_TYPES, EventType, fields, json_schema
from projections.rules import CHAPTERS
from projections.rules.chapter import Chapter
from projections.rules.rule import Rule

REFERENCE = Path(__file__).resolve().parent / "reference"

INTRODUCTION = """\
# Event types

*Written by `docs/generate.py` from `ledger/events`; change the models, not this file.*

Every event is a CloudEvent whose `data` has the fields below.
A field that is not named here is refused, and so is `null`:
an optional field is absent or has a value.
*Moment* means an instant with its offset, or a date, which is the civil day in Europe/Amsterdam.
What the words mean is in the [glossary](../glossary.md); the shape of the whole event is in
[formats](formats.md).

*Needs* names the event that must have been recorded first ([form rules](errors.md#form-rules)).
*Clauses* are those of the agreement.
"""

RULES = """\
# Rules

*Written by `docs/generate.py` from `projections/rules`; change the rules, not this file.*

A rule asks one question of one clause.
What breaks it is a *finding*; a duty with a term is a *clock*; a time in which somebody may act is
a clock that ends by itself.
`GET /v1/rules` lists the same ([HTTP](http.md#findings-clocks-and-checks)).

* *R-* is a breach of the agreement, *O-* an observation, *NOTE-* another reading of the agreement,
  *C-* a clock that nothing is found about.
* *Version* is raised whenever the same events would give something else.
* *Severity* is the gravest that the rule gives.
* *Terms* are those of the agreement that it reads, in force at the act.
* Times are those of Europe/Amsterdam.
  A term in days begins the day after, and ends at 24:00 of its last day: that instant is too late.
  A term in hours counts elapsed hours, and its last instant is in time.
* A finding that waits for a term is told from when the term passed.
"""

SHAPES = {
    "id": (fields.Id, "letters, digits and `._:/-`, at most 64; a letter or digit at both ends"),
    "name": (fields.Slug, "a letter, then letters, digits, spaces and `_.-`, at most 64"),
    "version": (fields.Version, "letters, digits and `._+-`, at most 32"),
    "SHA-256": (fields.Digest, "64 hexadecimal digits in lower case"),
    "country": (fields.Country, "a country code of ISO 3166-1 alpha-2"),
    "period": (fields.Period, "ISO 8601 in years, months, weeks and days, as `P1M`"),
    "32 bytes": (fields.Bytes32, "standard base64 with padding"),
    "token": (fields.Token, "letters, digits, `_` and `-`, at most 86"),
}
"""Shapes that have a name of their own here, and what it means."""

PATTERNS = {TypeAdapter(kind).json_schema()["pattern"]: n for n, (kind, _) in SHAPES.items()}

TIERS = {"core": "core", "ext": "extended"}


def files() -> dict[Path, str]:
    """Every generated file, by its path below `docs/reference`."""
    made = {Path("events.md"): _page(), Path("rules.md"): _rules()}
    for event_type in EVENT_TYPES.values():
        schema = json.dumps(json_schema(event_type), indent=2, ensure_ascii=False)
        made[Path("schemas") / f"{event_type.topic}.json"] = schema + "\n"
    return made


def write(directory: Path = REFERENCE) -> None:
    """Write them, and remove schemas of types that are no more."""
    made = files()
    for old in (directory / "schemas").glob("*.json"):
        if old.relative_to(directory) not in made:
            old.unlink()
    for path, text in made.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text, encoding="utf-8")


def _page() -> str:
    groups: dict[str, list[EventType]] = {}
    for event_type in EVENT_TYPES.values():
        groups.setdefault(event_type.group, []).append(event_type)
    parts = [INTRODUCTION, _shapes(), _contents(groups)]
    for group, types in groups.items():
        parts.append(f"## {group}\n\n{_summary(types[0])}\n")
        parts.extend(_section(event_type) for event_type in types)
    return "\n".join(parts)


def _shapes() -> str:
    return "\n".join(f"* *{name}*: {meaning}." for name, (_, meaning) in SHAPES.items()) + "\n"


def _contents(groups: dict[str, list[EventType]]) -> str:
    lines = ["| Group | Event types |", "|---|---|"]
    for group, types in groups.items():
        links = ", ".join(f"[{t.name}](#{t.name.lower()})" for t in types)
        lines.append(f"| [{group}](#{group}) | {links} |")
    return "\n".join(lines) + "\n"


def _summary(event_type: EventType) -> str:
    """The first line of the module that a group is written in."""
    document = sys.modules[event_type.model.__module__].__doc__ or ""
    return document.split("\n", 1)[0]


def _section(event_type: EventType) -> str:
    lines = [f"### {event_type.name}", "", (event_type.model.__doc__ or "").strip(), ""]
    lines += [f"* Dutch: {event_type.nl}"]
    lines += [f"* {name}: {text}" for name, text in _place(event_type) if text]
    lines += ["", "| Field | | Shape | Meaning |", "|---|---|---|---|", *_fields(event_type), ""]
    return "\n".join(lines)


def _place(event_type: EventType) -> Iterator[tuple[str, str]]:
    schema = f"[schema](schemas/{event_type.topic}.json)"
    yield "Type", f"`{event_type.topic}` ({TIERS[event_type.tier]}, {schema})"
    yield "Clauses", event_type.clauses
    yield "GDPR", f"art. {event_type.gdpr}" if event_type.gdpr else ""
    yield "ISO/IEC 27001 Annex A", ", ".join(event_type.iso27001)
    yield "NEN 7510", ", ".join(event_type.nen7510)
    yield "ISO/IEC 27701", ", ".join(event_type.iso27701)
    if event_type.name in ANSWERS:
        field, question = ANSWERS[event_type.name]
        yield "Needs", f"[{question}](#{question.lower()}) with the same `{field}`"
    elif event_type.name in AMENDS:
        yield "Needs", f"the event that `{AMENDS[event_type.name]}` names"


def _fields(event_type: EventType) -> Iterator[str]:
    schema = json_schema(event_type)
    data, definitions = schema["properties"]["data"], schema["$defs"]
    required = set(data.get("required", ()))
    for name, field in data["properties"].items():
        asked = "required" if name in required else "optional"
        shape = _escape(_shape(field, definitions))
        yield f"| `{name}` | {asked} | {shape} | {_escape(field.get('description', ''))} |"


def _shape(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"{{{', '.join(definitions[name].get('properties', {}))}}}"
    if "const" in field or "enum" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        if [choice.get("format") for choice in field["anyOf"]] == ["date", "date-time"]:
            return "moment"
        return " or ".join(dict.fromkeys(_shape(choice, definitions) for choice in field["anyOf"]))
    if field.get("type") == "array":
        return f"list of {_shape(field.get('items', {}), definitions)}"
    return _plain_shape(field)


def _plain_shape(field: dict[str, Any]) -> str:
    if field.get("format") == "date-time":
        return "instant"
    if field.get("format") == "date":
        return "date"
    if "pattern" in field:
        return PATTERNS.get(field["pattern"]) or f"text `{field['pattern']}`"
    if "maxLength" in field:
        return f"text, at most {field['maxLength']}"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    kind = str(field.get("type", "any"))
    return names.get(kind, kind)


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _rules() -> str:
    lines = ["| Rule | Severity | Clause | Chapter |", "|---|---|---|---|"]
    ordered = sorted(
        ((_by_clause(rule), rule, c) for c in CHAPTERS for rule in c.rules), key=lambda r: r[0]
    )
    for _, rule, chapter in ordered:
        where = f"[{chapter.name}](#{chapter.name})"
        lines.append(f"| {rule.id} | {_severity(rule)} | {rule.clause} | {where} |")
    return "\n".join([RULES, *lines, "", *(_chapter(chapter) for chapter in CHAPTERS)])


def _by_clause(rule: Rule) -> tuple[bool, list[int], str]:
    """Rules in the order of the clauses that they are named after, others after them."""
    numbers = [int(number) for number in re.findall(r"[0-9]+", rule.id)]
    return not numbers, numbers, rule.id


def _severity(rule: Rule) -> str:
    return rule.severity or "clock"


def _chapter(chapter: Chapter) -> str:
    """What the module of a chapter says of it, without where it is tested; and its rules."""
    document = inspect.cleandoc(sys.modules[chapter.judge.__module__].__doc__ or "")
    told = re.sub(r"\s*`tests/[a-z_/]+\.py`\.$", "", document)
    head = "| Rule | Version | Severity | GDPR | Terms | What it finds, or counts |"
    rows = [_rule(rule) for rule in chapter.rules]
    return "\n".join(
        [f"## {chapter.name}", "", told, "", head, "|---|---|---|---|---|---|", *rows, ""]
    )


def _rule(rule: Rule) -> str:
    added = f" (since {rule.added})" if rule.added else ""
    terms = ", ".join(f"`{term}`" for term in rule.parameters)
    title = f"{rule.title.en}. *{rule.title.nl}.*"
    if rule.duty:
        title += f"<br>As a clock: {rule.duty.en}. *{rule.duty.nl}.*"
    cells = [rule.id, f"{rule.version}{added}", _severity(rule), f"art. {rule.gdpr}", terms, title]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    write()
