"""What is checked between the logs of one processor, when each was found sound.

Each controller is registered in one log alone, the one that the routing gives it. What concerns no
controller is of every log, and is compared by source and id since the youngest of them was made;
logs are appended to one after the other, so a difference is told and is no failure.
`tests/test_logs.py` registers a controller twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger import events, fsck
from ledger.deployment import read_vkeys
from ledger.fsck import Sound
from ledger.keyring import KEY_EVENTS, OF_THE_LEDGER
from ledger.opening import Ledger

OF_ONE_LOG = [t.topic for t in events.EVENT_TYPES.values() if t.name in KEY_EVENTS | OF_THE_LEDGER]
"""Types of what each log records about itself."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A sound log: the controllers that are registered in it, and by source and id when it recorded
    what concerns none."""

    sound: Sound
    created_at: datetime
    controllers: frozenset[str]
    shared: Mapping[str, datetime]


def examine(ledger: Ledger) -> Examined:
    """Check one log. Raises VerificationFailed."""
    published = read_vkeys(ledger.home) or ledger.log_keys()
    with ledger.database.connect() as conn:
        sound = fsck.fsck(
            conn,
            published.first,
            ledger.identity.administrator_key,
            keys=ledger.controller_keys,
        )
        parties = conn.execute("SELECT tag FROM tags WHERE starts_with(tag, 'party:controller:')")
        controllers = frozenset(tag.rpartition(":")[2] for (tag,) in parties)
        shared = conn.execute(
            "SELECT substr(tags[1], length('source-id:') + 1), recorded_at FROM entries"
            " WHERE controllers = '{}' AND NOT type = ANY(%s)",
            (OF_ONE_LOG,),
        ).fetchall()
        (created_at,) = conn.execute("SELECT created_at FROM log").fetchone() or (None,)
        assert created_at is not None  # noqa: S101 - a log that was opened has this row
    return Examined(sound, created_at, controllers, dict(shared))


def kept_twice(
    examined: Mapping[str, Examined], kept_in: Callable[[str], str]
) -> list[tuple[str, list[str]]]:
    """Controllers, each with the logs it is registered in, that are not just where they are kept;
    `examined` is by the names of the logs."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(examined):
        for controller in examined[name].controllers:
            found[controller].append(name)
    return [(c, logs) for c, logs in sorted(found.items()) if logs != [kept_in(c)]]


def missing(examined: Mapping[str, Examined]) -> list[tuple[str, list[str]]]:
    """What concerns no controller and is not in every log: source and id, and where it is not."""
    youngest = max(one.created_at for one in examined.values())
    wanted = {id_ for one in examined.values() for id_, at in one.shared.items() if at > youngest}
    lacks = ((id_, [n for n, one in examined.items() if id_ not in one.shared]) for id_ in wanted)
    return sorted((id_, names) for id_, names in lacks if names)
