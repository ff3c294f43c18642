"""Reports that prove themselves: PDFs that are taken apart, set again, and forged.

The forger draws over pages, edits what is attached, and puts pages and attachments of different
reports together. With the key of the log, who forges is the operator: what a report then says is
the log's word, but its pages and attachments still say the same.
"""

from __future__ import annotations

import io
import json
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import keys, paper_check
from ledger.errors import ReportMalformed, VerificationFailed
from ledger.note import Signer
from ledger.opening import Ledger
from ledger.paper_check import ATTACHED, EVENTS, REPORT, SIGNED, PaperReport
from ledger.report import Pins
from ledger.roles import Role
from ledger.statement import Kind
from projections.exports import document, report
from projections.exports.paper import TooLong
from projections.exports.report import as_json, check_report, of_json, to_report
from projections.question import ask
from projections.registers import REGISTERS
from projections.withheld import one_controller
from tests.test_api import problem
from tests.test_cli import PROGRAM, answer, run
from tests.test_dossiers_api import as_
from tests.test_isolation import CONTROLLERS, scenario, url

__all__ = ["as_", "scenario", "url"]


def made(ledger: Ledger, name: str, language: str = "en", controller: str | None = None) -> bytes:
    """The report of a register."""
    seen = ledger.pool if controller is None else one_controller(ledger, controller)
    found = ask(seen, REGISTERS[name], controller=controller)
    said = document.of_register(found, language, ledger.identity.origin, controller)
    return to_report(said, ledger, seen)


@pytest.fixture(scope="module")
def breaches(scenario: Ledger) -> bytes:
    """The report of the breach register."""
    return made(scenario, "breaches")


@pytest.fixture(scope="module")
def transfers(scenario: Ledger) -> bytes:
    """Another report of the same ledger."""
    return made(scenario, "transfers")


def checked(raw: bytes, tmp_path: Path, pins: Pins | None = None) -> PaperReport:
    """What checking a report shows."""
    file = tmp_path / "report.pdf"
    file.write_bytes(raw)
    return check_report(file, pins or Pins())


def fails(raw: bytes, tmp_path: Path, match: str | None = None, **more: Any) -> None:
    """A report that must fail."""
    with pytest.raises(VerificationFailed, match=match):
        checked(raw, tmp_path, **more)


