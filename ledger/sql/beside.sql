-- What of a stored row stands beside its body (projections/beside.py), so that a question about open
-- clocks or a page of findings reads no other rows. Runs in the schema of a log, as its owner; rows that
-- were there before are made anew by the folds that write it. A log may have no registers.
DO $$
BEGIN
    IF to_regclass('register_rows') IS NULL THEN
        RETURN;
    END IF;
    ALTER TABLE register_rows
        ADD COLUMN open_until timestamptz,   -- of a clock that may be open
        ADD COLUMN finding text,             -- the same for all rows of one finding
        ADD COLUMN rule text,
        ADD COLUMN severity text,
        ADD COLUMN found_at timestamptz,
        ADD COLUMN holds_from timestamptz,
        ADD COLUMN subject text,             -- of a clock or a finding
        ADD COLUMN rests_on bigint[],        -- positions of the events it rests on
        ADD COLUMN since timestamptz,        -- of an engagement
        ADD COLUMN until timestamptz;
    CREATE INDEX register_rows_open ON register_rows (generation, open_until)
        WHERE open_until IS NOT NULL;
    CREATE INDEX register_rows_findings ON register_rows
        (generation, found_at, finding, holds_from, rule, severity, controller)
        WHERE finding IS NOT NULL;
    CREATE INDEX register_rows_subject ON register_rows (generation, subject)
        WHERE subject IS NOT NULL;
    CREATE INDEX register_rows_rests_on ON register_rows USING gin (rests_on)
        WHERE rests_on IS NOT NULL;
END
$$;
