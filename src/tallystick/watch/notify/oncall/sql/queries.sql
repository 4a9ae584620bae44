-- Overrides of schedules and their revisions.

-- name: overrides
SELECT number, ends_ns, override FROM overrides ORDER BY number;

-- name: known_override
SELECT number, ends_ns, override FROM overrides WHERE key = :key;

-- name: find_override
SELECT number, ends_ns, override FROM overrides WHERE number = :number;

-- name: count_open_overrides
SELECT count(*) FROM overrides WHERE ends_ns > :now_ns;

-- name: insert_override
INSERT INTO overrides (schedule, starts_ns, ends_ns, key, override)
VALUES (:schedule, :starts_ns, :ends_ns, :key, :override)
RETURNING number;

-- name: cut_override
UPDATE overrides SET ends_ns = :now_ns WHERE number = :number;

-- name: forget_old_overrides
DELETE FROM overrides WHERE number IN (
    SELECT number FROM overrides WHERE ends_ns <= :now_ns
    ORDER BY ends_ns DESC LIMIT -1 OFFSET :kept
);

-- name: revision
SELECT revision, digest, changed_ns FROM revisions WHERE schedule = :schedule;

-- name: set_revision
INSERT INTO revisions (schedule, revision, digest, changed_ns)
VALUES (:schedule, 0, :digest, :now_ns)
ON CONFLICT (schedule) DO UPDATE
SET revision = revision + 1, digest = :digest, changed_ns = :now_ns;

-- name: count_change
UPDATE revisions SET revision = revision + 1, changed_ns = :now_ns WHERE schedule = :schedule;
