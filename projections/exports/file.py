"""A document as a file: a spreadsheet, a PDF, or one that proves itself.
`tests/test_documents_api.py`.
"""

from __future__ import annotations

from ledger.database import Connections
from ledger.opening import Ledger
from projections.exports.document import Document
from projections.exports.paper import to_pdf
from projections.exports.report import to_report
from projections.exports.spreadsheet import to_xlsx


def make(format: str, document: Document, ledger: Ledger, seen: Connections) -> bytes:
    """The bytes of a file. Raises TooLong, and for a report what `Ledger.state` raises."""
    if format == "report":
        return to_report(document, ledger, seen)
    return to_xlsx(document) if format == "xlsx" else to_pdf(document)
