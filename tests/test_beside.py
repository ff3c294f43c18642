"""What stands beside the bodies of stored rows says what they say, and nothing of other rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ledger.opening import Ledger
from projections.follow import catch_up
from projections.rows import of_body
from tests.test_isolation import scenario

__all__ = ["scenario"]

FINDING = ("rule", "severity", "found_at", "holds_from")


def stored(ledger: Ledger) -> list[dict[str, Any]]:
    """Every stored row of the scenario, by column."""
    catch_up(ledger.pool)
    with ledger.pool.connection() as conn:
        # No infinity in Python's datetime: as text.
        cursor = conn.execute(
            "SELECT register, key, body, finding, rule, severity, found_at, holds_from, subject,"
            " rests_on, since, until, nullif(open_until, 'infinity') AS ends,"
            " open_until::text AS open FROM register_rows"
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def test_every_row_says_beside_its_body_what_it_says_in_it(scenario: Ledger) -> None:
    """Clocks that nothing stopped, findings, engagements; of the rest nothing."""
    seen = {"open": 0, "window": 0, "finding": 0, "engagement": 0}
    for row in stored(scenario):
        whole = of_body(row["key"], (), row["body"])
        values = whole.values
        chapter = row["register"].startswith("rules/")
        kind = values.get("kind")
        finding = chapter and kind == "finding"
        is_open = chapter and kind == "clock" and values["stopped_at"] is values["text_nl"] is None
        engaged = row["register"] == "subprocessors" and kind == "engagement"
        assert (row["finding"] is not None) == finding
        assert (row["open"] is not None) == is_open
        if finding:
            expected = (values["rule"], values["severity"], at(values["at"]))
            assert tuple(row[name] for name in FINDING) == (*expected, at(values["holds_from"]))
        else:
            assert {row[name] for name in FINDING} == {None}
        if is_open:
            assert row["ends"] == (at(values["due_at"]) if values["window"] else None)
        judged = (values["subject"], [*whole.positions]) if chapter else (None, None)
        assert (row["subject"], row["rests_on"]) == judged
        wanted = (at(values["since"]), at(values["until"])) if engaged else (None, None)
        assert (row["since"], row["until"]) == wanted
        seen["finding"] += finding
        seen["engagement"] += engaged
        seen["window" if is_open and values["window"] else "open"] += is_open
    assert min(seen.values()) > 0, seen


def test_rows_of_one_finding_have_one_digest_and_others_another(scenario: Ledger) -> None:
    """A finding about several controllers is one; two findings are never taken for one."""
    by_digest: dict[str, set[Any]] = {}
    grouped = 0
    for row in stored(scenario):
        if row["finding"]:
            values = of_body(row["key"], (), row["body"]).values
            one = (values["rule"], values["at"], values["group"] or ("alone", row["key"]))
            by_digest.setdefault(row["finding"], set()).add(one)
            grouped += values["group"] is not None
    assert grouped > 0
    assert all(len(ones) == 1 for ones in by_digest.values())
    assert len({one for ones in by_digest.values() for one in ones}) == len(by_digest)
