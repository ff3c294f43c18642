-- Which programs may open this log. A program that knows an earlier schema than the log has may go on
-- as long as nothing was taken away that it uses (docs/how-to/upgrade.md). Runs in the schema of a log,
-- as its owner.

ALTER TABLE log
    ADD COLUMN oldest_program integer NOT NULL DEFAULT 9;  -- by the schema version that it knows
