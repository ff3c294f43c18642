"""PDFs, looked into with another library: archival, readable aloud, and dated by the log."""

from __future__ import annotations

import io

import pikepdf
import pypdfium2
import pytest

from ledger.opening import Ledger
from projections.exports import paper
from projections.exports.document import Document, Heading, Table
from projections.exports.paper import GAPS, MOST_ROWS, SHOWN, TooLong, to_pdf
from tests.test_document import registers
from tests.test_isolation import scenario
from tests.test_spreadsheet import one

__all__ = ["scenario"]


def opened(content: bytes) -> pikepdf.Pdf:
    """A PDF, as pikepdf reads it."""
    return pikepdf.open(io.BytesIO(content))


def pages(content: bytes) -> list[str]:
    """The text of each page of a PDF, as PDFium reads it, with one blank between words."""
    with pypdfium2.PdfDocument(content) as pdf:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in pdf]


def said(content: bytes) -> str:
    """The text of a whole PDF."""
    return " ".join(pages(content))


def test_every_register_is_archival_and_accessible(scenario: Ledger) -> None:
    """PDF/A-2a and PDF/UA-1, tagged, with a language and a title; nothing in it runs."""
    for language in ("nl", "en"):
        for made in registers(scenario, language):
            pdf = opened(to_pdf(made))
            with pdf.open_metadata() as meta:
                assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "A")
                assert meta["pdfuaid:part"] == "1"
                assert meta["dc:title"] == made.title
            assert pdf.Root.MarkInfo.Marked
            assert str(pdf.Root.Lang)[:2] == language
            assert pdf.Root.ViewerPreferences.DisplayDocTitle
            for forbidden in ("/OpenAction", "/AA", "/AcroForm"):
                assert forbidden not in pdf.Root
            assert "/JavaScript" not in pdf.Root.get("/Names", {})


def test_tables_are_tagged_with_their_headings() -> None:
    """So that a screen reader says which column a cell is in."""
    pdf = opened(to_pdf(one([["a", "b"], ["c", "d"]], columns=2)))
    kinds: list[str] = []

    def walk(node: pikepdf.Object) -> None:
        if isinstance(node, pikepdf.Array):
            for each in node:  # type: ignore[attr-defined]
                walk(each)
        elif isinstance(node, pikepdf.Dictionary):
            if "/S" in node:
                kinds.append(str(node.S))
            if "/K" in node:
                walk(node.K)

    walk(pdf.Root.StructTreeRoot)
    assert kinds.count("/TH") >= 2
    assert kinds.count("/TD") >= 4
    assert "/H1" in kinds


def test_every_page_says_on_what_it_rests(scenario: Ledger) -> None:
    """Size and root; and the document what it is about."""
    made = next(registers(scenario))
    found = pages(to_pdf(made))
    assert len(found) > 1
    for page in found:
        assert made.root in page
        assert f"rests on entries: {made.size}" in page
    for _, value in made.about:
        assert value in " ".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "#panic()",
        '#read("/etc/passwd")',
        "$x$",
        "*bold* _it_ `raw` @ref <label>",
        "= heading",
        '"] #eval("1")',
        "\\u{41}",
        "//comment",
    ],
)
def test_no_text_is_read_as_markup(text: str) -> None:
    """It is shown as it is."""
    assert text in said(to_pdf(one([[text]])))


def test_what_no_font_shows_is_written_as_its_code_point() -> None:
    """Rather than making a document that archives refuse, or none."""
    shown = said(to_pdf(one([["漢 \U0001f600 \x00 \u202e é ő Ж Ω"]])))
    for said_of in ("[U+6F22]", "[U+1F600]", "[U+0000]", "[U+202E]", "é", "ő", "Ж", "Ω"):
        assert said_of in shown


def test_every_character_that_is_let_through_is_shown() -> None:
    """One document with all of them."""
    every = [
        chr(point) for first, last in SHOWN for point in range(first, last + 1) if point not in GAPS
    ]
    to_pdf(one([["".join(every)]]))


def test_long_and_empty_documents() -> None:
    """Rows go on over pages; a table without rows says so; too many rows are refused."""
    many = to_pdf(one([[str(n), "x" * 30] for n in range(1000)], columns=2))
    assert len(opened(many).pages) > 10
    assert "No rows." in said(to_pdf(one([])))
    wide = Table("", [Heading(f"H{n}", "") for n in range(20)], [["y" * 3000] * 20])
    made = Document("x", "T", "", "en", [("Ledger", "t")], "", [wide], 0, "", None)
    assert len(opened(to_pdf(made)).pages) > 2
    with pytest.raises(TooLong):
        to_pdf(one([["x"]] * (MOST_ROWS + 1)))


def test_the_same_document_is_the_same_bytes(scenario: Ledger) -> None:
    """Whenever it is made."""
    made = next(registers(scenario))
    assert to_pdf(made) == to_pdf(made)
    assert paper.PLAIN == ("a-2a", "ua-1")
