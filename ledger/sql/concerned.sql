-- Whom each entry concerns, as a column of it: a policy looks at the row alone, as it must on a
-- cluster (ledger/citus.py). It is what `numbers` says of the entry, and fsck derives it from the
-- entries. Runs in the schema of a log, as its owner, after access.sql.

ALTER TABLE entries ADD COLUMN controllers text[] NOT NULL DEFAULT '{}';

-- Of the entries of an earlier program. The trigger is for everybody else.
ALTER TABLE entries DISABLE TRIGGER append_only;
UPDATE entries SET controllers = known.controllers
FROM (
    SELECT position, array_agg(controller ORDER BY controller COLLATE "C") AS controllers
    FROM numbers GROUP BY position
) AS known
WHERE known.position = entries.position;
ALTER TABLE entries ENABLE TRIGGER append_only;
-- A service of an earlier program that still runs does not know the column: it is to fail, and not to
-- record what its controllers then do not see.
ALTER TABLE entries ALTER COLUMN controllers DROP DEFAULT;

-- A program in which another type is for every controller brings this policy again (shared_types.py).
-- Those that concern nobody are shown by their type; a tag that names a controller is looked for all
-- the same.
DROP POLICY IF EXISTS own_and_shared ON entries;
CREATE POLICY own_and_shared ON entries FOR SELECT TO {controller_role} USING (
    position <= nullif(current_setting('verantwoord.upto', true), '')::bigint
    AND (
        nullif(current_setting('verantwoord.controller', true), '') = ANY (controllers)
        OR (
            type = ANY ({shared_types})
            AND array_to_string(tags, chr(10)) NOT LIKE '%controller:%'
        )
    )
);
