"""Evidence packs: made of the scenario, checked offline, and forged in every way we know of.

The forger edits, leaves out, adds, swaps and replays; without the key of the log nothing of it
passes. With that key, who forges is the operator: then what is left out or made up shows when the
pack is derived again from its entries.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger import archive, completeness, keys, note, pack, pack_check, statement
from ledger.archive import open_archive
from ledger.controller_key import ControllerKey
from ledger.errors import ConfigurationError, Incomplete, VerificationFailed
from ledger.note import Signer
from ledger.opening import Ledger
from ledger.pack_check import PackReport
from ledger.report import Pins
from ledger.statement import Kind, Statement
from projections.exports import derived
from projections.exports.pack import Scope, write
from projections.folds import FOLDS
from projections.frameworks.evidence import Period
from projections.frameworks.framework import shipped
from tests.test_cli import answer, run
from tests.test_isolation import allowed, feed, scenario

__all__ = ["scenario"]

YEAR = Period(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))

Files = dict[str, bytes]


def made(ledger: Ledger, *controllers: str, **more: Any) -> bytes:
    """A pack about the whole, or some controllers."""
    scope = Scope(
        controllers or None,
        tuple(shipped().values()),
        more.pop("language", "en"),
        lambda now: YEAR,
        **more,
    )
    out = io.BytesIO()
    write(ledger, scope, {"policy": b"log x\nquorum none\n"}, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def whole(scenario: Ledger) -> bytes:
    """A pack about the whole ledger."""
    return made(scenario)


@pytest.fixture(scope="module")
def of_two(scenario: Ledger) -> bytes:
    """A pack about two controllers."""
    return made(scenario, "C2", "C1", language="nl")


def unpacked(raw: bytes) -> Files:
    """The files of a pack."""
    with zipfile.ZipFile(io.BytesIO(raw)) as zip_:
        return {name: zip_.read(name) for name in zip_.namelist()}


def packed(files: Mapping[str, bytes]) -> bytes:
    """A pack of some files."""
    out = io.BytesIO()
    with archive.Writer(out) as writer:
        for name, content in files.items():
            writer.add(name, content)
    return out.getvalue()


def checked(
    raw: bytes, tmp_path: Path, pins: Pins | None = None, own: Any = None, **more: Any
) -> PackReport:
    """What checking a pack shows."""
    file = tmp_path / "pack.zip"
    file.write_bytes(raw)
    with open_archive(file) as opened:
        pins_of = own or (lambda controller: completeness.Pins())
        return pack_check.check(opened, pins or Pins(), pins_of, **more)


def fails(raw: bytes, tmp_path: Path, match: str | None = None, **more: Any) -> VerificationFailed:
    """The failure of a pack that must fail."""
    with pytest.raises(VerificationFailed, match=match) as caught:
        checked(raw, tmp_path, **more)
    return caught.value


def signed_again(ledger: Ledger, files: Files, **changes: Any) -> bytes:
    """The pack that the operator makes of some files: listed and signed as they are now."""
    manifest = pack.parse(files[pack.MANIFEST])
    about = {each.filed.name: each.about for each in manifest.files}
    rest = {n: c for n, c in files.items() if n not in (pack.MANIFEST, pack.SIGNED)}
    out = io.BytesIO()
    with archive.Writer(out) as writer:
        filed = [writer.add(name, content) for name, content in rest.items()]
        listed = [pack.Described(each, about.get(each.name, "")) for each in filed]
        raw = pack.format(replace(manifest, files=listed, **changes))
        writer.add(pack.MANIFEST, raw)
        writer.add(pack.SIGNED, ledger.state(Kind.PACK, manifest.size, raw).encode())
    return out.getvalue()


# What is in a pack.


def test_a_pack_about_the_whole_is_complete_and_follows_from_its_entries(
    scenario: Ledger, whole: bytes, tmp_path: Path
) -> None:
    """Every register, finding, clock and control: made again from the entries, byte for byte."""
    report = checked(whole, tmp_path, derive=derived.derive)
    assert report.manifest.size == scenario.reader.size()
    assert report.whole is not None
    (said,) = report.derived
    follows = int(said.split()[0])
    outside = {"log", "trust"}
    rest = [n for n in unpacked(whole) if not outside & {*n.split("/")}]
    # checkpoint, VERIFY.txt, manifest.json, manifest.note and events.jsonl are checked otherwise.
    assert follows == len(rest) - 5
    assert not any("follow from its entries" in s for s in report.does_not_show)


def test_a_pack_about_controllers_is_complete_for_each(
    of_two: bytes, whole: bytes, tmp_path: Path
) -> None:
    """All their entries, and what concerns everybody; nothing of another controller."""
    report = checked(of_two, tmp_path)
    assert [each.found.head.controller for each in report.complete] == ["C2", "C1"]
    files = unpacked(of_two)
    indexes = {id_: index for index, id_ in events_in(unpacked(whole)["ledger/events.jsonl"])}
    for number, (controller, part) in enumerate(
        zip(("C2", "C1"), report.manifest.parts, strict=True), start=1
    ):
        there = events_in(files[f"controllers/{number}-{controller}/events.jsonl"])
        of_feed = {event["id"] for event in feed()}
        assert {id_ for _, id_ in there} & of_feed == {
            id_ for id_ in allowed()[controller] if indexes[id_] < part.covered
        }
        for name, content in files.items():
            if name.startswith(f"controllers/{number}-") and name.endswith((".json", ".csv")):
                others = set(re.findall(r"\bC[1-6]\b", content.decode())) - {controller}
                assert not others, name


@pytest.mark.parametrize("controllers", [(), ("C1",)])
def test_the_same_scope_is_the_same_bytes(scenario: Ledger, controllers: tuple[str, ...]) -> None:
    """At the same size of the log, whatever the stored rows have followed since."""
    first = made(scenario, *controllers, size=180)
    assert made(scenario, *controllers, size=180) == first
    assert made(scenario, *controllers, size=181) != first
    with scenario.pool.connection() as conn:
        conn.execute("UPDATE followed SET folds = 0")
    try:
        assert made(scenario, *controllers, size=180) == first
    finally:
        with scenario.pool.connection() as conn:
            conn.execute("UPDATE followed SET folds = %s", (FOLDS,))


@pytest.mark.parametrize("size", [3, 60, 140])
def test_at_any_size_it_follows_from_its_entries(
    scenario: Ledger, size: int, tmp_path: Path
) -> None:
    """Also where cases have not settled."""
    report = checked(made(scenario, size=size), tmp_path, derive=derived.derive)
    assert report.manifest.size <= size
    assert "byte for byte" in report.derived[0]


def test_the_index_names_every_file_and_stands_by_itself(whole: bytes) -> None:
    """For people: links to each file, no script, nothing from elsewhere."""
    files = unpacked(whole)
    page = files["index.html"].decode()
    made_last = ("index.html", "index.pdf", "VERIFY.txt", pack.MANIFEST, pack.SIGNED)
    for name in files:
        if "/log/" not in name and name not in made_last:
            assert f'href="{name}"' in page, name
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert files["index.pdf"].startswith(b"%PDF")


def test_a_pack_of_nothing_is_refused(scenario: Ledger) -> None:
    """An unknown controller, none, too many."""
    with pytest.raises(ConfigurationError, match="C99"):
        made(scenario, "C99")
    with pytest.raises(ConfigurationError, match="1 to 40"):
        made(scenario, *(f"C{n}" for n in range(1, 42)))


def test_what_is_pinned_must_be_what_signed(
    scenario: Ledger, of_two: bytes, tmp_path: Path
) -> None:
    """The key of the log, and that of a controller."""
    key = scenario.log_keys().vkey
    report = checked(of_two, tmp_path, Pins(vkey=key))
    assert not any("found beside" in s for s in report.does_not_show)
    other = Signer(scenario.identity.origin, keys.make_key("k").private_key).verifier.vkey
    fails(of_two, tmp_path, pins=Pins(vkey=other))
    own = ControllerKey(scenario.identity.origin, "C1", bytes(32))

    def pins_of(controller: str) -> completeness.Pins:
        return completeness.Pins(key=own if controller == "C1" else None)

    fails(of_two, tmp_path, "another key of C1", own=pins_of)


# Forgers without the key of the log.


def every_file(raw: bytes) -> Iterator[str]:
    """The names of a pack, of those of registers and evidence one each."""
    seen = set()
    for name in unpacked(raw):
        kind = (name.count("/"), name.rpartition(".")[2])
        if kind not in seen:
            seen.add(kind)
            yield name


def edited(files: Files, name: str) -> Files:
    """One byte of one file is another."""
    content = bytearray(files[name])
    content[len(content) // 2] ^= 1
    return {**files, name: bytes(content)}


def left_out(files: Files, name: str) -> Files:
    """A file is not there."""
    return {n: c for n, c in files.items() if n != name}


def emptied(files: Files, name: str) -> Files:
    """A file is empty."""
    return {**files, name: b""}


@pytest.mark.parametrize("forge", [edited, left_out, emptied])
@pytest.mark.parametrize("which", ["whole", "of_two"])
def test_no_file_can_be_touched(
    forge: Callable[[Files, str], Files],
    which: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """Each kind of file of a pack."""
    raw = request.getfixturevalue(which)
    files = unpacked(raw)
    names = [*every_file(raw)]
    assert len(names) > 8
    for name in names:
        fails(packed(forge(files, name)), tmp_path)


def test_no_file_can_be_added_or_swapped(whole: bytes, tmp_path: Path) -> None:
    """Neither one more, nor two for each other."""
    files = unpacked(whole)
    fails(packed({**files, "more.txt": b"x"}), tmp_path, "not in its list")
    one, other = "ledger/findings.json", "ledger/clocks.json"
    fails(packed({**files, one: files[other], other: files[one]}), tmp_path)


def test_a_list_of_another_pack_does_not_pass(
    scenario: Ledger, whole: bytes, of_two: bytes, tmp_path: Path
) -> None:
    """Its list with its signature, its signature alone, or its checkpoint."""
    files, other = unpacked(whole), unpacked(made(scenario, size=180))
    for names in ((pack.MANIFEST, pack.SIGNED), (pack.SIGNED,), ("checkpoint",)):
        fails(packed({**files, **{name: other[name] for name in names}}), tmp_path)
    fails(packed({**files, pack.SIGNED: unpacked(of_two)[pack.SIGNED]}), tmp_path)


def test_somebody_elses_key_signs_no_pack(scenario: Ledger, whole: bytes, tmp_path: Path) -> None:
    """A forger's key of the same name; and the log's checkpoint in the place of its statement."""
    files = unpacked(whole)
    forger = Signer(scenario.identity.origin, keys.make_key("k").private_key)
    about = Statement.of(
        Kind.PACK, scenario.identity.origin, scenario.reader.size(), files[pack.MANIFEST]
    )
    signed = note.sign(statement.format(about), forger).encode()
    fails(packed({**files, pack.SIGNED: signed}), tmp_path)
    fails(packed({**files, pack.SIGNED: files["checkpoint"]}), tmp_path)


# The operator, who has the key of the log.


def test_a_register_that_does_not_follow_is_found(
    scenario: Ledger, whole: bytes, tmp_path: Path
) -> None:
    """Any register, finding, evidence or line of the index that was made up or left out."""
    files = unpacked(whole)
    for name, old, new in (
        ("ledger/registers/breaches.csv", b"B-1", b"B-9"),
        ("ledger/findings.json", b'"severity": "major"', b'"severity": "minor"'),
        ("ledger/evidence/iso27001.json", b'"population": 1', b'"population": 2'),
        ("index.html", b"</h1>", b"!</h1>"),
    ):
        assert old in files[name], name
        forged = signed_again(scenario, {**files, name: files[name].replace(old, new, 1)})
        checked(forged, tmp_path)  # without deriving, that is the log's word
        fails(forged, tmp_path, "not what follows", derive=derived.derive)


def test_a_finding_that_is_left_out_everywhere_is_found(
    scenario: Ledger, whole: bytes, tmp_path: Path
) -> None:
    """As an operator would who wants to look better."""
    files = unpacked(whole)
    found = json.loads(files["ledger/findings.json"])
    found["findings"].pop()
    forged = signed_again(scenario, {**files, "ledger/findings.json": json.dumps(found).encode()})
    fails(forged, tmp_path, "findings.json", derive=derived.derive)


@pytest.mark.parametrize("which", ["whole", "of_two"])
def test_an_event_cannot_be_left_out(
    scenario: Ledger, which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Not out of the events, not out of the export, and no event twice or in another order."""
    files = unpacked(request.getfixturevalue(which))
    events = next(name for name in files if name.endswith("/events.jsonl"))
    lines = files[events].splitlines(keepends=True)
    exported = _numbered(files, events) if which == "of_two" else range(len(lines))
    at = next(n for n, line in enumerate(lines) if n > 5 and json.loads(line)["index"] in exported)
    for forged in (
        [*lines[:at], *lines[at + 1 :]],
        [*lines[:at], lines[at], *lines[at:]],
        [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]],
        lines[:-1] if which == "whole" else [],
        [*lines[:at], lines[at].replace(b'\\"', b"\\'", 1), *lines[at + 1 :]],
    ):
        fails(signed_again(scenario, {**files, events: b"".join(forged)}), tmp_path)
    if which == "of_two":
        name = events.replace("events", "export")
        export = files[name].splitlines(keepends=True)
        for forged in (export[:-1], [*export[:5], *export[6:]]):
            raw = signed_again(scenario, {**files, name: b"".join(forged)})
            assert isinstance(fails(raw, tmp_path), Incomplete)


