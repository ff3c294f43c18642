"""No statement of the program is one that a Citus cluster refuses (`ledger/citus.py`).

The text of every statement is read from the source: strings that begin with an SQL verb, joined as
they are written, and the files in `sql/`. It is no parser: what a statement is made of at run time
is not seen. Each pattern is shown to find what it is for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VERB = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|LOCK|LISTEN|COPY|SET)\b")

WITH_POLICIES = ("entries", "numbers", "register_rows")
"""Tables with row-level security."""

IMMUTABLE = {"least", "greatest"}

FORBIDDEN: dict[str, tuple[re.Pattern[str], str]] = {
    "set_config() does not reach the nodes": (
        re.compile(r"\bset_config\s*\("),
        "SELECT set_config('verantwoord.controller', 'C1', false)",
    ),
    "an advisory lock is of one node": (
        re.compile(r"\bpg_(try_)?advisory"),
        "SELECT pg_advisory_xact_lock(1)",
    ),
    "a policy has no sub-select": (
        re.compile(r"CREATE POLICY[^;]*\b(SELECT\s+(FROM|\w+\s+FROM)|EXISTS)\b"),
        "CREATE POLICY own ON entries USING (EXISTS (SELECT FROM numbers n))",
    ),
    "no INSERT, UPDATE or DELETE in a WITH": (
        re.compile(r"\bAS\s*\(\s*(INSERT|UPDATE|DELETE)\b"),
        "WITH written AS (INSERT INTO tags VALUES (1) RETURNING tag) SELECT 1",
    ),
    "RETURNING calls no function": (
        re.compile(r"\bRETURNING\b[^;)]*?\w+\s*\("),
        "UPDATE head SET size = 1 RETURNING pg_notify('head', '1')",
    ),
    "arrays into a table with policies are RETURNING": (
        re.compile(
            rf"^\s*INSERT INTO ({'|'.join(WITH_POLICIES)})\b(?!.*\b(RETURNING|ON CONFLICT)\b)"
            r".*\bSELECT\b",
            re.DOTALL,
        ),
        "INSERT INTO entries (position) SELECT * FROM unnest(%s)",
    ),
    "no COPY into a table": (re.compile(r"^\s*COPY\b.*\bFROM\b"), "COPY tags FROM STDIN"),
    "no slice of an array: the coordinator (13.2.2) crashes on one that it sends on": (
        re.compile(r"\w\[[^\]'\"]*[^:\]'\"]?:(?!:)[^\]'\"]*\]"),
        "UPDATE head SET frontier = frontier[1:1]",
    ),
    "no time of the node in what is written": (
        re.compile(r"\b(now|clock_timestamp|random|gen_random_uuid)\s*\(\)"),
        "UPDATE sessions SET ended_at = now()",
    ),
    "no table of another schema is named": (
        re.compile(r"\b(FROM|JOIN|INTO|UPDATE)\s+\"?[a-z_]+\"?\.\"?[a-z_]"),
        "SELECT * FROM west.entries",
    ),
}


def statements() -> Iterator[tuple[str, str]]:
    """Every statement, with the file that it is in."""
    for folder in ("ledger", "projections", "api"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "witness" in file.parts:
                continue  # its state is in SQLite
            for text in _texts(ast.parse(file.read_text(encoding="utf-8"))):
                if VERB.match(text):
                    yield str(file.relative_to(ROOT)), text
        for file in sorted((ROOT / folder).rglob("*.sql")):
            if file.name == "witness.sql":
                continue
            bare = re.sub(r"--[^\n]*", "", file.read_text(encoding="utf-8"))
            yield from ((str(file.relative_to(ROOT)), part) for part in bare.split(";"))


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_no_statement_is_one_that_a_cluster_refuses(rule: str) -> None:
    """And the pattern finds what it is for."""
    pattern, example = FORBIDDEN[rule]
    assert pattern.search(example)
    found = [
        f"{file}: {' '.join(text.split())}" for file, text in statements() if pattern.search(text)
    ]
    assert found == []


def test_the_statements_are_seen() -> None:
    """Those of an append, a question and a policy are among them."""
    texts = [text for _, text in statements()]
    assert len(texts) > 150
    for part in ("INSERT INTO entries", "FROM register_rows", "CREATE POLICY own_and_shared"):
        assert any(part in text for text in texts), part
