"""The log as files: the same tree, whole at every size, verified by the offline verifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import VerificationFailed
from ledger.export import export_log
from ledger.report import Pins
from ledger.verify import verify
from tests.ledgers import TestLedger


def export(made: TestLedger, directory: Path) -> int:
    return export_log(made.ledger.reader, made.ledger.identity.vkey, directory)


@pytest.mark.parametrize("size", [12, 255, 256, 257, 512, 600])
def test_an_export_of_any_size_verifies(ledger: TestLedger, tmp_path: Path, size: int) -> None:
    """Around full tiles, with the pinned key and the administrator's."""
    ledger.fill(size - ledger.ledger.reader.size())
    assert export(ledger, tmp_path) == size
    identity = ledger.ledger.identity
    report = verify(
        lambda path: (tmp_path / path).read_bytes(),
        Pins(identity.vkey, identity.administrator_key),
    )
    assert (report.size, report.origin) == (size, identity.origin)


def test_an_export_can_be_brought_up_to_date(ledger: TestLedger, tmp_path: Path) -> None:
    """Exporting again adds what is new; the checkpoint before stays a prefix."""
    ledger.fill(100)
    export(ledger, tmp_path)
    kept = (tmp_path / "checkpoint").read_text()
    ledger.fill(300, start=200)
    size = export(ledger, tmp_path)
    report = verify(lambda path: (tmp_path / path).read_bytes(), Pins(kept=[kept]))
    assert report.size == size


def test_a_changed_file_is_found(ledger: TestLedger, tmp_path: Path) -> None:
    """One byte of one entry."""
    ledger.fill(30)
    export(ledger, tmp_path)
    (bundle,) = (tmp_path / "tile/entries").rglob("000.p/*")
    content = bytearray(bundle.read_bytes())
    content[1000] ^= 1
    bundle.write_bytes(bytes(content))
    with pytest.raises(VerificationFailed):
        verify(lambda path: (tmp_path / path).read_bytes())
