"""What registers are described as: the scenario's fit it, in JSON and in CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import httpx
import pytest
from jsonschema import Draft202012Validator

from ledger.opening import Ledger
from projections.registers import REGISTERS
from tests.test_api import problem
from tests.test_isolation import MOMENTS, client, scenario, url

__all__ = ["scenario", "url"]


@pytest.fixture
def http(scenario: Ledger, url: str) -> Iterator[httpx.Client]:
    """A controller of the scenario."""
    with client(scenario, url, "C1") as found:
        yield found


@pytest.mark.parametrize("name", REGISTERS)
@pytest.mark.parametrize("lang", ["nl", "en"])
def test_json_fits_its_schema(http: httpx.Client, name: str, lang: str) -> None:
    """At any moment; and what has a column more or less does not."""
    answer = http.get(f"/v1/registers/{name}/schema", params={"lang": lang})
    assert answer.headers["content-type"] == "application/schema+json"
    schema = Draft202012Validator(answer.json())
    for moment in MOMENTS:
        found = http.get(f"/v1/registers/{name}", params={**moment, "lang": lang}).json()
        schema.validate(found)
    for row in found["rows"][:1]:
        row["values"]["another"] = 1
        assert not schema.is_valid(found)
        del row["values"]["another"]
        del row["values"][found["columns"][0]["key"]]
        assert not schema.is_valid(found)


@pytest.mark.parametrize("name", REGISTERS)
def test_csv_has_the_columns_that_are_described(http: httpx.Client, name: str) -> None:
    """In both languages, at the address that the CSV itself names."""
    for lang in ("nl", "en"):
        table = http.get(f"/v1/registers/{name}", params={"format": "csv", "lang": lang})
        link = table.headers["link"]
        assert 'rel="describedby"' in link
        described = http.get(link[1 : link.index(">")])
        assert described.headers["content-type"] == "application/csvm+json"
        found = described.json()
        columns = found["tableSchema"]["columns"]
        header = next(csv.reader(io.StringIO(table.text)))
        assert [column["titles"][lang] for column in columns] == header
        assert len({column["name"] for column in columns}) == len(columns)
        assert http.get(found["url"]).content == table.content


def test_what_is_no_register_is_not_described(http: httpx.Client) -> None:
    """As it is not read."""
    for path in ("csvw", "schema"):
        problem(http.get(f"/v1/registers/nothing/{path}"), 404, "not-found")
