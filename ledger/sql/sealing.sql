-- The keys of sealed text, in a schema beside that of the log: no dump of the log holds them, and
-- what is destroyed here takes nothing from the log (ledger/sealing_keys.py). Runs as the owner.
CREATE SCHEMA {sealing_schema};

-- A key for one subject or one case. `wrapped` is the key under master key `master`; null once it
-- was destroyed. The row stays, so that nobody makes another key for what was to be forgotten.
CREATE TABLE {sealing_schema}.sealing_keys (
    kid           text PRIMARY KEY,
    subject       text NOT NULL UNIQUE,     -- request:V-1
    wrapped       bytea CHECK (octet_length(wrapped) = 40),
    master        integer NOT NULL CHECK (master >= 1),
    created_at    timestamptz NOT NULL,
    destroyed_at  timestamptz,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);

-- Whoever serves makes keys and reads them; destroying one, and wrapping it anew, is for a role of
-- its own, which can do nothing else.
GRANT USAGE ON SCHEMA {sealing_schema} TO {service_role}, {erasing_role};
GRANT SELECT, INSERT ON {sealing_schema}.sealing_keys TO {service_role};
GRANT SELECT, UPDATE ON {sealing_schema}.sealing_keys TO {erasing_role};

-- Never back: a destroyed key stays destroyed, and a key stays that of its subject. The right to
-- update is on the whole table, and not on columns, since wrapping anew locks it.
CREATE FUNCTION {sealing_schema}.stay_destroyed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND old.destroyed_at IS NULL AND new.kid = old.kid
        AND new.subject = old.subject AND new.created_at = old.created_at THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'a destroyed key stays destroyed, and is not removed'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER stay_destroyed BEFORE UPDATE OR DELETE ON {sealing_schema}.sealing_keys
    FOR EACH ROW EXECUTE FUNCTION {sealing_schema}.stay_destroyed();

-- A key that was destroyed leaves its row version behind until the table is written anew, which
-- `verantwoord erase` does at once; this keeps the table small besides.
ALTER TABLE {sealing_schema}.sealing_keys SET (autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1);