def test_a_part_cannot_say_that_it_covers_more(
    scenario: Ledger, of_two: bytes, whole: bytes, tmp_path: Path
) -> None:
    """Nor be about another controller, nor under another checkpoint."""
    files = unpacked(of_two)
    first, second = pack.parse(files[pack.MANIFEST]).parts
    more = replace(first, covered=first.covered + 1)
    fails(signed_again(scenario, files, parts=[more, second]), tmp_path, "rests on")
    renamed = replace(first, controller="C3")
    fails(signed_again(scenario, files, parts=[renamed, second]), tmp_path, "another controller")
    (part,) = pack.parse(unpacked(whole)[pack.MANIFEST]).parts
    less = replace(part, covered=part.covered - 1)
    fails(signed_again(scenario, unpacked(whole), parts=[less]), tmp_path)


def test_a_log_within_a_pack_is_checked_as_any_log(
    scenario: Ledger, whole: bytes, tmp_path: Path
) -> None:
    """An entry that was changed in it, under a list that was signed again."""
    files = unpacked(whole)
    name = next(n for n in files if "/log/tile/entries/" in n)
    forged = {**files, name: files[name].replace(b"urn:nld", b"urn:nlx", 1)}
    assert fails(signed_again(scenario, forged), tmp_path).check == 3


