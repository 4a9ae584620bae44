-- Each query stands under its name; database.py reads this file.

-- name: cursor
SELECT position FROM cursors WHERE name = :name;

-- name: keep_cursor
INSERT INTO cursors (name, position) VALUES (:name, :position)
ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position);

-- name: add_delivery
INSERT INTO deliveries (key, rule, target, event_id, body, state, created_at_ns, due_at_ns)
VALUES (:key, :rule, :target, :event_id, :body, 'pending', :now_ns, :now_ns)
ON CONFLICT (key) DO NOTHING;

-- name: count
INSERT INTO counts (rule, target, what, number) VALUES (:rule, :target, :what, :number)
ON CONFLICT (rule, target, what) DO UPDATE SET number = number + excluded.number;

-- name: counts
SELECT rule, target, what, number FROM counts ORDER BY rule, target, what;

-- name: waiting
SELECT rule, target, count(*) FROM deliveries WHERE state = 'pending' GROUP BY rule, target;

-- name: due
SELECT seq, key, rule, target, event_id, body, attempts, created_at_ns FROM deliveries
WHERE state = 'pending' AND rule = :rule AND target = :target AND due_at_ns <= :now_ns
ORDER BY due_at_ns, seq LIMIT :limit;

-- name: due_at
SELECT min(due_at_ns) FROM deliveries
WHERE state = 'pending' AND rule = :rule AND target = :target;

-- name: delivered
DELETE FROM deliveries WHERE seq = :seq;

-- name: postponed
UPDATE deliveries SET attempts = attempts + 1, due_at_ns = :at_ns, reason = :reason
WHERE seq = :seq AND state = 'pending';

-- name: died
UPDATE deliveries SET state = 'dead', attempts = attempts + :tried, due_at_ns = :at_ns,
    reason = :reason
WHERE seq = :seq AND state = 'pending';

-- name: bury
INSERT INTO deliveries (key, rule, target, event_id, body, state, attempts, created_at_ns,
    due_at_ns, reason)
VALUES (:key, :rule, :target, :event_id, :body, 'dead', 1, :now_ns, :now_ns, :reason)
ON CONFLICT (key) DO NOTHING;

-- name: dead
SELECT seq, rule, target, event_id, attempts, created_at_ns, due_at_ns, reason, body
FROM deliveries
WHERE state = 'dead' AND seq < :before AND (:rule IS NULL OR rule = :rule)
    AND (:target IS NULL OR target = :target)
ORDER BY seq DESC LIMIT :limit;

-- name: forget_dead
DELETE FROM deliveries WHERE state = 'dead' AND seq <= (
    SELECT seq FROM deliveries WHERE state = 'dead' ORDER BY seq DESC LIMIT 1 OFFSET :kept
);

-- name: count_dead
SELECT count(*) FROM deliveries WHERE state = 'dead';

-- name: revive
UPDATE deliveries SET state = 'pending', attempts = 0, created_at_ns = :now_ns,
    due_at_ns = :now_ns
WHERE state = 'dead' AND (:seq IS NULL OR seq = :seq) AND (:rule IS NULL OR rule = :rule)
    AND (:target IS NULL OR target = :target)
RETURNING rule, target;

-- name: discard
DELETE FROM deliveries WHERE state = 'dead' AND seq = :seq RETURNING seq;

-- name: offer
INSERT INTO inbox (id, event) VALUES (:id, :event) ON CONFLICT (id) DO NOTHING;

-- name: offered
SELECT seq, event FROM inbox WHERE event IS NOT NULL ORDER BY seq LIMIT :limit;

-- name: looked_at
UPDATE inbox SET event = NULL WHERE seq = :seq;

-- name: forget_offered
DELETE FROM inbox WHERE event IS NULL AND seq <= (SELECT max(seq) FROM inbox) - :kept;

-- name: schedule
SELECT schedule, started_at_ns, looked_at_ns FROM schedules WHERE rule = :rule;

-- name: keep_schedule
INSERT INTO schedules (rule, schedule, started_at_ns, looked_at_ns)
VALUES (:rule, :schedule, :started_at_ns, :looked_at_ns)
ON CONFLICT (rule) DO UPDATE SET schedule = excluded.schedule,
    started_at_ns = excluded.started_at_ns, looked_at_ns = excluded.looked_at_ns;

