-- Until when a stored row is a clock that may be open (projections/rules/chapter.open_until), so that a
-- question about open clocks reads no others. Runs in the schema of a log, as its owner; rows that were
-- there before are made anew by the folds that write it.

ALTER TABLE register_rows ADD COLUMN open_until timestamptz;
CREATE INDEX register_rows_open ON register_rows (generation, open_until) WHERE open_until IS NOT NULL;
