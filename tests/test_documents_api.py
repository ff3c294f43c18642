"""Spreadsheets and PDFs, over HTTP and on the command line: for whoever may see what is in them."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import openpyxl
import pytest

from api.documents import MEDIA_TYPES
from ledger.opening import Ledger
from projections.exports import paper
from projections.registers import REGISTERS
from tests.test_api import problem
from tests.test_cli import PROGRAM, run
from tests.test_isolation import client, scenario, url
from tests.test_paper import said

__all__ = ["scenario", "url"]

ADDRESSES = [
    *(f"/v1/registers/{name}" for name in REGISTERS),
    "/v1/findings",
    "/v1/clocks",
    "/v1/frameworks/gdpr",
]


@pytest.fixture
def http(scenario: Ledger, url: str) -> Iterator[httpx.Client]:
    """A controller of the scenario."""
    with client(scenario, url, "C1") as found:
        yield found


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_comes_as_a_file(http: httpx.Client, address: str) -> None:
    """To be saved under its name; of the kind that was asked for."""
    name = address.rpartition("/")[2].replace("gdpr", "evidence-gdpr")
    for format, media_type in MEDIA_TYPES.items():
        answer = http.get(address, params={"format": format, "lang": "nl"})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == media_type
        told = answer.headers["content-disposition"]
        assert told == f'attachment; filename="{name}.{format}"'
    assert answer.content.startswith(b"%PDF-1.7")


def test_a_controller_s_files_name_no_other(http: httpx.Client) -> None:
    """As its answers do not: in cells, and on pages."""
    for address in ADDRESSES:
        book = openpyxl.load_workbook(
            io.BytesIO(http.get(address, params={"format": "xlsx"}).content)
        )
        cells = [
            str(cell)
            for sheet in book.worksheets
            for row in sheet.iter_rows(values_only=True)
            for cell in row
            if cell is not None
        ]
        text = "\n".join(cells) + said(http.get(address, params={"format": "pdf"}).content)
        for other in ("Praktijk Van Dijk", "FysioCentrum Noord", "Oefentherapie Zuid"):
            assert other not in text, address


def test_what_is_too_long_for_paper_is_refused(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do instead."""
    monkeypatch.setattr(paper, "MOST_ROWS", 1)
    refused = http.get("/v1/registers/processing", params={"format": "pdf"})
    assert "ask about one controller" in problem(refused, 422, "parameters-invalid")["detail"]
    assert http.get("/v1/registers/processing", params={"format": "xlsx"}).status_code == 200


@pytest.mark.long
def test_files_are_written_on_the_command_line(tmp_path: Path) -> None:
    """To a file or a pipe; not to a terminal."""
    data = tmp_path / "data"
    run("demo", "--no-serve", "--data", data)
    for arguments in (
        ["register", "processing"],
        ["findings"],
        ["clocks"],
        ["evidence", "gdpr"],
    ):
        for format, begins in (("pdf", b"%PDF-1.7"), ("xlsx", b"PK")):
            done = subprocess.run(
                [PROGRAM, *arguments, "--format", format, "--data", data],
                capture_output=True,
                check=True,
            )
            assert done.stdout.startswith(begins)
