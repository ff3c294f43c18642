-- One log is one schema: this file runs inside it, with `search_path` set to it, as the owner.
-- The role that serves ({service_role}) may insert and read what is committed to the log, no more.

-- Who this log is. One row, written by `verantwoord init`.
CREATE TABLE log (
    only_row           boolean PRIMARY KEY DEFAULT true CHECK (only_row),  -- a schema is one log
    origin             text NOT NULL,        -- C2SP checkpoint origin, also the name of the log key
    vkey               text NOT NULL,        -- C2SP verifier key of the log
    administrator_key  bytea NOT NULL CHECK (octet_length(administrator_key) = 32),  -- Ed25519
    numbers_key        bytea NOT NULL CHECK (octet_length(numbers_key) = 32),  -- tells the right one
    read_token_sha256  bytea NOT NULL CHECK (octet_length(read_token_sha256) = 32),
    schema_version     integer NOT NULL,
    created_at         timestamptz NOT NULL
);

-- The head: locked FOR UPDATE by every append, so that order is commit order.
CREATE TABLE head (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    size         bigint NOT NULL CHECK (size >= 0),
    recorded_at  timestamptz NOT NULL,       -- of the last entry; never runs backwards
    frontier     bytea[] NOT NULL            -- perfect subtrees of the right edge, largest first
);

-- What the log commits to. `leaf` is the entry, byte for byte; the other columns are read from it.
CREATE TABLE entries (
    position     bigint PRIMARY KEY CHECK (position >= 1),   -- leaf index + 1, dense
    type         text NOT NULL,                              -- CloudEvents type, with its version
    recorded_at  timestamptz NOT NULL,
    tags         text[] NOT NULL,
    leaf         bytea NOT NULL CHECK (octet_length(leaf) <= 65535),        -- tlog-tiles
    leaf_hash    bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
);

-- The index of entries.tags. No foreign key: both are written by one statement each in one
-- transaction, a key would cost a look-up for every tag, and fsck holds them equal.
CREATE TABLE tags (
    tag       text NOT NULL,
    position  bigint NOT NULL,
    type      text NOT NULL,
    PRIMARY KEY (tag, position) INCLUDE (type)   -- a case of many events is read by type
);

-- An event is recorded once: a second guard behind the check under the head lock.
CREATE UNIQUE INDEX tags_source_id ON tags (tag) WHERE starts_with(tag, 'source-id:');

CREATE INDEX entries_type ON entries (type, position);

-- The sequence of each controller: the entries that concern it, with a dense number. `chain` is over
-- the sequence up to this entry (ledger/numbers.py). The latest number of a controller is its last
-- row; fsck derives every row from the entries.
CREATE TABLE numbers (
    controller  text NOT NULL,
    number      bigint NOT NULL CHECK (number >= 1),
    position    bigint NOT NULL,
    chain       bytea NOT NULL CHECK (octet_length(chain) = 32),
    PRIMARY KEY (controller, number) INCLUDE (position)      -- no number is given twice
);

-- Whom an entry concerns. A controller has one number of an entry at most.
CREATE UNIQUE INDEX numbers_position ON numbers (position, controller);

-- Full tiles of 256 hashes; a partial tile is read from the hashes it is made of.
CREATE TABLE tiles (
    level   smallint NOT NULL CHECK (level BETWEEN 0 AND 63),
    index   bigint NOT NULL CHECK (index >= 0),
    hashes  bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    root    bytea NOT NULL CHECK (octet_length(root) = 32),  -- this tile's hash in the level above
    PRIMARY KEY (level, index)
);

-- Every checkpoint ever signed.
CREATE TABLE checkpoints (
    size         bigint PRIMARY KEY CHECK (size >= 0),
    root         bytea NOT NULL CHECK (octet_length(root) = 32),
    recorded_at  timestamptz NOT NULL,
    note         text NOT NULL
);

-- "As known at": which checkpoint was the last one then.
CREATE INDEX checkpoints_recorded_at ON checkpoints (recorded_at, size);

-- The keys of witnesses, so that what they signed can be verified as long as it is kept.
CREATE TABLE witness_keys (
    id    bytea PRIMARY KEY CHECK (octet_length(id) = 32),  -- SHA-256 of the vkey
    vkey  text NOT NULL                                     -- C2SP, of type 0x04 or 0x06
);

-- What witnesses signed under checkpoints; verified before it is kept. As with tags, fsck holds
-- them to the checkpoints, and no foreign key is in the way of the triggers below.
CREATE TABLE cosignatures (
    size         bigint NOT NULL,
    witness_key  bytea NOT NULL,
    cosigned_at  timestamptz NOT NULL,       -- by the clock of the witness
    line         text NOT NULL,              -- the signature line
    PRIMARY KEY (size, witness_key)
);

-- The last that each witness cosigned.
CREATE INDEX cosignatures_witness ON cosignatures (witness_key, size);

-- The checkpoints whose cosignatures met the quorum of the policy, when they came in.
CREATE TABLE publications (
    size          bigint PRIMARY KEY,
    published_at  timestamptz NOT NULL       -- by the clock of the ledger
);

-- Answers of time-stamping authorities (RFC 3161, TimeStampResp) over checkpoints, verified before
-- they are kept. Nothing of the log depends on them.
CREATE TABLE timestamps (
    size        bigint NOT NULL,
    authority   text NOT NULL,               -- its name in the settings
    stamped_at  timestamptz NOT NULL,        -- by the clock of the authority
    answer      bytea NOT NULL CHECK (octet_length(answer) <= 65536),
    PRIMARY KEY (authority, size)
);

-- "The first one that covers": what a receipt is refreshed with.
CREATE INDEX timestamps_size ON timestamps (size);

-- What only grows is vacuumed after so many new rows, not after a fifth of all of them: on a log of
-- years that would freeze millions of rows at once, and until then index-only scans would visit the
-- heap. It is analysed as PostgreSQL does by itself: a young log needs it soonest.
ALTER TABLE entries SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 200000);
ALTER TABLE tags SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 1000000);
ALTER TABLE numbers SET (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 200000);

-- Rights are what protects the entries; the triggers refuse everyone else, the owner included.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tags
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON numbers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tiles
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON timestamps
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON witness_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cosignatures
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON publications
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT USAGE ON SCHEMA {schema} TO {service_role};
GRANT SELECT ON log, head, entries, tags, numbers, tiles, checkpoints TO {service_role};
GRANT INSERT ON entries, tags, numbers, tiles, checkpoints TO {service_role};
GRANT SELECT, INSERT ON witness_keys, cosignatures, publications, timestamps TO {service_role};
GRANT UPDATE (size, recorded_at, frontier) ON head TO {service_role};
