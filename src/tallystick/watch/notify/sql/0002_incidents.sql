-- Incidents: what is wrong, who was told, and everything that happened. The outbox becomes part of
-- them; what was to be delivered before goes on as messages of no incident (incident 0).

ALTER TABLE alerts ADD COLUMN ends INTEGER NOT NULL DEFAULT 0;  -- 1: it said that another one ended

CREATE TABLE incidents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
    severity TEXT NOT NULL,
    route TEXT NOT NULL,
    storm INTEGER NOT NULL,           -- the incident that speaks for this one; 0: none
    sums INTEGER NOT NULL,            -- 1: it speaks for a storm
    opened_ns INTEGER NOT NULL,
    due_ns INTEGER NOT NULL,          -- when it must be looked at again; 0: never
    skipped INTEGER NOT NULL DEFAULT 0,  -- lines of the timeline that are no longer kept
    labels TEXT NOT NULL,             -- JSON
    incident BLOB NOT NULL            -- JSON, see standing.Standing; its number is 0 here
) STRICT;

CREATE UNIQUE INDEX incidents_unresolved ON incidents (key) WHERE state <> 'resolved';
CREATE INDEX incidents_of_key ON incidents (key, number);
CREATE INDEX incidents_due ON incidents (due_ns) WHERE due_ns > 0;
CREATE INDEX incidents_opened ON incidents (route, sums, opened_ns);
CREATE INDEX incidents_of_storm ON incidents (storm) WHERE storm > 0 AND state <> 'resolved';

CREATE TABLE members (
    incident INTEGER NOT NULL REFERENCES incidents (number) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    alert INTEGER NOT NULL REFERENCES alerts (seq),  -- the one that speaks for the trouble
    severity TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,        -- 0: it fires
    expires_ns INTEGER NOT NULL,      -- when it ends by itself; 0: never
    held TEXT NOT NULL,               -- what keeps it quiet
    PRIMARY KEY (incident, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_firing ON members (fingerprint) WHERE ended_ns = 0;
CREATE INDEX members_newest ON members (incident, alert);
CREATE INDEX members_alert ON members (alert);

CREATE TABLE happenings (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL REFERENCES incidents (number) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    what TEXT NOT NULL,
    by TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE INDEX happenings_of_incident ON happenings (incident, seq);

CREATE TABLE transitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL,        -- 0: none
    number INTEGER NOT NULL,          -- which of the incident's
    action TEXT NOT NULL,
    why TEXT NOT NULL,
    message BLOB NOT NULL             -- JSON, see message.Message; without key and recipient
) STRICT;

CREATE INDEX transitions_of_incident ON transitions (incident);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    transition INTEGER NOT NULL REFERENCES transitions (id) ON DELETE CASCADE,
    incident INTEGER NOT NULL,        -- 0: none
    target TEXT NOT NULL,
    recipient TEXT NOT NULL,
    key TEXT NOT NULL,                -- the same for every attempt
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ns INTEGER NOT NULL,
    at_ns INTEGER NOT NULL,           -- the next attempt, or when it was settled
    given_up INTEGER NOT NULL DEFAULT 0,  -- 1: the escalation must hear of it; 2: it has
    last_error TEXT,
    provider_id TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX messages_pending ON messages (target, incident, id) WHERE state = 'pending';
CREATE INDEX messages_dead ON messages (id) WHERE state = 'dead';
CREATE INDEX messages_of_transition ON messages (transition);
CREATE INDEX messages_of_incident ON messages (incident, id);
CREATE INDEX messages_given_up ON messages (incident) WHERE given_up = 1;

-- With which transition of an incident an alert was told.
CREATE TABLE told (
    alert INTEGER NOT NULL REFERENCES alerts (seq) ON DELETE CASCADE,
    incident INTEGER NOT NULL,
    transition INTEGER,               -- NULL: it waits for the next one
    PRIMARY KEY (alert, incident)
) STRICT, WITHOUT ROWID;

CREATE INDEX told_waiting ON told (incident) WHERE transition IS NULL;

-- Which alerts that fire can keep others quiet.
CREATE TABLE inhibitors (
    shared TEXT NOT NULL,             -- the rule and the labels that must be equal
    fingerprint TEXT NOT NULL,
    alert TEXT NOT NULL,
    both INTEGER NOT NULL,
    PRIMARY KEY (shared, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE INDEX inhibitors_of ON inhibitors (fingerprint);

INSERT INTO transitions (id, incident, number, action, why, message)
SELECT
    seq,
    0,
    0,
    'trigger',
    'opened',
    CAST(json_object(
        'key', '',
        'dedup_key', fingerprint,
        'incident', '',
        'number', 0,
        'action', 'trigger',
        'why', 'opened',
        'severity', severity,
        'title', CAST(alert AS TEXT) ->> 'summary',
        'at_ns', raised_at_ns,
        'opened_ns', raised_at_ns,
        'firing', 1,
        'labels', json(CAST(alert AS TEXT) -> 'labels'),
        'alerts', json_array(json(CAST(alert AS TEXT)))
    ) AS BLOB)
FROM alerts
WHERE EXISTS (SELECT 1 FROM deliveries WHERE deliveries.seq = alerts.seq);

INSERT INTO messages (
    transition, incident, target, recipient, key, state, attempts, created_ns, at_ns, last_error
)
SELECT
    d.seq, 0, d.channel, '', '', d.state, d.attempts, a.raised_at_ns, d.next_attempt_at_ns,
    d.last_error
FROM deliveries AS d INNER JOIN alerts AS a USING (seq)
ORDER BY d.seq, d.channel;

INSERT INTO told (alert, incident, transition)
SELECT DISTINCT seq, 0, seq FROM deliveries;

DROP TABLE deliveries;
DROP INDEX alerts_delivered;

PRAGMA user_version = 2;
