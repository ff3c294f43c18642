"""A monitor convicts a log that signed two histories, tells what else is wrong, and takes nobody's
word for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from ledger import checkpoint, log_keys, misbehaviour, tiles
from ledger.checkpoint import Checkpoint
from ledger.errors import LogUnreadable
from ledger.log_keys import LogKey, LogKeys
from ledger.monitor import Kind, Look, Monitor, Seen, State
from ledger.note import Signer
from ledger.sources import with_full_tiles
from tests.log_builder import ORIGIN, busy_log, export, private_key, reading, signed_checkpoint

LOG = busy_log(700)
SIGNER = LOG.signer
KEYS = LogKeys.of(SIGNER.verifier)
FORK = [*LOG.leaves[:290], *busy_log(900).leaves[500:]]
"""Another history that parts from the log's after 290 entries."""

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Watch:
    """A monitor, its state, and a clock that moves by an hour with every look."""

    def __init__(self, keys: LogKeys = KEYS, elsewhere: tuple[str, ...] = ()) -> None:
        self.now = START
        self.state = State()
        self.monitor = Monitor(
            keys, elsewhere=elsewhere, still_after=24 * HOUR, clock=lambda: self.now
        )

    def look(self, files: Mapping[str, bytes] | Callable[[str], bytes]) -> Look:
        self.now += HOUR
        fetch = files if callable(files) else reading(files)
        look = self.monitor.look(with_full_tiles(fetch), self.state)
        self.state = look.state
        return look

    def kinds(self, files: Mapping[str, bytes] | Callable[[str], bytes]) -> list[Kind]:
        return [finding.kind for finding in self.look(files).findings]

    def sizes(self) -> list[int]:
        return [KEYS.open(seen.signed).size for seen in self.state.seen]


def test_a_log_that_grows_is_followed_and_kept() -> None:
    """Over partial and full tiles, and a look at which nothing is new."""
    watch = Watch()
    for size in (1, 2, 255, 256, 257, 257, 512, 700):
        look = watch.look(LOG.export(size))
        assert look.findings == (), size
        assert look.latest is not None
        assert look.latest.size == size
    assert watch.sizes() == [1, 2, 255, 256, 257, 512, 700]


@pytest.mark.parametrize("size", [291, 300, 301, 512, 690])
def test_a_fork_is_proven_whatever_its_size(size: int) -> None:
    """Smaller than what was kept, as large, or larger; the proof holds for whoever has the key, and
    the monitor keeps to what it saw first."""
    watch = Watch()
    watch.look(LOG.export(300))
    kept = watch.state.seen
    files = export(FORK[:size], SIGNER)
    KEYS.open(files["checkpoint"].decode())  # signed as it should be
    if size < 300:
        # A log of an earlier size still has the tiles of the later ones.
        files = {**export(LOG.leaves[:300], SIGNER), "checkpoint": files["checkpoint"]}
    look = watch.look(files)
    assert [finding.kind for finding in look.findings] == [Kind.MISBEHAVIOUR]
    proof = look.findings[0].proof
    assert proof is not None
    found = misbehaviour.check(misbehaviour.parse(misbehaviour.format(proof)), KEYS)
    assert {found.earlier.size, found.later.size} == {300, size}
    assert watch.state.seen == kept


def test_a_fork_at_a_size_seen_long_ago_is_proven_without_any_tile() -> None:
    """The log shows another tree of a size that was kept, and nothing else."""
    watch = Watch()
    for size in (295, 400, 500):
        watch.look(LOG.export(size))
    forked = signed_checkpoint(FORK[:295], SIGNER).encode()
    (finding,) = watch.look({"checkpoint": forked}).findings
    assert finding.kind is Kind.MISBEHAVIOUR
    assert finding.proof is not None
    found = misbehaviour.check(finding.proof, KEYS)
    assert (found.earlier.size, found.later.size) == (295, 295)


def test_what_somebody_else_kept_proves_a_split_view() -> None:
    """Two are shown two histories; the receipt of one convicts the log before the other."""
    theirs = signed_checkpoint(FORK[:400], SIGNER)
    watch = Watch(elsewhere=(theirs,))
    look = watch.look(LOG.export(600))
    assert [finding.kind for finding in look.findings] == [Kind.MISBEHAVIOUR]
    assert "somebody else kept" in look.findings[0].detail
    assert watch.state.seen == ()


def test_an_old_checkpoint_is_told_and_the_newer_one_kept() -> None:
    """Replayed as it was, or of a size between: no contradiction, and no news either."""
    watch = Watch()
    watch.look(LOG.export(300))
    watch.look(LOG.export(600))
    for size in (300, 450):
        files = {**LOG.export(600), "checkpoint": LOG.checkpoint(size).encode()}
        assert watch.kinds(files) == [Kind.BACKWARDS]
    assert watch.sizes() == [300, 600]
    assert watch.kinds(LOG.export(650)) == []


def test_a_cut_log_shows_nothing_and_that_is_told() -> None:
    """Its tail is gone with the tiles over it, so it cannot show that it was one history."""
    watch = Watch()
    watch.look(LOG.export(600))
    files = LOG.export(280)
    look = watch.look(files)
    assert [finding.kind for finding in look.findings] == [Kind.NOT_SHOWN]
    assert "600 entries" in look.findings[0].detail
    assert "280" in look.findings[0].detail


