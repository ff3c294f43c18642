"""How many bytes an event takes on disk, and which indexes nobody used.

    python -m benchmarks.sizes [--events 10000] [--data DIR] [--json FILE]

By table: rows, and the bytes of its heap, of what is stored out of line, and of each index, divided
by the entries of the log. An index that no statement of the server's life has used is marked: on a
ledger that was only filled that says little, on one that served it says that the index may go.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import psycopg

from benchmarks.subject import asked
from projections.follow import catch_up

TABLES = """
    SELECT c.relname, pg_relation_size(c.oid), pg_table_size(c.oid) - pg_relation_size(c.oid)
    FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
    AND pg_relation_size(c.oid) > 0 ORDER BY pg_total_relation_size(c.oid) DESC
"""
INDEXES = """
    SELECT indexrelname, pg_relation_size(indexrelid), idx_scan FROM pg_stat_user_indexes
    WHERE schemaname = current_schema() AND relname = %s ORDER BY indexrelname
"""


@dataclass(frozen=True, slots=True)
class Index:
    """Bytes of an index for each entry of the log, and how often it was used."""

    name: str
    bytes_per_entry: float
    used: int


@dataclass(frozen=True, slots=True)
class Table:
    """Bytes for each entry of the log: of the rows, and of what is stored out of line."""

    name: str
    heap_per_entry: float
    beside_per_entry: float
    indexes: list[Index]

    @property
    def bytes_per_entry(self) -> float:
        """All of it together."""
        indexes = sum(index.bytes_per_entry for index in self.indexes)
        return self.heap_per_entry + self.beside_per_entry + indexes


def main(arguments: list[str] | None = None) -> None:
    """Look, print, and write JSON where asked."""
    subject = asked("sizes", arguments)
    with subject.opened() as ledger, ledger.database.connect_as_owner() as conn:
        size = ledger.reader.size()
        catch_up(ledger.pool)
        tables = measure(conn, size)
    total = sum(table.bytes_per_entry for table in tables)
    print(f"{size} entries, {total:,.0f} bytes on disk for each")
    print(f"{'table':<20}{'rows':>9}{'beside':>9}  indexes")
    for table in tables:
        indexes = ", ".join(
            f"{i.name} {i.bytes_per_entry:,.0f}{'' if i.used else ' (unused)'}"
            for i in table.indexes
        )
        heap, beside = table.heap_per_entry, table.beside_per_entry
        print(f"{table.name:<20}{heap:>9,.0f}{beside:>9,.0f}  {indexes}")
    subject.write({"entries": size, "tables": [asdict(table) for table in tables]})


def measure(conn: psycopg.Connection, size: int) -> list[Table]:
    """Every table that holds something, the largest first."""
    return [
        Table(name, heap / size, beside / size, _indexes(conn, name, size))
        for name, heap, beside in conn.execute(TABLES).fetchall()
    ]


def _indexes(conn: psycopg.Connection, table: str, size: int) -> list[Index]:
    found = conn.execute(INDEXES, (table,)).fetchall()
    return [Index(name, bytes_ / size, used) for name, bytes_, used in found]


if __name__ == "__main__":
    main()
