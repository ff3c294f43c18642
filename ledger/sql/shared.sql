-- Which entries one controller is shown: its own, and the shared types of `ledger/shared_types.py`.
-- Run again whenever a type was added to these, as the owner.
DROP POLICY IF EXISTS own_and_shared ON entries;

-- An entry has a number for each controller that it concerns. Those that concern nobody are shown by
-- their type; a tag that names a controller is looked for all the same.
CREATE POLICY own_and_shared ON entries FOR SELECT TO {controller_role} USING (
    position <= nullif(current_setting('verantwoord.upto', true), '')::bigint
    AND (
        EXISTS (
            SELECT FROM numbers n WHERE n.position = entries.position
            AND n.controller = nullif(current_setting('verantwoord.controller', true), '')
        )
        OR (
            type = ANY ({shared_types})
            AND array_to_string(tags, chr(10)) NOT LIKE '%controller:%'
        )
    )
);