def changed(raw: bytes, change: Callable[[pikepdf.Pdf], None]) -> bytes:
    """A report after somebody worked on it."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(raw)) as pdf:
        change(pdf)
        pdf.save(out)
    return out.getvalue()


def attached(raw: bytes) -> dict[str, bytes]:
    """What is attached to a report."""
    with pikepdf.open(io.BytesIO(raw)) as pdf:
        return {name: pdf.attachments[name].get_file().read_bytes() for name in pdf.attachments}


def with_file(raw: bytes, name: str, content: bytes) -> bytes:
    """The report with another content of an attached file."""

    def change(pdf: pikepdf.Pdf) -> None:
        pdf.attachments[name].get_file().obj.write(content)

    return changed(raw, change)


@pytest.mark.parametrize("name", [*REGISTERS])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_register_proves_itself(
    scenario: Ledger, name: str, language: str, tmp_path: Path
) -> None:
    """All its events attached and in the log; its pages set again, byte for byte."""
    raw = made(scenario, name, language)
    found = checked(raw, tmp_path, Pins(vkey=scenario.log_keys().vkey))
    assert found.same
    assert found.attached == len(found.said.rests_on)
    assert made(scenario, name, language) == raw
    with pikepdf.open(io.BytesIO(raw)) as pdf:
        assert {*pdf.attachments} == {*ATTACHED}
        about = str(pdf.open_metadata())
        assert "<pdfaid:part>3</pdfaid:part>" in about
        assert "<pdfuaid:part>1</pdfuaid:part>" in about
        related = {str(each["/AFRelationship"]) for each in pdf.Root.AF}
        assert related == {"/Source", "/Supplement"}


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_controllers_report_has_events_that_it_may_read(
    scenario: Ledger, controller: str, tmp_path: Path
) -> None:
    """Others that a row rests on are named by their number alone, and it says so."""
    seen = one_controller(scenario, controller)
    for name in ("breaches", "subprocessors", "processing"):
        raw = made(scenario, name, "nl", controller)
        found = checked(raw, tmp_path)
        readable = set()
        for line in attached(raw)[EVENTS].splitlines():
            readable.add(json.loads(line)["index"])
        with seen.connection() as conn:
            rows = conn.execute("SELECT position - 1 FROM entries").fetchall()
        assert readable == {index for (index,) in rows} & {*found.said.rests_on}
        hidden = len(found.said.rests_on) - found.attached
        assert any("are not attached" in s for s in found.does_not_show) == bool(hidden)


# Forgers without the key of the log.


def draw_over(pdf: pikepdf.Pdf) -> None:
    """A white box, and a word over it."""
    page = pdf.pages[0]
    page.contents_add(b"q 1 1 1 rg 50 600 400 100 re f Q", prepend=False)


def drop_page(pdf: pikepdf.Pdf) -> None:
    """A page less."""
    del pdf.pages[-1]


def rename(pdf: pikepdf.Pdf) -> None:
    """Another title."""
    pdf.docinfo["/Title"] = "Another"


def annotate(pdf: pikepdf.Pdf) -> None:
    """A note that covers something."""
    note = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Square, Rect=[0, 0, 300, 300], C=[1, 1, 1]
    )
    pdf.pages[0].Annots = pikepdf.Array([pdf.make_indirect(note)])


@pytest.mark.parametrize("change", [draw_over, drop_page, rename, annotate])
def test_pages_cannot_be_touched(
    breaches: bytes, change: Callable[[pikepdf.Pdf], None], tmp_path: Path
) -> None:
    """Not drawn over, taken out, renamed or annotated, with the attachments as they were."""
    raw = changed(breaches, change)
    if change is not rename:
        assert attached(raw) == attached(breaches)
    fails(raw, tmp_path, "pages are not those")


def test_bytes_behind_the_end_are_found(breaches: bytes, tmp_path: Path) -> None:
    """Where an incremental update would show other pages."""
    fails(breaches + b"\n% more\n", tmp_path)


@pytest.mark.parametrize("name", ATTACHED)
def test_no_attachment_can_be_touched(breaches: bytes, name: str, tmp_path: Path) -> None:
    """Edited, emptied, cut, or gone."""
    content = attached(breaches)[name]
    middle = len(content) // 2
    for other in (content[:middle] + b"~" + content[middle + 1 :], b"", content[:-20]):
        fails(with_file(breaches, name, other), tmp_path)

    def drop(pdf: pikepdf.Pdf) -> None:
        del pdf.attachments[name]

    fails(changed(breaches, drop), tmp_path, "is not attached")


def test_nothing_more_is_attached(breaches: bytes, tmp_path: Path) -> None:
    """A further file is not one of a report."""

    def add(pdf: pikepdf.Pdf) -> None:
        pdf.attachments["more.txt"] = b"more"

    fails(changed(breaches, add), tmp_path, "belongs to no report")


def test_two_reports_cannot_be_put_together(
    breaches: bytes, transfers: bytes, tmp_path: Path
) -> None:
    """Pages of one with the attachments of another, all of them or one."""
    other = attached(transfers)
    for names in ((REPORT, SIGNED), (REPORT,), (SIGNED,), (EVENTS,), ATTACHED):
        raw = breaches
        for name in names:
            raw = with_file(raw, name, other[name])
        if names == (EVENTS,) and {*other[EVENTS].splitlines()} <= {
            *attached(breaches)[EVENTS].splitlines()
        }:
            continue
        fails(raw, tmp_path)


def test_what_is_pinned_must_be_what_signed(
    scenario: Ledger, breaches: bytes, tmp_path: Path
) -> None:
    """Another key of the same name is not the log's; without a pin that is said."""
    other = Signer(scenario.identity.origin, keys.make_key("k").private_key).verifier.vkey
    fails(breaches, tmp_path, pins=Pins(vkey=other))
    found = checked(breaches, tmp_path)
    assert any("found in the report" in s for s in (*found.rests_on, *found.does_not_show))


