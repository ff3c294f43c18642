"""A document as a page that stands by itself: no script, no style or picture from elsewhere.

`links` are texts that lead somewhere: names of files beside the page. `tests/test_pack.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from projections.exports import document as documents
from projections.exports.document import Document


def to_html(document: Document, links: Collection[str] = ()) -> bytes:
    """The bytes of a page."""
    tables = [
        {
            "title": table.title,
            "picture": table.picture,
            "headings": [heading.label for heading in table.headings],
            "rows": [
                [
                    {
                        "text": documents.text(value, document.language),
                        "is_number": isinstance(value, int | float) and not isinstance(value, bool),
                    }
                    for value in row
                ]
                for row in table.rows
            ],
        }
        for table in document.tables
    ]
    template = _environment().get_template("document.html")
    return template.render(doc=document, tables=tables, links={*links}).encode()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("projections.exports"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
