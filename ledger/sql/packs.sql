-- Evidence packs that were asked for over HTTP (ledger/asked_packs.py). They are made from the log, are
-- no part of it, and are removed after a while. Runs in the schema of a log, as its owner.

CREATE TABLE packs (
    id            text PRIMARY KEY,
    role          text NOT NULL,
    holder        text NOT NULL,         -- a pseudonym, of whoever asked
    asked         jsonb NOT NULL,        -- for what
    asked_at      timestamptz NOT NULL,
    state         text NOT NULL CHECK (state IN ('waiting', 'running', 'ready', 'failed', 'cancelled')),
    claim         text,                  -- of the process that makes it
    alive_at      timestamptz,           -- when that last said so
    done          bigint NOT NULL DEFAULT 0,
    of_all        bigint NOT NULL DEFAULT 0,
    reason        text,                  -- why it failed
    scope         text,                  -- of a ready one, as it is recorded when it is sent
    size          bigint,                -- of the log it rests on
    bytes         bigint,
    sha256        text,                  -- of its list
    finished_at   timestamptz
);
CREATE INDEX packs_open ON packs (asked_at) WHERE state IN ('waiting', 'running');
CREATE INDEX packs_holder ON packs (holder, role);
GRANT SELECT, INSERT, DELETE, UPDATE ON packs TO {service_role};

CREATE TABLE pack_pieces (
    pack_id       text NOT NULL REFERENCES packs ON DELETE CASCADE,
    number        integer NOT NULL,
    content       bytea NOT NULL,
    PRIMARY KEY (pack_id, number)
);
ALTER TABLE pack_pieces ALTER COLUMN content SET STORAGE EXTERNAL;  -- packed already
GRANT SELECT, INSERT, DELETE ON pack_pieces TO {service_role};
