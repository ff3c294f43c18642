"""The directory of anchors: a day is fixed once, wherever the work stopped, under any name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger import anchor, durable_file
from ledger.anchor import DayKey
from ledger.anchor_store import Anchors, Kept, check_over
from ledger.errors import AnchorMalformed, ConfigurationError, DayDigested
from ledger.line_proof import DIGEST
from ledger.log_files import Form
from tests.anchoring import DAY, DESK, SECRET, SOURCE, lines_of, new_log
from tests.log_builder import LogBuilder, payload, sign

NEXT = date(2025, 1, 2)


@pytest.fixture
def log() -> LogBuilder:
    return new_log()


@pytest.fixture
def store(tmp_path: Path) -> Anchors:
    return Anchors(tmp_path, SOURCE)


def leaves(lines: list[bytes], day: date = DAY) -> bytes:
    return DayKey(SECRET, SOURCE, day).leaves(lines)


def take(store: Anchors, lines: list[bytes], day: date = DAY, *, late: bool = False) -> Kept | None:
    return store.take(
        day,
        leaves(lines, day),
        standard="nen7513",
        form=Form.LINES,
        late=late,
        payload=lambda id_, data: payload(DIGEST, data, id=id_, system=DESK),
    )


def recorded(
    store: Anchors, log: LogBuilder, lines: list[bytes], day: date = DAY, **more: bool
) -> Kept:
    """Take a day and have its digest recorded."""
    kept = take(store, lines, day, **more)
    assert kept is not None
    kept.receipt.write_text(log.receipt(log.append(sign(kept.anchor.payload, "k-desk"))))
    return kept


def test_a_day_is_taken_once(store: Anchors, log: LogBuilder) -> None:
    """The same lines again are nothing new; fewer lines neither."""
    kept = recorded(store, log, lines_of(5))
    assert kept.file.name == "2025-01-01.anchor"
    assert take(store, lines_of(5)) is None
    assert take(store, lines_of(3), late=True) is None
    assert store.of_day(DAY) == [kept]


def test_a_later_line_never_changes_the_digest(store: Anchors, log: LogBuilder) -> None:
    """It is refused, and recorded beside it when that is asked for; again and again."""
    first = recorded(store, log, lines_of(5))
    content = first.file.read_bytes()
    with pytest.raises(DayDigested, match="2 lines are not in it"):
        take(store, lines_of(7))
    second = recorded(store, log, lines_of(7), late=True)
    third = recorded(store, log, lines_of(8)[7:], late=True)
    assert [each.anchor.digest.lines for each in store.of_day(DAY)] == [5, 2, 1]
    assert [k.file.name for k in (second, third)] == ["2025-01-01.1.anchor", "2025-01-01.2.anchor"]
    assert first.file.read_bytes() == content
    assert take(store, lines_of(8)) is None


def test_no_line_is_late_before_there_is_a_digest(store: Anchors) -> None:
    """Whoever says so is told."""
    with pytest.raises(ConfigurationError, match="no digest yet"):
        take(store, lines_of(2), late=True)


def test_what_was_not_sent_is_sent_as_it_was(store: Anchors, log: LogBuilder) -> None:
    """After a stop between the file and the receipt: the same bytes, whatever the log holds now."""
    kept = take(store, lines_of(5))
    assert kept is not None
    assert take(store, lines_of(9)) == kept
    assert take(store, lines_of(9), late=True) == kept
    kept.receipt.write_text(log.receipt(log.append(sign(kept.anchor.payload, "k-desk"))))
    with pytest.raises(DayDigested):
        take(store, lines_of(9))


@pytest.mark.parametrize("other", [{"form": Form.OTLP}, {"standard": "ldv"}])
def test_a_day_has_one_form_and_standard(
    store: Anchors, log: LogBuilder, other: dict[str, Any]
) -> None:
    """Read in another way, every line would seem to be late."""
    recorded(store, log, lines_of(5))
    options = {"standard": "nen7513", "form": Form.LINES, **other}
    with pytest.raises(ConfigurationError, match="another form, or standard"):
        store.take(DAY, leaves(lines_of(6)), late=True, payload=lambda *_: b"", **options)


def test_digests_are_a_chain_in_the_order_in_which_they_were_recorded(
    store: Anchors, log: LogBuilder
) -> None:
    """Also when a day comes late, or a supplement."""
    for lines, day, late in (
        (lines_of(3), NEXT, False),
        (lines_of(5), DAY, False),
        (lines_of(6), DAY, True),
    ):
        recorded(store, log, lines, day, late=late)
    (first,), (second, third) = store.of_day(NEXT), store.of_day(DAY)
    assert first.anchor.digest.previous is None
    assert second.anchor.digest.previous == "log-digest/epd-toegang/2025-01-02/0"
    assert third.anchor.digest.previous == "log-digest/epd-toegang/2025-01-01/0"


@pytest.mark.parametrize("name", ["a/../../../b", "a/b", "x..y", "a:b"])
def test_no_name_of_a_log_leads_elsewhere(tmp_path: Path, name: str) -> None:
    """What may stand in an id stays in the directory."""
    directory = tmp_path / "anchors"
    directory.mkdir()
    store = Anchors(directory, name)
    kept = store.take(
        DAY,
        b"",
        standard="ldv",
        form=Form.LINES,
        late=False,
        payload=lambda id_, data: payload(DIGEST, data, id=id_, system=DESK),
    )
    assert kept is not None
    assert kept.file.parent.parent == directory
    assert [path.name for path in tmp_path.iterdir()] == ["anchors"]


@pytest.mark.parametrize("step", ["open", "fsync", "rename"])
def test_a_stop_while_it_is_written_leaves_no_half_anchor(
    store: Anchors, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The day has none, or the whole one."""
    broken: Callable[..., None] = lambda *_, **__: (_ for _ in ()).throw(OSError("stopped"))  # noqa: E731
    with monkeypatch.context() as patched:
        if step == "rename":
            patched.setattr(Path, "rename", broken)
        else:
            patched.setattr(durable_file.os, step, broken)
        with pytest.raises(OSError, match="stopped"):
            take(store, lines_of(5))
    assert store.of_day(DAY) == []
    kept = take(store, lines_of(5))
    assert kept is not None
    assert store.of_day(DAY) == [kept]