def test_another_version_says_that_it_did_not_derive(
    scenario: Ledger, whole: bytes, tmp_path: Path
) -> None:
    """A pack is kept longer than a program; what cannot be made again is said."""
    files = unpacked(whole)
    here = pack.parse(files[pack.MANIFEST]).made_with
    for changes, said in (
        ({"folds": "0"}, "another version of the program"),
        ({"xlsxwriter": "0.1"}, "spreadsheets or PDFs were made with another version"),
    ):
        forged = signed_again(scenario, files, made_with={**here, **changes})
        report = checked(forged, tmp_path, derive=derived.derive)
        assert said in report.derived[-1]


# The command line.


@pytest.mark.long
def test_it_is_made_and_verified_on_the_command_line(tmp_path: Path) -> None:
    """In a few words and for machines; a pack of nothing is refused, and no file is left."""
    data = tmp_path / "data"
    run("demo", "--no-serve", "--data", data)
    file = tmp_path / "c1.zip"
    asked = ("pack", file, "--controller", "C1", "--framework", "gdpr", "--data", data)
    told = run(*asked, "--from", "2025-01-01", "--until", "2025-06-30").stdout
    assert "controller C1, 2025-01-01 to 2025-06-30" in told
    assert file.stat().st_mode & 0o777 == 0o600
    found = answer("verify", file, "--vkey", data / "log.vkey")
    assert found["pack"]["complete"][0]["controller"] == "C1"
    said = run("verify", file).stdout
    assert "evidence pack" in said
    assert "the log's word, signed with its key" in said
    again = answer(*asked, "--from", "2025-01-01", "--until", "2025-06-30")
    assert again["manifest_sha256"] in told
    whole = tmp_path / "whole.zip"
    run("pack", whole, "--data", data)
    assert "byte for byte" in run("verify", whole).stdout
    raw = bytearray(whole.read_bytes())
    raw[len(raw) // 2] ^= 1
    whole.write_bytes(bytes(raw))
    assert answer("verify", whole, status=1)["verdict"] == "failed"
    nothing = tmp_path / "nothing.zip"
    for wrong, message in (
        (("--controller", "C99"), "C99"),
        (("--framework", "none"), "there is no framework none"),
        (("--from", "2025-02-30"), "from is a date"),
        (("--from", "2025-03-01", "--until", "2025-02-01"), "until is after from"),
    ):
        assert message in run("pack", nothing, *wrong, "--data", data, status=2).stderr
        assert not [*tmp_path.glob("nothing*")]


def events_in(lines: bytes) -> list[tuple[int, str]]:
    """Index and id of each event."""
    found = [json.loads(line) for line in lines.splitlines()]
    return [(each["index"], json.loads(each["entry"]["payload"])["id"]) for each in found]


def _numbered(files: Files, events: str) -> set[int]:
    lines = files[events.replace("events", "export")].splitlines()[2:]
    return {json.loads(line)["index"] for line in lines}
