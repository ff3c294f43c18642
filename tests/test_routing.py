"""Which log keeps a controller: one, for good, whatever is sent where and by whom meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import routing
from ledger.errors import ConfigurationError, PartyUnknown, Unavailable
from ledger.routing import Routing


def test_whoever_is_not_named_is_kept_in_the_main_log(tmp_path: Path) -> None:
    """Also without a file, as for a log that is alone."""
    file = tmp_path / "controllers"
    main, part = Routing(file, "west", "west"), Routing(file, "east", "west")
    assert [main.log_of("C1"), part.log_of("C1")] == ["west", "west"]
    routing.write(file, {"C4": "east"})
    assert [main.log_of(c) for c in ("C1", "C4")] == ["west", "east"]
    main.check(["C1"])
    part.check(["C4"])
    part.check([])


@pytest.mark.parametrize("named", [["C1"], ["C1", "C4"]])
def test_an_event_of_a_controller_that_is_kept_elsewhere_is_refused(
    tmp_path: Path, named: list[str]
) -> None:
    """By field and rule, and by where it belongs; also when it names one of each."""
    file = tmp_path / "controllers"
    routing.write(file, {"C4": "east"})
    with pytest.raises(PartyUnknown, match="kept in the log west") as refused:
        Routing(file, "east", "west").check(named)
    (fault,) = refused.value.faults
    assert (fault.field, fault.rule) == ("/data", "kept-here")


def test_a_change_counts_from_the_next_look(tmp_path: Path) -> None:
    """Nobody starts a service again for it."""
    file = tmp_path / "controllers"
    main = Routing(file, "west", "west")
    main.check(["C4"])
    routing.write(file, {"C4": "east"})
    with pytest.raises(PartyUnknown):
        main.check(["C4"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"controller C4", "line 1: the line is"),
        (b"# note\nlog C4 east", "line 2: the line is"),
        (b"controller C4 east\ncontroller C4 west", "line 2: C4 is there already"),
        (b"controller ../C4 east", "the line is"),
        (b"controller C4 east\xff", "UTF-8"),
    ],
)
def test_a_file_that_makes_no_sense_stops_appends(tmp_path: Path, text: bytes, says: str) -> None:
    """It names the line; nothing is recorded by a guess."""
    file = tmp_path / "controllers"
    file.write_bytes(text)
    with pytest.raises(ConfigurationError, match=says):
        routing.read(file)
    with pytest.raises(Unavailable) as unavailable:
        Routing(file, "west", "west").check(["C1"])
    assert str(tmp_path) not in str(unavailable.value)
