-- The registers as they are now: a cache of folds over the log, made anew at any time.

-- How far the stored rows have followed the log, which generation of them is read, and which
-- version of the folds made it: a program with later folds makes all rows anew.
CREATE TABLE followed (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation  bigint NOT NULL,
    position    bigint NOT NULL CHECK (position >= 0),
    folds       integer NOT NULL
);
INSERT INTO followed (generation, position, folds) VALUES (1, 0, 6);

-- A rebuild writes the next generation beside this one and then moves `followed` to it.
CREATE TABLE register_rows (
    generation  bigint NOT NULL,
    register    text NOT NULL,
    key         text NOT NULL,
    case_key    text NOT NULL,      -- the facts it rests on hang together under this key
    controller  text,               -- whose row it is; '': the processor's alone; null: everybody's
    body        text NOT NULL,      -- the row as JSON, keys sorted
    PRIMARY KEY (generation, register, key)
);
CREATE INDEX register_rows_case ON register_rows (generation, register, case_key);
CREATE INDEX register_rows_controller ON register_rows (generation, register, controller, key);

-- When each case changed: what had settled before a moment need not be folded to ask about it.
CREATE TABLE register_cases (
    generation      bigint NOT NULL,
    register        text NOT NULL,
    case_key        text NOT NULL,
    first_position  bigint NOT NULL,   -- of the events that touched it
    last_position   bigint NOT NULL,
    first_occurred  timestamptz,       -- of its facts as they are now; null when it has none
    last_occurred   timestamptz,
    PRIMARY KEY (generation, register, case_key)
);

-- Whom a case ever concerned: a controller, or '*' for every reader.
CREATE TABLE case_controllers (
    generation  bigint NOT NULL,
    register    text NOT NULL,
    controller  text NOT NULL,
    case_key    text NOT NULL,
    PRIMARY KEY (generation, register, controller, case_key)
);

-- Rows are replaced all the time, and all of them at a rebuild: the space is to be used again soon.
ALTER TABLE register_rows SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE register_cases SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE case_controllers SET (autovacuum_vacuum_scale_factor = 0.02);

GRANT SELECT, INSERT, UPDATE, DELETE ON followed, register_rows, register_cases, case_controllers
    TO {service_role};