def test_an_anchor_in_the_place_of_another_is_refused(
    store: Anchors, log: LogBuilder, tmp_path: Path
) -> None:
    """Of another day or supplement, or in the directory of another log."""
    kept = recorded(store, log, lines_of(5))
    kept.file.with_name("2025-01-02.anchor").write_bytes(kept.file.read_bytes())
    with pytest.raises(AnchorMalformed, match="another log or day"):
        store.of_day(NEXT)
    kept.file.parent.rename(tmp_path / "other")
    with pytest.raises(AnchorMalformed, match="another log or day"):
        Anchors(tmp_path, "other").of_day(DAY)


def test_a_lost_anchor_is_made_again(store: Anchors, log: LogBuilder) -> None:
    """From the lines as they were and the receipt; late lines among them do no harm."""
    kept = recorded(store, log, lines_of(5))
    recorded(store, log, lines_of(7), late=True)
    receipt = kept.receipt.read_text()
    content = kept.file.read_bytes()
    kept.file.unlink()
    kept.receipt.unlink()
    with pytest.raises(AnchorMalformed, match="another root"):
        store.rebuild(receipt, leaves(lines_of(4)))
    with pytest.raises(AnchorMalformed, match="another root"):
        store.rebuild(receipt, leaves(lines_of(7)[::-1]))
    with pytest.raises(AnchorMalformed, match="of the log epd-toegang"):
        Anchors(kept.file.parent.parent, "other").rebuild(receipt, leaves(lines_of(5)))
    assert not kept.file.exists()
    again = store.rebuild(receipt, leaves(lines_of(7)))
    assert (again.file.read_bytes(), again.receipt.read_text()) == (content, receipt)
    assert anchor.parse(content) == again.anchor


def test_a_day_is_over_when_it_is_over_in_amsterdam() -> None:
    """Also on the days on which the clocks change."""
    for day, moment in (
        (date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        (date(2026, 11, 29), datetime(2026, 11, 29, 23, tzinfo=UTC)),
    ):
        check_over(day, moment)
        with pytest.raises(ConfigurationError, match="is not over"):
            check_over(day, moment.replace(hour=moment.hour - 1, minute=59, second=59))
