"""What a log's schemas are, as sorted lines read from the catalogs of PostgreSQL.

Everything that a program or an attacker could tell apart: tables and their columns, defaults,
constraints, indexes, triggers, functions, policies, rights, roles, storage and comments. The order
of columns is left out, since statements name them; so is what a server makes by itself, and the
names of this log are those of the SQL files: two logs whose schemas are the same give the same
lines, on PostgreSQL 15 and on 18. `tests/test_upgrade.py`.
"""

from __future__ import annotations

import re

import psycopg

from ledger.database import Database

RIGHTS = """coalesce((SELECT string_agg(said, '; ' ORDER BY said) FROM (
    SELECT CASE grantee WHEN 0 THEN 'public' ELSE grantee::regrole::text END || '='
        || string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ','
                      ORDER BY privilege_type) AS said
    FROM aclexplode({acl}) WHERE grantee <> {owner} GROUP BY grantee) AS one), '-')"""
"""Who else than the owner may do what."""

ACL_OF_FUNCTION = "coalesce(proacl, acldefault('f', proowner))"

QUERIES = {
    "schema": f"""
        SELECT n.nspname, 'rights ' || {RIGHTS.format(acl="nspacl", owner="nspowner")}
        FROM pg_namespace n WHERE n.oid = ANY(%(schemas)s)""",
    "relation": f"""
        SELECT c.oid::regclass, 'kind ' || relkind::text, 'persistence ' || relpersistence::text,
            'options ' || coalesce((SELECT string_agg(o, ',' ORDER BY o)
                                    FROM unnest(reloptions) o), '-'),
            'row security ' || relrowsecurity || '/' || relforcerowsecurity,
            'replica identity ' || relreplident::text, 'access ' || coalesce(am.amname, '-'),
            'rights ' || {RIGHTS.format(acl="relacl", owner="relowner")}
        FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam
        WHERE relnamespace = ANY(%(schemas)s) AND relkind NOT IN ('i', 't')""",
    "column": f"""
        SELECT a.attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod),
            CASE WHEN attnotnull THEN 'not null' ELSE 'null' END,
            'default ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '-'),
            'identity ' || attidentity::text || '/' || attgenerated::text,
            'storage ' || attstorage::text || '/' || attcompression::text,
            'collation ' || CASE attcollation WHEN 0 THEN '-'
                            ELSE attcollation::regcollation::text END,
            'rights ' || {RIGHTS.format(acl="attacl", owner="c.relowner")}
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = ANY(%(schemas)s) AND c.relkind NOT IN ('i', 't')
            AND attnum > 0 AND NOT attisdropped""",
    # PostgreSQL 18 lists NOT NULL here too; it is said of the column.
    "constraint": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid),
            CASE WHEN convalidated THEN 'validated' ELSE 'not validated' END
        FROM pg_constraint WHERE connamespace = ANY(%(schemas)s) AND contype <> 'n'""",
    "index": """
        SELECT indexrelid::regclass, pg_get_indexdef(indexrelid),
            CASE WHEN indisvalid THEN 'valid' ELSE 'not valid' END
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = ANY(%(schemas)s) AND c.relkind = 'i'""",
    "trigger": """
        SELECT tgrelid::regclass || '.' || tgname, pg_get_triggerdef(t.oid),
            'enabled ' || tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = ANY(%(schemas)s) AND NOT tgisinternal""",
    "rule": """
        SELECT ev_class::regclass || '.' || rulename, pg_get_ruledef(r.oid)
        FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE c.relnamespace = ANY(%(schemas)s)""",
    "function": f"""
        SELECT p.oid::regprocedure, pg_get_functiondef(p.oid),
            'rights ' || {RIGHTS.format(acl=ACL_OF_FUNCTION, owner="proowner")}
        FROM pg_proc p WHERE pronamespace = ANY(%(schemas)s)""",
    "policy": """
        SELECT polrelid::regclass || '.' || polname, 'for ' || polcmd::text,
            CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END,
            'to ' || (SELECT string_agg(r::regrole::text, ',' ORDER BY r::regrole::text)
                      FROM unnest(polroles) r),
            'using ' || coalesce(pg_get_expr(polqual, polrelid), '-'),
            'check ' || coalesce(pg_get_expr(polwithcheck, polrelid), '-')
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = ANY(%(schemas)s)""",
    "type": """
        SELECT t.oid::regtype, 'kind ' || typtype::text FROM pg_type t
        LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE typnamespace = ANY(%(schemas)s) AND typelem = 0
            AND (typrelid = 0 OR c.relkind = 'c')""",
    "statistics": """
        SELECT stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
        WHERE stxnamespace = ANY(%(schemas)s)""",
    "default rights": """
        SELECT n.nspname, defaclobjtype, defaclacl FROM pg_default_acl d
        JOIN pg_namespace n ON n.oid = d.defaclnamespace WHERE n.oid = ANY(%(schemas)s)""",
    "role": """
        SELECT rolname, 'superuser ' || rolsuper, 'inherit ' || rolinherit, 'login ' || rolcanlogin,
            'createrole ' || rolcreaterole, 'createdb ' || rolcreatedb,
            'replication ' || rolreplication, 'bypass ' || rolbypassrls,
            'settings ' || coalesce((SELECT string_agg(s::text, ',') FROM pg_db_role_setting
                                     CROSS JOIN unnest(setconfig) s WHERE setrole = r.oid), '-'),
            'of this user ' || pg_has_role(current_user, r.oid, 'MEMBER')
        FROM pg_roles r WHERE rolname = ANY(%(roles)s)""",
    "comment": """
        SELECT (pg_identify_object(classoid, objoid, objsubid)).identity, description
        FROM pg_description
        WHERE (pg_identify_object(classoid, objoid, objsubid)).schema = ANY(%(names)s)
            OR classoid = 'pg_namespace'::regclass AND objoid = ANY(%(schemas)s)""",
}
"""What is asked of each kind of thing: its name, then what is true of it."""


def describe(conn: psycopg.Connection, database: Database) -> list[str]:
    """The lines of both schemas of a log and of its roles."""
    names = [database.schema, database.sealing_schema]
    with conn.transaction(force_rollback=True):
        # Names outside the path are written in full, whatever the path of the connection was.
        conn.execute("SET LOCAL search_path = ''")
        found = conn.execute(
            "SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY(%s)", (names,)
        )
        asked = {
            "schemas": [oid for (oid,) in found],
            "names": names,
            "roles": list(database.roles),
        }
        lines = [
            _line(kind, row, database)
            for kind, query in QUERIES.items()
            for row in conn.execute(query.encode(), asked)
        ]
    return sorted(lines)


def _line(kind: str, row: tuple[object, ...], database: Database) -> str:
    said = " | ".join(re.sub(r"\s+", " ", str(part)).strip() for part in row)
    own = {
        database.service_role: "{service_role}",
        database.controller_role: "{controller_role}",
        database.erasing_role: "{erasing_role}",
        database.sealing_schema: "{sealing_schema}",
        database.schema: "{schema}",
    }
    for name, placeholder in own.items():
        said = re.sub(rf'(?<!\w)"?{re.escape(name)}"?(?!\w)', placeholder, said)
    return f"{kind} {said}"


ADDED_TO = {"constraint", "trigger", "rule", "policy"}
"""What narrows the table that it is added to."""


def taken_away(before: list[str], after: list[str]) -> list[str]:
    """The lines that a program which knew the schema before may stumble over.

    What was there must be there, and may have got further rights and other settings of storage; on
    a table that was there nothing may be demanded of rows that was not.
    """
    there, now = dict(map(_split, before)), dict(map(_split, after))
    gone = [
        f"- {' '.join(k)} {' | '.join(was)}"
        for k, was in there.items()
        if not _holds(was, now.get(k))
    ]
    tables = {name for kind, name in there if kind == "relation"}
    narrowed = [
        f"+ {' '.join(key)} {' | '.join(said)}"
        for key, said in now.items()
        if key not in there and _table(key, said) in tables and _narrows(key[0], said)
    ]
    return gone + narrowed


def _split(line: str) -> tuple[tuple[str, str], list[str]]:
    named, *said = line.split(" | ")
    kind, _, name = named.partition(" ")
    return (kind, name), said


def _holds(was: list[str], now: list[str] | None) -> bool:
    """Whether all that was true of a thing is, apart from how it is stored."""
    if now is None or len(was) != len(now):
        return False
    return all(
        _rights(old) <= _rights(new)
        if old.startswith("rights ")
        else old == new or old.startswith(("options ", "storage "))
        for old, new in zip(was, now, strict=True)
    )


def _rights(said: str) -> set[tuple[str, str]]:
    """Who may do what."""
    each = (one.partition("=") for one in said.removeprefix("rights ").split("; "))
    return {(role, right) for role, _, rights in each for right in rights.split(",") if right}


def _table(key: tuple[str, str], said: list[str]) -> str:
    """The table that a thing belongs to."""
    if key[0] == "index":
        return said[0].partition(" ON ")[2].partition(" ")[0]
    return key[1].rpartition(".")[0]


def _narrows(kind: str, said: list[str]) -> bool:
    if kind == "column":
        demanded = said[1] == "not null" and said[2] == "default -"
        return demanded and said[3] == "identity /"
    return kind in ADDED_TO or (kind == "index" and said[0].startswith("CREATE UNIQUE"))
