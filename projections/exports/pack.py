"""Making an evidence pack (`ledger/pack.py` has its layout, `ledger/pack_check.py` checks it).

Everything in a part follows from the first entries of the log, so many as the part says, and from
nothing else: no clock, no chance, no stored row that could be behind. Terms are judged at the
moment when the last of these entries was recorded, and samples are drawn with the root as seed,
which nobody chose. So the same scope at the same size of the log is the same pack, byte for byte,
as long as no witness or authority has said more of its checkpoint. `tests/test_pack.py`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import BinaryIO

from ledger import archive, log_keys, pack, proven, tiles
from ledger import checkpoint as checkpoints
from ledger.checkpoint import Checkpoint
from ledger.errors import ConfigurationError
from ledger.isolation import OneController
from ledger.opening import Ledger
from ledger.pack import Described, Manifest, Part
from ledger.reader import Reader, StoredCheckpoint
from ledger.statement import Kind
from projections.civil import civil_date
from projections.exports.controller import Prepared, prepare
from projections.exports.html import to_html
from projections.exports.index import LOG, index
from projections.exports.paper import to_pdf
from projections.exports.part import Asked, OfLedger, Summary, files
from projections.folds import FOLDS
from projections.frameworks.evidence import Period
from projections.frameworks.framework import Framework
from projections.register import Label
from projections.registers import REGISTERS

BATCH = 1000

ON_PAPER = 5
"""Steps of progress that setting the index takes."""

CHECKPOINT = Label(
    "het ondertekende controlepunt met medeondertekeningen en tijdstempels",
    "the signed checkpoint, with cosignatures and timestamps",
)
TRUST = Label(
    "zoals de beheerder van het grootboek dit heeft; vertrouw alleen wat u elders kreeg",
    "as the operator of the ledger has it; trust only what you got elsewhere",
)
EXPORT = Label(
    "alle vastleggingen van deze klant, met het bewijs dat er geen ontbreekt",
    "every entry of this controller, with proof that none lacks",
)
EVENTS = Label(
    "de gebeurtenissen, elk met het bewijs dat zij in het logboek staat",
    "the events, each with proof that it is in the log",
)
INDEX = Label("deze inhoudsopgave", "this index")
HOW_TO = Label("hoe dit pakket wordt gecontroleerd", "how to check this pack")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pack is about: these controllers, or (None) the whole ledger; a period, frameworks,
    and the language.

    `size` is that of the log it rests on at most; None for all that is published. `period` is told
    when the last entry was recorded, where a question says no other end.
    """

    controllers: tuple[str, ...] | None
    frameworks: tuple[Framework, ...]
    language: str
    period: Callable[[datetime], Period]
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack that was written: its list, and the SHA-256 (hex) of that."""

    manifest: Manifest
    sha256: str


Progress = Callable[[int, int], None]
"""Told how much is done, of how much. What it raises ends the writing."""


def write(
    ledger: Ledger,
    scope: Scope,
    trust: Mapping[str, bytes],
    out: BinaryIO,
    progress: Progress = lambda done, of: None,
) -> Packed:
    """Write a pack. `trust` are the files of what the operator trusts, by name.

    Raises ConfigurationError where there is nothing to show: no entry, or no number of a
    controller; and SigningRefused.
    """
    with archive.Writer(out) as made:
        return _Writing(ledger, scope, made, progress).write(trust)


def made_with() -> dict[str, str]:
    """What the bytes of a pack depend on beside its entries."""
    return {
        "folds": str(FOLDS),
        "typst": version("typst"),
        "xlsxwriter": version("xlsxwriter"),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }


class _Writing:
    def __init__(
        self, ledger: Ledger, scope: Scope, made: archive.Writer, progress: Progress
    ) -> None:
        self._ledger = ledger
        self._controllers = scope.controllers
        self._progress = progress
        self._stored = _checkpoint(ledger.reader, scope.size)
        self._checkpoint = checkpoints.parse(self._stored.note.partition("\n\n")[0] + "\n")
        self._asked = Asked(
            self._checkpoint.origin,
            scope.language,
            scope.period(self._stored.recorded_at),
            scope.frameworks,
            self._checkpoint.root.hex(),
        )
        self._archive = made
        self._files: list[Described] = []
        self._done, self._all = 0, 1

    def write(self, trust: Mapping[str, bytes]) -> Packed:
        exports = self._exports()
        parts = [part for part, _ in exports]
        entries = sum(export.latest if export else part.covered for part, export in exports)
        made = len(parts) * len([*REGISTERS, *self._asked.frameworks])
        self._all = 2 * entries + made + ON_PAPER
        self._add("checkpoint", self._stored.note.encode(), CHECKPOINT)
        for name, content in sorted(trust.items()):
            self._add(f"trust/{name}", content, TRUST)
        summaries = [self._part(part, export) for part, export in exports]
        recorded_at = self._stored.recorded_at
        found = index(self._asked, self._checkpoint, recorded_at, summaries, self._files)
        self._add("index.html", to_html(found, [each.filed.name for each in self._files]), INDEX)
        self._add("index.pdf", to_pdf(found), INDEX)
        how_to = how_to_verify(self._asked.language, self._checkpoint, parts)
        self._add("VERIFY.txt", how_to.encode(), HOW_TO)
        packed = self._sign(parts)
        self._progress(self._all, self._all)
        return packed

    def _exports(self) -> list[tuple[Part, Prepared | None]]:
        """The parts, and for one about a controller its export, which says how far it reaches."""
        size = self._checkpoint.size
        if self._controllers is None:
            return [(Part.whole(size), None)]
        if not 0 < len(self._controllers) <= pack.MOST_PARTS:
            most = pack.MOST_PARTS
            raise ConfigurationError(f"a pack is about all controllers, or about 1 to {most}")
        found: list[tuple[Part, Prepared | None]] = []
        for number, controller in enumerate(self._controllers, start=1):
            export = prepare(self._ledger, controller, self._stored, before=size)
            found.append((Part.of(number, controller, export.covered), export))
        return found

    def _part(self, part: Part, export: Prepared | None) -> Summary:
        reader = self._ledger.reader
        if export is None:
            self._log(part)
            entries = _entries(reader, part.covered)
        else:
            self._add(f"{part.path}/export.jsonl", self._counted(export.lines), EXPORT)
            entries = _visible(self._ledger, part)
        size = self._checkpoint.size
        lines = (
            proven.format(number, reader.prove_inclusion(number, size), leaf)
            for number, leaf in entries
        )
        self._add(f"{part.path}/events.jsonl", self._counted(lines), EVENTS)
        for made in files(part, OfLedger(self._ledger, part), self._asked):
            if isinstance(made, Summary):
                return made
            self._add(made.name, made.content, made.about)
            if made.name.endswith(".csv"):  # one for each register and framework
                self._step()
        raise AssertionError("a part ends with its summary")

    def _log(self, part: Part) -> None:
        reader, prefix = self._ledger.reader, f"{part.path}/log/"
        self._add(f"{prefix}log.vkey", log_keys.format(self._ledger.vkeys()).encode(), LOG)
        self._add(f"{prefix}checkpoint", self._stored.note.encode(), LOG)
        for tile in (*tiles.tiles_of(part.covered), *tiles.bundles_of(part.covered)):
            self._add(f"{prefix}{tiles.path(tile)}", reader.read(tile), LOG)
            self._step(tile.width if tile.level is None else 0)

    def _sign(self, parts: Sequence[Part]) -> Packed:
        manifest = Manifest(
            self._checkpoint.origin,
            self._checkpoint.size,
            self._checkpoint.root.hex(),
            self._asked.period.begin,
            self._asked.period.end,
            self._asked.language,
            made_with(),
            parts,
            self._files,
        )
        raw = pack.format(manifest)
        filed = self._archive.add(pack.MANIFEST, raw)
        signed = self._ledger.state(Kind.PACK, manifest.size, raw)
        self._archive.add(pack.SIGNED, signed.encode())
        return Packed(manifest, filed.sha256)

    def _add(self, name: str, content: bytes | Iterable[bytes], about: Label) -> None:
        filed = self._archive.add(name, content)
        self._files.append(Described(filed, about.text(self._asked.language)))

    def _counted(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            yield line
            self._step()

    def _step(self, by: int = 1) -> None:
        self._done += by
        self._progress(min(self._done, self._all), self._all)


def _checkpoint(reader: Reader, size: int | None) -> StoredCheckpoint:
    """The checkpoint that a pack is under: the last of so many entries at most."""
    try:
        found = reader.published_or_latest() if size is None else reader.checkpoint_upto(size)
    except LookupError:
        found = None
    if found is None or found.size == 0:
        raise ConfigurationError("nothing had been recorded then")
    return reader.stamped(found if size is None else reader.cosigned(found))


def _entries(reader: Reader, size: int) -> Iterator[tuple[int, bytes]]:
    for entry in reader.scan(upto=size):
        yield entry.position - 1, entry.leaf


def _visible(ledger: Ledger, part: Part) -> Iterator[tuple[int, bytes]]:
    """The entries that the controller of a part may read."""
    controller = str(part.controller)
    reader = Reader(OneController(ledger.pool, ledger.database, controller, part.covered))
    after = 0
    while rows := reader.visible(controller, after=after, limit=BATCH):
        yield from ((row.position - 1, row.leaf) for row in rows)
        after = rows[-1].position


def about(manifest: Manifest) -> str:
    """The scope of a pack, as it is recorded and told."""
    last = manifest.until - timedelta(microseconds=1)
    days = f"{civil_date(manifest.begin)} to {civil_date(last)}"
    names = [part.controller for part in manifest.parts if part.controller is not None]
    who = f"controller {', '.join(names)}" if names else "the whole ledger"
    covered = ", ".join(str(part.covered) for part in manifest.parts)
    return f"{who}, {days}, in the first {covered} entries"


def how_to_verify(language: str, checkpoint: Checkpoint, parts: Sequence[Part]) -> str:
    """The text of VERIFY.txt."""
    key = (
        {
            "nl": " --key SLEUTEL",
            "en": " --key KEY",
        }[language]
        if any(part.controller for part in parts)
        else ""
    )
    return TO_VERIFY[language].format(
        origin=checkpoint.origin, size=checkpoint.size, root=checkpoint.root.hex(), key=key
    )


TO_VERIFY = {
    "nl": """\