def test_pages_of_another_version_are_not_called_the_same(
    scenario: Ledger, breaches: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were not compared, and the answer says so and does not fail."""
    monkeypatch.setattr(report, "version", lambda name: "99.0")
    found = checked(breaches, tmp_path)
    assert not found.same
    assert "were not compared" in paper_check.showed(found)[-1]
    assert any("read report.json" in s for s in found.does_not_show)


# The operator, who has the key of the log.


def test_pages_and_attachments_say_the_same_whoever_signed(
    scenario: Ledger, breaches: bytes, tmp_path: Path
) -> None:
    """A report signed again with another content shows other pages than these."""
    files = attached(breaches)
    value = json.loads(files[REPORT])
    value["tables"][0]["rows"][0][0] = "B-9"
    raw = json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
    size = scenario.reader.checkpoint_covering(value["size"]).size
    signed = scenario.state(Kind.REPORT, size, raw).encode()
    forged = with_file(with_file(breaches, REPORT, raw), SIGNED, signed)
    fails(forged, tmp_path, "pages are not those")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("root", "00" * 32),
        ("size", 10**6),
        ("size", "many"),
        ("rests_on", []),
        ("rests_on", ["x"]),
        ("tables", 5),
        ("vkey", "none"),
        ("language", "fr"),
        ("about", []),
        ("report", 2),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(
    scenario: Ledger, breaches: bytes, key: str, value: object, tmp_path: Path
) -> None:
    """Another tree, events that it does not rest on, or what is no document."""
    found = json.loads(attached(breaches)[REPORT])
    size = scenario.reader.checkpoint_covering(found["size"]).size
    found[key] = value
    raw = json.dumps(found, ensure_ascii=False, indent=1).encode() + b"\n"
    signed = scenario.state(Kind.REPORT, size, raw).encode()
    fails(with_file(with_file(breaches, REPORT, raw), SIGNED, signed), tmp_path)


# What is no report.


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.binary(max_size=60), at=st.floats(0, 1))
def test_damage_is_found_and_nothing_else_is_raised(
    breaches: bytes, noise: bytes, at: float, tmp_path: Path
) -> None:
    """Noise anywhere in the file."""
    place = int(at * len(breaches))
    raw = breaches[:place] + noise + breaches[place + len(noise) :]
    if raw != breaches:
        fails(raw, tmp_path)


def test_no_more_is_unpacked_than_a_report_has(
    breaches: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attachment that would unpack to gigabytes, or is packed in another way."""
    monkeypatch.setattr(report, "LARGEST", 1_000_000)

    def bomb(pdf: pikepdf.Pdf) -> None:
        packed = zlib.compress(bytes(5_000_000))
        pdf.attachments[EVENTS].get_file().obj.write(packed, filter=pikepdf.Name.FlateDecode)

    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(breaches)) as pdf:
        bomb(pdf)
        pdf.save(out, stream_decode_level=pikepdf.StreamDecodeLevel.none, compress_streams=False)
    fails(out.getvalue(), tmp_path, "larger than a report may have")
    fails(bytes(1_000_001), tmp_path, "at most")


def test_a_report_of_too_many_events_is_refused(
    scenario: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the way that is meant for it."""
    monkeypatch.setattr(report, "MOST_EVENTS", 3)
    with pytest.raises(TooLong, match="events are more than the 3"):
        made(scenario, "breaches")


def test_what_is_written_is_read_again(scenario: Ledger) -> None:
    """Every register, as a document."""
    for name, register in REGISTERS.items():
        found = ask(scenario.pool, register)
        said = document.of_register(found, "nl", "o", None)
        again, _ = of_json(as_json(said, "vkey"))
        assert as_json(again, "vkey") == as_json(said, "vkey"), name
    with pytest.raises(ReportMalformed):
        of_json(b"{}")


# As people have it.


def test_it_is_had_over_http(as_: Callable[..., httpx.Client], tmp_path: Path) -> None:
    """Registers, findings, clocks, evidence and dossiers; of a controller for that one."""

    with as_(Role.PRIVACY_OFFICER) as http:
        for address in (
            "/v1/registers/breaches",
            "/v1/findings",
            "/v1/clocks",
            "/v1/frameworks/gdpr",
            "/v1/dossiers/authority-register",
        ):
            sent = http.get(address, params={"format": "report", "lang": "nl"})
            assert sent.status_code == 200, sent.text
            assert sent.headers["content-type"] == "application/pdf"
            assert '.pdf"' in sent.headers["content-disposition"]
            assert checked(sent.content, tmp_path).same
        wrong = http.get("/v1/registers/breaches", params={"format": "reports"})
        problem(wrong, 422, "parameters-invalid")
    with as_(Role.CONTROLLER_READER, controllers=["C1"]) as http:
        sent = http.get("/v1/registers/breaches", params={"format": "report"})
        assert checked(sent.content, tmp_path).same


@pytest.mark.long
def test_it_is_made_and_verified_on_the_command_line(tmp_path: Path) -> None:
    """As a file; and what is no report is said to be none."""
    data = tmp_path / "data"
    run("demo", "--no-serve", "--data", data)
    for command in (
        ("register", "breaches"),
        ("findings",),
        ("clocks",),
        ("evidence", "gdpr"),
        ("dossier", "dpia", "--controller", "C2"),
    ):
        file = tmp_path / "made.pdf"
        done = subprocess.run(
            [PROGRAM, *command, "--format", "report", "--data", data],
            capture_output=True,
            check=True,
        )
        file.write_bytes(done.stdout)
        found = answer("verify", file, "--vkey", data / "log.vkey")
        assert found["report"]["pages_compared"] is True
    assert "set again, they are the same" in run("verify", file).stdout
    plain = tmp_path / "plain.pdf"
    done = subprocess.run(
        [PROGRAM, "register", "breaches", "--format", "pdf", "--data", data],
        capture_output=True,
        check=True,
    )
    plain.write_bytes(done.stdout)
    failed = run("verify", plain, status=1)
    assert "is not attached: this report proves nothing" in failed.stderr
