-- Who may read, and what of it each may see. Runs in the schema of a log, as its owner, after the
-- tables of the log and of its registers: when a log is made, or one of an earlier program opened.

-- Who was let in (ledger/granted_access.py). Granted by the operator, on the machine; whoever serves
-- looks it up.
CREATE TABLE granted_access (
    id           text PRIMARY KEY,
    means        text NOT NULL CHECK (means IN ('token', 'link', 'sign-in')),
    digest       bytea NOT NULL CHECK (octet_length(digest) = 32),  -- of a token, or of a subject
    role         text NOT NULL,
    holder       text NOT NULL,          -- a pseudonym
    controllers  text[] CHECK (controllers <> '{}'),  -- null: all
    registers    text[] CHECK (registers <> '{}'),    -- null: all
    key_id       text,                   -- of a service: its signing key
    grant_id     text,                   -- of an auditor: its grant, whose events say the rest
    CHECK ((role = 'auditor') = (grant_id IS NOT NULL)),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE UNIQUE INDEX granted_access_digest ON granted_access (digest) WHERE revoked_at IS NULL;
GRANT SELECT ON granted_access TO {service_role};

-- Sessions of people (ledger/sessions.py): whoever serves starts and ends them, under what was
-- granted. They are no part of the log, and old ones are removed.
CREATE TABLE sessions (
    digest       bytea PRIMARY KEY CHECK (octet_length(digest) = 32),  -- SHA-256 of its cookie
    access_id    text NOT NULL REFERENCES granted_access,
    link_id      text UNIQUE REFERENCES granted_access,  -- that it used up
    provider_id  bytea,                  -- digest of the session at the provider, which may end it
    started_at   timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX sessions_access ON sessions (access_id);
GRANT SELECT, INSERT, DELETE, UPDATE (seen_at, ended_at) ON sessions TO {service_role};

-- What concerns one controller is read as {controller_role} (ledger/isolation.py): whatever a
-- statement asks for, this role sees the rows of that controller and those of every controller. It
-- may change nothing, and it is told by two settings whose rows they are, and how much of the log
-- that controller may be told of. Without them it sees next to nothing.
GRANT USAGE ON SCHEMA {schema} TO {controller_role};
GRANT SELECT ON head, checkpoints, entries, numbers TO {controller_role};

ALTER TABLE entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE numbers ENABLE ROW LEVEL SECURITY;
CREATE POLICY served ON entries TO {service_role} USING (true) WITH CHECK (true);
CREATE POLICY served ON numbers TO {service_role} USING (true) WITH CHECK (true);

CREATE POLICY own ON numbers FOR SELECT TO {controller_role} USING (
    controller = nullif(current_setting('verantwoord.controller', true), '')
    AND position <= nullif(current_setting('verantwoord.upto', true), '')::bigint
);

-- The rows of registers and findings, where this log keeps them.
DO $$
BEGIN
    IF to_regclass('register_rows') IS NOT NULL THEN
        ALTER TABLE register_rows ENABLE ROW LEVEL SECURITY;
        CREATE POLICY served ON register_rows TO {service_role} USING (true) WITH CHECK (true);
        CREATE POLICY own_and_shared ON register_rows FOR SELECT TO {controller_role} USING (
            controller IS NULL
            OR controller = nullif(current_setting('verantwoord.controller', true), '')
        );
        GRANT SELECT ON followed, register_rows TO {controller_role};
    END IF;
END
$$;
