-- Move the positions in both currencies, locked in one order everywhere so that no two transactions
-- deadlock; no row comes back where the base currency's limit would be broken.
WITH locked AS (
    SELECT currency, amount FROM positions
    WHERE account = $1 AND currency IN ($2, $4)
    ORDER BY currency FOR UPDATE
), allowed AS (
    SELECT 1 FROM locked, accounts
    WHERE currency = $2 AND accounts.id = $1 AND abs(amount + $3) <= position_max
)
UPDATE positions
SET amount = positions.amount + CASE positions.currency WHEN $2 THEN $3 ELSE $5 END
FROM locked, allowed
WHERE positions.account = $1 AND positions.currency = locked.currency
RETURNING positions.currency