-- name: add_replay
INSERT INTO replays (name, rule, first, position, end, from_ns, to_ns, dry_run, state,
    started_at_ns)
VALUES (:name, :rule, :first, :first, :end, :from_ns, :to_ns, :dry_run, 'running', :now_ns)
ON CONFLICT (name) DO NOTHING RETURNING name;

-- name: replays
SELECT name, rule, first, position, end, from_ns, to_ns, dry_run, state, matched, started_at_ns,
    ended_at_ns
FROM replays WHERE (:name IS NULL OR name = :name) ORDER BY started_at_ns DESC, rowid DESC LIMIT :limit;

-- name: running_replay
SELECT name, rule, first, position, end, from_ns, to_ns, dry_run, state, matched, started_at_ns,
    ended_at_ns
FROM replays WHERE state = 'running' ORDER BY started_at_ns, rowid LIMIT 1;

-- name: advance_replay
UPDATE replays SET position = :position, matched = matched + :matched,
    state = CASE WHEN :position >= end THEN 'done' ELSE state END,
    ended_at_ns = CASE WHEN :position >= end THEN :now_ns END
WHERE name = :name AND state = 'running' AND position <= :position RETURNING state;

-- name: cancel_replay
UPDATE replays SET state = 'cancelled', ended_at_ns = :now_ns
WHERE name = :name AND state = 'running' RETURNING name;

-- name: forget_replays
DELETE FROM replays WHERE state != 'running' AND name IN (
    SELECT name FROM replays WHERE state != 'running'
    ORDER BY started_at_ns DESC LIMIT -1 OFFSET :kept
);

-- name: send
INSERT INTO messages (queue, key, body, sent_at_ns, visible_at_ns)
VALUES (:queue, :key, :body, :now_ns, :now_ns)
ON CONFLICT (queue, key) DO NOTHING;

-- name: count_messages
SELECT count(*) FROM messages WHERE queue = :queue AND body IS NOT NULL;

-- name: visible
SELECT seq, key, body, sent_at_ns, receives FROM messages
WHERE queue = :queue AND body IS NOT NULL AND visible_at_ns <= :now_ns
ORDER BY visible_at_ns, seq LIMIT :limit;

-- name: received
UPDATE messages SET visible_at_ns = :until_ns, receives = receives + 1, receipt = :receipt
WHERE seq = :seq;

-- name: acknowledge
UPDATE messages SET body = NULL, receipt = NULL
WHERE queue = :queue AND receipt = :receipt AND body IS NOT NULL RETURNING seq;

-- name: change_visibility
UPDATE messages SET visible_at_ns = :until_ns
WHERE queue = :queue AND receipt = :receipt AND body IS NOT NULL RETURNING seq;

-- name: forget_messages
DELETE FROM messages
WHERE body IS NULL AND seq <= (SELECT max(seq) FROM messages) - :kept;

-- name: queues
SELECT queue, count(*), sum(visible_at_ns > :now_ns), min(sent_at_ns) FROM messages
WHERE body IS NOT NULL GROUP BY queue ORDER BY queue;

-- name: begin_run
INSERT INTO runs (run, rule, target, event_id, body, state, started_at_ns, deadline_at_ns)
VALUES (:run, :rule, :target, :event_id, :body, 'running', :now_ns, :deadline_at_ns)
ON CONFLICT (run) DO UPDATE SET state = 'running', deadline_at_ns = excluded.deadline_at_ns,
    ended_at_ns = NULL, output = NULL WHERE state = 'timed_out';

-- name: run
SELECT run, rule, target, event_id, state, started_at_ns, deadline_at_ns, ended_at_ns, output
FROM runs WHERE run = :run;

-- name: end_run
UPDATE runs SET state = :state, output = :output, ended_at_ns = :now_ns
WHERE run = :run AND state = 'running' RETURNING run;

-- name: late_runs
SELECT run, rule, target, event_id, body FROM runs
WHERE state = 'running' AND deadline_at_ns <= :now_ns ORDER BY deadline_at_ns LIMIT :limit;

-- name: forget_runs
DELETE FROM runs WHERE state != 'running' AND rowid <= (SELECT max(rowid) FROM runs) - :kept;
