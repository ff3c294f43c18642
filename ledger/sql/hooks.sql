-- Subscriptions to webhooks, and what is to be delivered (ledger/subscriptions.py, ledger/deliveries.py).
-- They tell of the log and are no part of it. Runs in the schema of a log, as its owner.

-- Who is told of what, at which address. Made and removed by the operator, on the machine: whoever
-- serves cannot have anything delivered elsewhere, or to anybody else.
CREATE TABLE subscriptions (
    id              text PRIMARY KEY,
    address         text NOT NULL,        -- an https URL
    networks        text[] NOT NULL,      -- that it may lead to, beside public addresses
    holder          text NOT NULL,        -- a pseudonym, of whoever receives
    controller      text,                 -- null: the whole ledger
    kinds           text[] NOT NULL CHECK (kinds <> '{}'),
    types           text[] CHECK (types <> '{}'),  -- of entries; null: all
    within          interval NOT NULL,    -- how long before it is due a clock is told of
    created_at      timestamptz NOT NULL,
    position        bigint NOT NULL,      -- entries up to here were looked at
    disabled_at     timestamptz,
    disabled_why    text
);
GRANT SELECT, UPDATE (position, disabled_at, disabled_why) ON subscriptions TO {service_role};

-- What waits to be delivered, in the order in which it is sent; what was delivered is removed.
CREATE TABLE deliveries (
    id            text PRIMARY KEY,       -- the webhook-id, the same however often it is sent
    number        bigint NOT NULL,        -- in the order of its subscription, whose row was locked
    subscription  text NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
    kind          text NOT NULL,
    event_type    text,                   -- of an entry
    body          text NOT NULL,          -- JSON, byte for byte as it is signed and sent
    made_at       timestamptz NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL,
    failure       text,                   -- of the last attempt, in our words
    dead_at       timestamptz             -- nobody sends it any more, until somebody says so
);
CREATE INDEX deliveries_waiting ON deliveries (subscription, number) WHERE dead_at IS NULL;
GRANT SELECT, INSERT, DELETE, UPDATE (attempts, next_at, failure, dead_at) ON deliveries
    TO {service_role};

-- Clocks and findings that a subscription was told of, by a digest: each once.
CREATE TABLE told (
    subscription  text NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
    news          bytea NOT NULL CHECK (octet_length(news) = 32),
    PRIMARY KEY (subscription, news)
);
GRANT SELECT, INSERT ON told TO {service_role};

-- The secrets that deliveries are signed with, where no dump of the log holds them, wrapped as the
-- keys of sealed text are (ledger/webhook_secrets.py). Two of a subscription while one takes the
-- place of the other.
CREATE TABLE {sealing_schema}.webhook_secrets (
    subscription  text NOT NULL,
    number        integer NOT NULL,
    wrapped       bytea NOT NULL CHECK (octet_length(wrapped) = 40),
    master        integer NOT NULL CHECK (master >= 1),
    ends_at       timestamptz,            -- until when it signs; null: no end
    PRIMARY KEY (subscription, number)
);
GRANT SELECT ON {sealing_schema}.webhook_secrets TO {service_role};
GRANT SELECT, UPDATE ON {sealing_schema}.webhook_secrets TO {erasing_role};
