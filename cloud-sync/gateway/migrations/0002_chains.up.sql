-- Devices, and what they send exactly as they sent it: cursors, records, heads, and what was set aside.
SET LOCAL ROLE prim_owner;

CREATE DOMAIN stream_name AS text COLLATE "C"
    CHECK (VALUE IN ('audit', 'utterance', 'note', 'event', 'usage', 'metric'));

CREATE TABLE devices (
    org_id ulid NOT NULL REFERENCES organisations ON DELETE CASCADE,
    id ulid NOT NULL UNIQUE,
    name topic_name NOT NULL,
    -- Serial number of the certificate the device was last given, for people who revoke.
    certificate_serial text,
    active boolean NOT NULL DEFAULT true,
    online boolean NOT NULL DEFAULT false,
    session bigint NOT NULL DEFAULT 0,
    last_seen_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name)
);
CALL prim_protect('devices');

-- The audit keys a device has used. Exactly one is current; the others verify what is old.
CREATE TABLE device_keys (
    org_id ulid NOT NULL,
    device_id ulid NOT NULL,
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    position integer NOT NULL CHECK (position >= 0),
    -- The record that brought it, and the old key's consent in it; NULL for a key that a person enrolled.
    rotated_in_epoch ulid,
    rotated_at_seq bigint,
    rotation jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    PRIMARY KEY (device_id, public_key),
    UNIQUE (device_id, position),
    FOREIGN KEY (org_id, device_id) REFERENCES devices ON DELETE CASCADE
);
CREATE UNIQUE INDEX device_keys_current ON device_keys (device_id) WHERE retired_at IS NULL;
CALL prim_protect('device_keys', touched => false);

-- How far each stream of each life of each device is stored. Its row lock is what makes "exactly once" cheap.
CREATE TABLE cursors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id ulid NOT NULL,
    device_id ulid NOT NULL,
    stream stream_name NOT NULL,
    epoch ulid NOT NULL,
    seq bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
    hash sha256 NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    -- A gap that was asked about once: the device gets one chance to send what is missing.
    asked_from bigint,
    asked_to bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (device_id, stream, epoch),
    FOREIGN KEY (org_id, device_id) REFERENCES devices,
    CHECK ((asked_from IS NULL) = (asked_to IS NULL))
);
CALL prim_protect('cursors', touched => false);

-- Every record, as raw as it came. No foreign keys and no regular expressions here: the writer has parsed types,
-- and this is the table that COPY must fill fast.
CREATE TABLE records (
    cursor_id bigint NOT NULL,
    seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    org_id text COLLATE "C" NOT NULL,
    meeting_id text COLLATE "C",
    kind text COLLATE "C" NOT NULL,
    -- accepted; parked: a newer version than this gateway knows; rejected: attested, but its body makes no sense
    status text COLLATE "C" NOT NULL CHECK (status IN ('accepted', 'parked', 'rejected')),
    at_mono_ms bigint,
    at_wall timestamptz,
    hash bytea NOT NULL,
    raw text NOT NULL,
    -- What may be erased: {"field": {"salt", "value"}}.
    erasable text,
    PRIMARY KEY (cursor_id, seq, received_at)
) PARTITION BY RANGE (received_at);
CREATE TABLE records_default PARTITION OF records DEFAULT;
CREATE INDEX records_meeting ON records (meeting_id) WHERE meeting_id IS NOT NULL;
CALL prim_protect('records', touched => false);

-- Makes this month's partition and the next one; cheap when they are there.
CREATE FUNCTION prim_make_partitions() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    start timestamptz;
    finish timestamptz;
    part text;
BEGIN
    FOR ahead IN 0..1 LOOP
        start := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead)) AT TIME ZONE 'UTC';
        finish := ((start AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
        part := 'records_' || to_char(start AT TIME ZONE 'UTC', 'YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtext('prim_make_partitions'));
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF records FOR VALUES FROM (%L) TO (%L)', part, start, finish);
        EXCEPTION WHEN check_violation THEN
            NULL; -- The default partition already holds rows of that month and goes on doing so.
        END;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION prim_make_partitions() FROM PUBLIC;

-- Sequence numbers that are not there, and why.
CREATE TABLE holes (
    org_id ulid NOT NULL,
    cursor_id bigint NOT NULL REFERENCES cursors,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL CHECK (to_seq >= from_seq),
    before_hash sha256 NOT NULL,
    last_hash sha256 NOT NULL,
    -- NULL until the device's own record explains it.
    reason text,
    explained_by_seq bigint,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cursor_id, from_seq, to_seq)
);
CALL prim_protect('holes', touched => false);

-- Heads: signed by the device, counter-signed by a gateway when it had stored everything below.
CREATE TABLE heads (
    org_id ulid NOT NULL,
    cursor_id bigint NOT NULL REFERENCES cursors,
    seq bigint NOT NULL,
    hash sha256 NOT NULL,
    -- The counter-signed head in proto's JSON, as text: it is signed as it stands.
    counter_signed text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cursor_id, seq)
);
CALL prim_protect('heads', touched => false);

-- The same key with another hash, or a link that names another predecessor: kept, never mixed in, alarms.
CREATE TABLE quarantine (
    org_id ulid NOT NULL,
    cursor_id bigint NOT NULL REFERENCES cursors,
    seq bigint NOT NULL,
    hash sha256 NOT NULL,
    reason text NOT NULL CHECK (reason IN ('hash_conflict', 'forked')),
    raw text NOT NULL,
    erasable text,
    -- The meeting it names, so that its words can be erased with it; NULL: with any meeting of its device.
    meeting_id text COLLATE "C",
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cursor_id, seq, hash)
);
CALL prim_protect('quarantine', touched => false);

-- Payloads that are no batch, or nobody's: kept as bytes. org_id is NULL when the topic named no organisation of ours.
CREATE TABLE rejected (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id ulid,
    topic text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL,
    payload_bytes bigint NOT NULL,
    payload_hash sha256 NOT NULL,
    -- Whether all its words stand beside a meeting that is found in the payload. If not, they could be any meeting's of
    -- the device: they go with the first of its meetings that is erased.
    names_meetings boolean NOT NULL,
    count bigint NOT NULL DEFAULT 1,
    received_at timestamptz NOT NULL DEFAULT now(),
    last_received_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, payload_hash)
);
CALL prim_protect('rejected', touched => false);

GRANT SELECT ON devices, device_keys, cursors, records, holes, heads, quarantine, rejected TO prim_app, prim_worker;
GRANT SELECT, INSERT ON devices, device_keys TO prim_app;
GRANT UPDATE (active, certificate_serial) ON devices TO prim_app;
GRANT SELECT, INSERT ON records, heads, quarantine TO prim_ingest;
GRANT SELECT, INSERT, UPDATE ON cursors, holes, rejected TO prim_ingest;
GRANT SELECT ON devices, device_keys TO prim_ingest;
GRANT INSERT, UPDATE (retired_at) ON device_keys TO prim_ingest;
GRANT UPDATE (online, session, last_seen_at, updated_at, version) ON devices TO prim_ingest;
GRANT EXECUTE ON FUNCTION prim_make_partitions() TO prim_ingest, prim_worker;

SELECT prim_make_partitions();
RESET ROLE;
