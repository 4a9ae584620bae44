-- Extend the chain, and write the order and its journal row at the new position.
WITH link AS (
    UPDATE chain
    SET size = size + 1, previous_hash = hash, hash = sha256(hash || $3)
    RETURNING size - 1 AS position, previous_hash, hash
), ordered AS (
    INSERT INTO orders (id, account, client_order_id, asked)
    SELECT position, $1, $2, $4 FROM link
), journaled AS (
    INSERT INTO journal (position, payload, previous_hash, hash)
    SELECT position, $3, previous_hash, hash FROM link
), traded AS (
    INSERT INTO trades (order_id, pair, side, price, quantity, amount, value_date)
    SELECT position, $5, $6, $7, $8, $9, $10 FROM link WHERE $7::numeric IS NOT NULL
)
SELECT position, previous_hash, hash FROM link
