"""The rows of engagements: which subprocessor works for a controller, since when, on what basis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from projections.agreement import CONCLUDED, ENDED, Agreed, agreed_in, last_spell
from projections.facts import Fact
from projections.objections import announcements
from projections.reading import text, texts, when
from projections.register import Row
from projections.registers.subprocessors.announcements import window
from projections.registers.subprocessors.columns import COLUMNS
from projections.rows import by_id, of_type, row, row_key

ENGAGED = "SubprocessorEngaged"
DISENGAGED = "SubprocessorDisengaged"

STATES = {DISENGAGED: "disengaged", ENDED: "agreement_ended"}


def engagement_rows(controller: str, facts: Sequence[Fact]) -> Iterator[Row]:
    """One row for each subprocessor that ever worked for a controller: its last engagement."""
    turns = by_id(of_type(facts, ENGAGED, DISENGAGED), "subprocessor_id")
    agreed, told = agreed_in(facts), announcements(facts)
    for subprocessor, own in turns.items():
        yield _engagement(controller, subprocessor, own, agreed, told)


def _engagement(
    controller: str,
    subprocessor: str,
    own: Sequence[Fact],
    agreed: Agreed,
    told: Mapping[str, Fact],
) -> Row:
    spell = last_spell(own, agreed.ends, starts=lambda fact: fact.type == ENGAGED)
    engaged = spell.latest.data if spell.latest else {}
    change = text(engaged, "change_id")
    announced = told.get(change or "")
    values = {
        "kind": "engagement",
        "subprocessor": subprocessor,
        "controller": controller,
        "state": STATES[spell.end.type] if spell.end else "engaged",
        "since": when(spell.start, "started_at") if spell.start else None,
        "until": when(spell.end, "at", "ended_at") if spell.end else None,
        "countries": texts(engaged, "countries"),
        "services": texts(engaged, "services"),
        "basis": _basis(subprocessor, change, agreed.turns),
        "returned_or_erased": spell.end.data.get("data_returned_or_erased") if spell.end else None,
        "change": change,
        "announced_at": when(announced, "announced_at") if announced else None,
        **(window(announced, agreed.terms) if announced else {}),
    }
    rests_on = [*own, *agreed.turns, *([announced] if announced else [])]
    key = row_key("engagement", subprocessor, controller)
    return row(COLUMNS, key, (controller,), values, rests_on)


def _basis(subprocessor: str, change: str | None, turns: Sequence[Fact]) -> str | None:
    """What the engagement rests on: an announced change, the annex at signing, or nothing."""
    if change:
        return "announced_change"
    signed = of_type(turns, CONCLUDED)
    in_annex = any(subprocessor in texts(f.data, "initial_subprocessors") for f in signed)
    return "annex" if in_annex else None
