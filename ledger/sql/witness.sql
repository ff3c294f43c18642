-- The state of a witness, in SQLite (ledger/witness/state.py).

-- Whose state this is: the vkeys of the witness, one a line.
CREATE TABLE witness (
    only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
    vkeys     TEXT NOT NULL
) STRICT;
INSERT INTO witness VALUES (1, '');

-- The largest tree cosigned of each log, as the note that is served.
CREATE TABLE cosigned (
    origin  TEXT PRIMARY KEY,
    size    INTEGER NOT NULL CHECK (size >= 0),
    root    BLOB NOT NULL CHECK (length(root) = 32),
    time    INTEGER NOT NULL,       -- of the cosignatures, in seconds since 1970
    note    TEXT NOT NULL           -- with the signatures of the log and of the witness
) STRICT;

-- Two trees of one size, both signed by the log: proof that it shows two histories.
CREATE TABLE conflicts (
    origin   TEXT NOT NULL,
    size     INTEGER NOT NULL,
    root     BLOB NOT NULL,
    note     TEXT NOT NULL,         -- what was refused
    held     TEXT NOT NULL,         -- what had been cosigned
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (origin, size, root)
) STRICT;

CREATE TRIGGER only_grows BEFORE UPDATE ON cosigned
WHEN new.origin <> old.origin OR new.size < old.size
     OR (new.size = old.size AND new.root <> old.root)
BEGIN SELECT RAISE(ABORT, 'a cosigned tree is never made smaller or other'); END;

CREATE TRIGGER never_forgotten BEFORE DELETE ON cosigned
BEGIN SELECT RAISE(ABORT, 'a cosigned tree is never forgotten'); END;

CREATE TRIGGER keys_stay BEFORE UPDATE ON witness WHEN EXISTS (SELECT * FROM cosigned)
BEGIN SELECT RAISE(ABORT, 'the keys of a witness that cosigned never change'); END;
