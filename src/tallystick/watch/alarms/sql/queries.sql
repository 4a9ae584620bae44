-- Each query stands under its name; store.py reads this file.

-- name: definitions
SELECT name, version, changed_at_ns, author, alarm FROM definitions
WHERE alarm IS NOT NULL ORDER BY name;

-- name: version
SELECT version, alarm IS NOT NULL FROM definitions WHERE name = :name;

-- name: count_definitions
SELECT count(*) FROM definitions WHERE alarm IS NOT NULL;

-- name: define
INSERT INTO definitions (name, version, changed_at_ns, author, alarm)
VALUES (:name, 1, :now_ns, :author, :alarm)
ON CONFLICT (name) DO UPDATE SET
    version = version + 1, changed_at_ns = :now_ns, author = :author, alarm = :alarm
RETURNING version;

-- name: forget_deleted
DELETE FROM definitions WHERE alarm IS NULL AND name IN (
    SELECT name FROM definitions WHERE alarm IS NULL
    ORDER BY changed_at_ns DESC LIMIT -1 OFFSET :kept
);

-- name: series
SELECT alarm, series, body FROM series;

-- name: keep_series
INSERT INTO series (alarm, series, body) VALUES (:alarm, :series, :body)
ON CONFLICT (alarm, series) DO UPDATE SET body = :body;

-- name: forget_series
DELETE FROM series WHERE alarm = :alarm AND series = :series;

-- name: trace
INSERT INTO traces (alarm, series, trace) VALUES (:alarm, :series, :trace);

-- name: forget_old_traces
DELETE FROM traces WHERE alarm = :alarm AND seq <= (
    SELECT seq FROM traces WHERE alarm = :alarm ORDER BY seq DESC LIMIT 1 OFFSET :kept
);

-- name: forget_traces
DELETE FROM traces WHERE alarm = :alarm;

-- name: traces
SELECT series, trace FROM traces WHERE alarm = :alarm ORDER BY seq DESC LIMIT :limit;

-- name: leave
INSERT INTO untold (alert) VALUES (:alert);

-- name: untold
SELECT seq, alert FROM untold ORDER BY seq LIMIT :limit;

-- name: forget_untold
DELETE FROM untold WHERE seq <= (SELECT max(seq) FROM untold) - :kept RETURNING seq;

-- name: told
DELETE FROM untold WHERE seq = :seq;

-- name: kept
SELECT body FROM kept WHERE name = :name;

-- name: keep
INSERT INTO kept (name, body) VALUES (:name, :body) ON CONFLICT (name) DO UPDATE SET body = :body;