def test_tiles_that_are_withheld_or_false_are_no_proof_and_no_excuse() -> None:
    """Nobody is convicted by what anybody could make up, and the checkpoint is not kept."""
    watch = Watch()
    watch.look(LOG.export(300))
    honest = LOG.export(600)
    for change in ("gone", "false", "short"):
        files = dict(honest)
        for path in [path for path in files if path.startswith("tile/0/")]:
            content = files.pop(path)
            if change == "false":
                files[path] = bytes(len(content))
            elif change == "short":
                files[path] = content[:-1]
        assert watch.kinds(files) == [Kind.NOT_SHOWN], change
    assert watch.sizes() == [300]
    assert watch.kinds(honest) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"<html>",
        signed_checkpoint(LOG.leaves[:9], Signer(ORIGIN, private_key("mallory"))).encode(),
        signed_checkpoint(LOG.leaves[:9], Signer("log.example/other", SIGNER.private_key)).encode(),
    ],
    ids=["empty", "bytes", "page", "another key", "another log"],
)
def test_what_is_no_checkpoint_of_this_log_is_told(content: bytes) -> None:
    """And changes nothing of what was kept."""
    watch = Watch()
    watch.look(LOG.export(8))
    assert watch.kinds({**LOG.export(9), "checkpoint": content}) == [Kind.NOT_SIGNED]
    assert watch.sizes() == [8]


def test_a_log_that_does_not_answer_is_told_apart() -> None:
    """It is not the log that is wrong, as far as anybody knows."""

    def nothing(path: str) -> bytes:
        raise LogUnreadable("no route to host")

    watch = Watch()
    assert watch.kinds(nothing) == [Kind.UNREADABLE]
    assert watch.kinds({}) == [Kind.UNREADABLE]
    assert watch.state == State()


def test_a_log_that_stands_still_is_told() -> None:
    """Also when it does not answer, and until it grows."""
    watch = Watch()
    for _ in range(24):
        assert watch.kinds(LOG.export(300)) == []
    watch.now += HOUR
    assert watch.kinds(LOG.export(300)) == [Kind.STANDS_STILL]
    assert watch.kinds({}) == [Kind.UNREADABLE, Kind.STANDS_STILL]
    assert watch.kinds(LOG.export(301)) == []


def test_keys_that_change_are_told_once_and_never_trusted() -> None:
    """What stands beside a log is what the log wants to be believed."""
    other = Signer(ORIGIN, private_key("other"))
    watch = Watch()
    assert watch.kinds(LOG.export(8)) == []
    files = LOG.export(9)
    files["log.vkey"] = log_keys.format(
        LogKeys((LogKey(other.verifier, 5), LogKey(SIGNER.verifier)))
    ).encode()
    assert watch.kinds(files) == [Kind.KEYS_CHANGED]
    assert watch.kinds(files) == []
    files["checkpoint"] = signed_checkpoint(LOG.leaves[:12], other).encode()
    assert watch.kinds(files) == [Kind.NOT_SIGNED]
    assert watch.kinds({**LOG.export(20), "log.vkey": b"?"}) == [Kind.KEYS_CHANGED]
    assert watch.sizes() == [8, 9, 20]


def test_other_keys_beside_the_log_at_the_first_look_are_told() -> None:
    """Than those that were pinned."""
    pinned = LogKeys.of(Signer(ORIGIN, private_key("pinned")).verifier)
    assert Watch(pinned).kinds(LOG.export(8)) == [Kind.KEYS_CHANGED, Kind.NOT_SIGNED]


def test_a_monitor_goes_on_over_a_change_of_keys_that_it_pinned() -> None:
    """Both periods are pinned; the new key's checkpoint goes on from the old one's."""
    new = Signer(ORIGIN, private_key("new"))
    keys = LogKeys((LogKey(new.verifier, 300), LogKey(SIGNER.verifier, 0, 310)))
    watch = Watch(keys)
    beside = {"log.vkey": log_keys.format(keys).encode()}
    assert watch.kinds({**LOG.export(200), **beside}) == []
    assert watch.kinds({**export(LOG.leaves[:400], new), **beside}) == []
    assert watch.kinds({**export(LOG.leaves[:420], SIGNER), **beside}) == [Kind.NOT_SIGNED]


def test_of_what_is_old_one_checkpoint_a_day_is_kept() -> None:
    """And the newest all, so the state of years stays small."""
    signed = [LOG.checkpoint(size) for size in range(1, 241)]
    seen = tuple(Seen(START + n * HOUR, text) for n, text in enumerate(signed))
    thin = State(seen).thinned(newest=24)
    assert thin.seen[-24:] == seen[-24:]
    assert len(thin.seen) == 24 + 10
    assert [one.at for one in thin.seen] == sorted(one.at for one in thin.seen)
    assert thin.thinned(newest=24) == thin


def test_a_path_of_a_tile_is_the_only_thing_asked_for() -> None:
    """No entries are read: whoever monitors need not be allowed to."""
    asked: list[str] = []

    def fetch(path: str) -> bytes:
        asked.append(path)
        return reading(LOG.export(600))(path)

    watch = Watch()
    watch.look(LOG.export(290))
    watch.look(fetch)
    hashes = [path for path in asked if path not in ("checkpoint", "log.vkey")]
    assert hashes
    assert all(tiles.parse_path(path).level is not None for path in hashes)


def test_a_signed_root_that_no_tree_has_is_not_followed() -> None:
    """Signed by the right key, consistent with nothing: it is told, and proven at the next."""
    watch = Watch()
    watch.look(LOG.export(300))
    lie = checkpoint.sign(Checkpoint(ORIGIN, 600, bytes(32)), SIGNER)
    files = {**LOG.export(600), "checkpoint": lie.encode()}
    assert watch.kinds(files) == [Kind.NOT_SHOWN]
    assert watch.sizes() == [300]