HOE U DIT PAKKET CONTROLEERT

Het pakket rust op de eerste {size} vastleggingen van {origin}, met wortel
{root}.

Met het programma, zonder netwerk en zonder vertrouwen in wie het gaf:

    pip install verantwoord-verify[timestamps]
    verantwoord-verify PAKKET.zip --vkey log.vkey --policy policy --tsa tsa.pem{key}

Neem log.vkey, policy en de certificaten uit een bron die u vertrouwt, niet uit dit
pakket: wie een pakket kan vervalsen, kan ook de map trust/ vullen. Bewaarde
ontvangstbewijzen en controlepunten geeft u met --kept; zij tonen dat er niets is
herschreven. Het antwoord zegt hoe ver het pakket houdt, op wiens woord, en wat het
niet laat zien.

Met de hand:

1. manifest.json noemt elk bestand met zijn SHA-256 (sha256sum).
2. manifest.note is een ondertekende notitie (C2SP signed-note): soort, naam van het
   logboek, aantal vastleggingen, en de SHA-256 van manifest.json in base64.
3. checkpoint is een C2SP tlog-checkpoint. Elke regel van events.jsonl heeft een
   vastlegging en de hashes (RFC 6962) die naar de wortel ervan leiden.
4. De map log, als die er is, is een logboek volgens C2SP tlog-tiles; export.jsonl
   bewijst dat van een klant geen vastlegging ontbreekt.
""",
    "en": """\
HOW TO CHECK THIS PACK

The pack rests on the first {size} entries of {origin}, with root
{root}.

With the program, without a network and without trusting who gave it:

    pip install verantwoord-verify[timestamps]
    verantwoord-verify PACK.zip --vkey log.vkey --policy policy --tsa tsa.pem{key}

Take log.vkey, policy and the certificates from a source that you trust, not from this
pack: whoever can forge a pack can fill its folder trust/ as well. Give receipts and
checkpoints that you kept with --kept; they show that nothing was written anew. The
answer says how far the pack stands up, on whose word, and what it does not show.

By hand:

1. manifest.json names every file with its SHA-256 (sha256sum).
2. manifest.note is a signed note (C2SP signed-note): kind, name of the log, number of
   entries, and the SHA-256 of manifest.json in base64.
3. checkpoint is a C2SP tlog-checkpoint. Each line of events.jsonl has an entry and the
   hashes (RFC 6962) that lead to its root.
4. The folder log, where there is one, is a log after C2SP tlog-tiles; export.jsonl
   proves that no entry of a controller lacks.
""",
}
