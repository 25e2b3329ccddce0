-- Ways to look at the tables. Every view runs with its reader's rights, so row-level security holds through it.
SET LOCAL ROLE prim_owner;

-- Records with the names people know.
CREATE VIEW chain_records WITH (security_invoker = true) AS
SELECT r.org_id, o.name AS org, d.id AS device_id, d.name AS device, c.stream, c.epoch, r.seq, r.hash, r.status,
    r.kind, r.meeting_id, r.at_mono_ms, r.at_wall, r.received_at, r.raw, r.erasable, r.cursor_id
FROM records r
JOIN cursors c ON c.id = r.cursor_id
JOIN devices d ON d.id = c.device_id
JOIN organisations o ON o.id = c.org_id;

-- The audit: what Prim did, with whose permission. `payload` is what the device attested, `erasable` the words.
CREATE VIEW audit WITH (security_invoker = true) AS
SELECT r.org_id, c.device_id, c.epoch, r.seq, coalesce(r.at_wall, r.received_at) AS ts, r.at_mono_ms,
    r.meeting_id, r.kind AS event, b.body -> 'by' ->> 'who' AS actor, b.body -> 'by' ->> 'id' AS actor_id,
    b.body AS payload, r.erasable, r.hash, r.status, r.received_at
FROM records r
JOIN cursors c ON c.id = r.cursor_id AND c.stream = 'audit'
CROSS JOIN LATERAL (SELECT CASE WHEN r.status = 'accepted' THEN r.raw::jsonb -> 'body' END AS body) b;

-- Billing reads this.
CREATE VIEW usage_events WITH (security_invoker = true) AS
SELECT r.org_id, c.device_id, c.epoch, r.seq, coalesce(r.at_wall, r.received_at) AS ts, r.meeting_id, r.kind AS event,
    CASE WHEN r.status = 'accepted' THEN r.raw::jsonb -> 'body' END AS payload
FROM records r
JOIN cursors c ON c.id = r.cursor_id AND c.stream = 'usage';

CREATE VIEW current_notes WITH (security_invoker = true) AS
SELECT n.* FROM notes n WHERE n.withdrawn_by IS NULL AND NOT EXISTS (
    SELECT 1 FROM notes s WHERE s.org_id = n.org_id AND s.meeting_id = n.meeting_id AND s.supersedes = n.id);
CREATE VIEW current_decisions WITH (security_invoker = true) AS
SELECT n.* FROM decisions n WHERE n.withdrawn_by IS NULL AND NOT EXISTS (
    SELECT 1 FROM decisions s WHERE s.org_id = n.org_id AND s.meeting_id = n.meeting_id AND s.supersedes = n.id);
CREATE VIEW current_actions WITH (security_invoker = true) AS
SELECT n.* FROM actions n WHERE n.withdrawn_by IS NULL AND NOT EXISTS (
    SELECT 1 FROM actions s WHERE s.org_id = n.org_id AND s.meeting_id = n.meeting_id AND s.supersedes = n.id);

-- The seeds' other words for the same things (REQUIREMENTS 1.Z.10).
CREATE VIEW seed_user_roles (role, s2_role, s4_role) AS VALUES
    ('owner', 'MANAGER', 'admin'), ('manager', 'ENTITY_ADMIN', 'admin'), ('member', 'ENTITY_ADMIN', 'member'),
    ('guest', NULL, 'guest');
CREATE VIEW seed_meeting_status (status, s2_status, s3_status) AS VALUES
    ('scheduled', 'SCHEDULED', 'pending'), ('in_progress', 'ACTIVE', 'processing'),
    ('completed', 'COMPLETED', 'completed'), ('cancelled', 'CANCELED', 'failed');
CREATE VIEW seed_action_status (status, s4_status) AS VALUES
    ('open', 'pending'), ('blocked', 'in_progress'), ('done', 'completed');

GRANT SELECT ON chain_records, audit, usage_events, current_notes, current_decisions, current_actions,
    seed_user_roles, seed_meeting_status, seed_action_status TO prim_app, prim_worker;

RESET ROLE;
