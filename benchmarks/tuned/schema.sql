-- Tables of the tuned peer. The chain's head is a row of its own, so extending it is one UPDATE.
CREATE TABLE IF NOT EXISTS accounts (
    id text PRIMARY KEY,
    position_max numeric NOT NULL
);
CREATE TABLE IF NOT EXISTS positions (
    account text NOT NULL REFERENCES accounts (id),
    currency text NOT NULL,
    amount numeric NOT NULL,
    PRIMARY KEY (account, currency)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS orders (
    id bigint PRIMARY KEY,
    account text NOT NULL,
    client_order_id text NOT NULL,
    asked bytea NOT NULL,
    UNIQUE (account, client_order_id)
);
CREATE TABLE IF NOT EXISTS trades (
    order_id bigint PRIMARY KEY,
    pair text NOT NULL,
    side text NOT NULL,
    price numeric NOT NULL,
    quantity numeric NOT NULL,
    amount numeric NOT NULL,
    value_date date NOT NULL
);
CREATE TABLE IF NOT EXISTS journal (
    position bigint PRIMARY KEY,
    payload bytea NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS chain (
    one integer PRIMARY KEY CHECK (one = 1),
    size bigint NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL
) WITH (fillfactor = 50);
INSERT INTO chain VALUES (1, 0, '', decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
INSERT INTO accounts VALUES ('demo', 1000000000) ON CONFLICT DO NOTHING;
