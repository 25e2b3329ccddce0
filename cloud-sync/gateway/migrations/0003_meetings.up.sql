-- What the records mean: meetings, people, words, decisions, actions, notes, artifacts.
--
-- Ids are made on devices, so every key begins with the organisation: a device of one tenant can never touch the
-- row of another by naming its id. Streams arrive in any order, so a row may exist before its name is known.
SET LOCAL ROLE prim_owner;

CREATE TABLE meetings (
    org_id ulid NOT NULL REFERENCES organisations ON DELETE CASCADE,
    id ulid NOT NULL,
    workspace_id ulid,
    device_id ulid,
    platform text NOT NULL DEFAULT 'room'
        CHECK (platform IN ('room', 'sip', 'livekit', 'zoom', 'teams', 'meet')),
    external_id text,
    -- Tells one meeting of a recurring series from the next.
    occurrence text,
    title text,
    mode text,
    ding text,
    status text NOT NULL DEFAULT 'scheduled'
        CHECK (status IN ('scheduled', 'in_progress', 'completed', 'cancelled')),
    storing_consent boolean NOT NULL DEFAULT false,
    scheduled_at timestamptz,
    started_at timestamptz,
    started_mono_ms bigint,
    boot ulid,
    ended_at timestamptz,
    -- From the device's monotonic clock when it said so, else from the two times.
    duration_ms bigint CHECK (duration_ms >= 0),
    erased_at timestamptz,
    settings jsonb NOT NULL DEFAULT '{}',
    -- Counts what arrives for the meeting; artifacts are made up to some count.
    changes bigint NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT now(),
    artifacts_at_change bigint NOT NULL DEFAULT -1,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, workspace_id) REFERENCES workspaces ON DELETE SET NULL (workspace_id),
    FOREIGN KEY (org_id, device_id) REFERENCES devices ON DELETE SET NULL (device_id)
);
CREATE UNIQUE INDEX meetings_external ON meetings (org_id, platform, external_id, occurrence) NULLS NOT DISTINCT
    WHERE external_id IS NOT NULL;
CREATE INDEX meetings_unbuilt ON meetings (changed_at) WHERE artifacts_at_change < changes AND ended_at IS NOT NULL;
CALL prim_protect('meetings');

CREATE FUNCTION prim_meeting_duration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.duration_ms IS NULL AND NEW.started_at IS NOT NULL AND NEW.ended_at IS NOT NULL THEN
        NEW.duration_ms := greatest(0, round(extract(epoch FROM NEW.ended_at - NEW.started_at) * 1000));
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER duration BEFORE INSERT OR UPDATE ON meetings
    FOR EACH ROW EXECUTE FUNCTION prim_meeting_duration();

CREATE TABLE participants (
    org_id ulid NOT NULL,
    meeting_id ulid NOT NULL,
    id ulid NOT NULL,
    external_id text,
    user_id ulid,
    name text,
    role text CHECK (role IN ('host', 'member', 'guest', 'agent')),
    place text CHECK (place IN ('room', 'remote')),
    consent text NOT NULL DEFAULT 'unknown' CHECK (consent IN ('yes', 'no', 'unknown')),
    joined_at timestamptz,
    left_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, meeting_id, id),
    FOREIGN KEY (org_id, meeting_id) REFERENCES meetings ON DELETE CASCADE
);
CALL prim_protect('participants');

CREATE TABLE agenda_items (
    org_id ulid NOT NULL,
    meeting_id ulid NOT NULL,
    id ulid NOT NULL,
    position integer,
    title text,
    planned_ms bigint,
    spent_ms bigint NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, meeting_id, id),
    FOREIGN KEY (org_id, meeting_id) REFERENCES meetings ON DELETE CASCADE
);
CALL prim_protect('agenda_items');

-- What was said, by people and by Prim; Prim's dings stand among them.
CREATE TABLE utterances (
    org_id ulid NOT NULL,
    meeting_id ulid NOT NULL,
    id ulid NOT NULL,
    -- person: participant_id says who, NULL is unknown, never a guess.
    speaker text NOT NULL CHECK (speaker IN ('person', 'prim')),
    participant_id ulid,
    ear text CHECK (ear IN ('room', 'remote')),
    bearing_centideg integer,
    -- Which of the room's voices, where nobody could be named: 1 spoke first.
    speaker_label smallint CHECK (speaker_label > 0),
    -- NULL once erased.
    text text,
    confidence_permille integer,
    -- The policy under which Prim spoke, or under which a person's words are stored.
    policy text,
    is_chime boolean NOT NULL DEFAULT false,
    audio_ref text,
    -- Prim's speech: which piece, and the part nobody heard.
    say bigint,
    -- Whether it was heard: Prim's intent to speak is recorded before the sound, and may never sound.
    sounded boolean NOT NULL DEFAULT true,
    request_id ulid,
    silenced_by text,
    unsaid text,
    -- The clause within which Prim was cut off: heard in part. NULL where it was cut between two.
    partly text,
    boot ulid NOT NULL,
    started_mono_ms bigint NOT NULL,
    ended_mono_ms bigint,
    started_at timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, meeting_id, id),
    FOREIGN KEY (org_id, meeting_id) REFERENCES meetings ON DELETE CASCADE,
    CHECK (speaker = 'prim' OR (say IS NULL AND NOT is_chime))
);
CREATE INDEX utterances_time ON utterances (org_id, meeting_id, started_at);
CREATE INDEX utterances_say ON utterances (org_id, meeting_id, say) WHERE say IS NOT NULL;
CALL prim_protect('utterances');

-- Notes, decisions and actions are operations: a newer one names the one it supersedes, nothing is overwritten.
-- What holds now: the views current_notes, current_decisions, current_actions.
CREATE TABLE notes (
    org_id ulid NOT NULL,
    meeting_id ulid NOT NULL,
    id ulid NOT NULL,
    supersedes ulid,
    agenda_item_id ulid,
    text text,
    utterances jsonb NOT NULL DEFAULT '[]',
    created_by jsonb,
    withdrawn_by jsonb,
    at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, meeting_id, id),
    FOREIGN KEY (org_id, meeting_id) REFERENCES meetings ON DELETE CASCADE
);
CALL prim_protect('notes');

CREATE TABLE decisions (
    org_id ulid NOT NULL,
    meeting_id ulid NOT NULL,
    id ulid NOT NULL,
    supersedes ulid,
    agenda_item_id ulid,
    title text,
    detail text,
    utterances jsonb NOT NULL DEFAULT '[]',
    created_by jsonb,
    withdrawn_by jsonb,
    at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, meeting_id, id),
    FOREIGN KEY (org_id, meeting_id) REFERENCES meetings ON DELETE CASCADE
);
CALL prim_protect('decisions');

CREATE TABLE actions (
    org_id ulid NOT NULL,
    meeting_id ulid NOT NULL,
    id ulid NOT NULL,
    supersedes ulid,
    agenda_item_id ulid,
    title text,
    detail text,
    owner_participant_id ulid,
    due date,
    -- NULL: withdrawn before it was ever seen.
    status text CHECK (status IN ('open', 'done', 'blocked')),
    priority text CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    utterances jsonb NOT NULL DEFAULT '[]',
    created_by jsonb,
    withdrawn_by jsonb,
    at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, meeting_id, id),
    FOREIGN KEY (org_id, meeting_id) REFERENCES meetings ON DELETE CASCADE
);
CREATE INDEX actions_owner ON actions (org_id, owner_participant_id, status);
CALL prim_protect('actions');

CREATE TABLE artifacts (
    org_id ulid NOT NULL,
    meeting_id ulid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('transcript', 'audio', 'export', 'notes', 'summary')),
    name text NOT NULL,
    uri text NOT NULL,
    mime text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    content_hash sha256 NOT NULL,
    meta jsonb NOT NULL DEFAULT '{}',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, meeting_id, name),
    FOREIGN KEY (org_id, meeting_id) REFERENCES meetings ON DELETE CASCADE
);
CREATE INDEX artifacts_kind ON artifacts (org_id, meeting_id, kind);
CALL prim_protect('artifacts');

-- Erases everything people said or are called in a meeting; chain and structure stay.
CREATE FUNCTION prim_erase_meeting(org text, meeting text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    recorder text := (SELECT m.device_id FROM meetings m WHERE m.org_id = org AND m.id = meeting);
BEGIN
    -- Whoever sets words aside holds this shared: they are seen here, or see below that the meeting is erased.
    PERFORM pg_advisory_xact_lock(hashtext('prim_erase_meeting'));
    UPDATE records SET erasable = NULL WHERE org_id = org AND meeting_id = meeting AND erasable IS NOT NULL;
    UPDATE quarantine SET erasable = NULL
        WHERE org_id = org AND meeting_id = meeting AND erasable IS NOT NULL;
    -- Words whose meeting could not be read (a record that was not understood has no time) could be this one's: all of
    -- its device go. What the device signed stays.
    UPDATE records SET erasable = NULL
        WHERE cursor_id IN (SELECT c.id FROM cursors c WHERE c.device_id = recorder)
            AND meeting_id IS NULL AND at_mono_ms IS NULL AND erasable IS NOT NULL;
    UPDATE quarantine SET erasable = NULL
        WHERE cursor_id IN (SELECT c.id FROM cursors c WHERE c.device_id = recorder)
            AND meeting_id IS NULL AND erasable IS NOT NULL;
    -- A refused payload is nobody's rows: where it names the meeting, or words in it no meeting at all, it goes whole. Its
    -- hash and size stay.
    UPDATE rejected SET payload = '', detail = ''
        WHERE (org_id = org OR org_id IS NULL) AND position(convert_to(meeting, 'UTF8') IN payload) > 0;
    UPDATE rejected SET payload = '', detail = ''
        WHERE NOT names_meetings AND starts_with(topic, (SELECT format('prim/1/%s/%s/', o.name, d.name)
            FROM devices d JOIN organisations o ON o.id = d.org_id WHERE d.id = recorder));
    UPDATE meetings SET title = NULL, erased_at = coalesce(erased_at, now()) WHERE org_id = org AND id = meeting;
    UPDATE participants SET name = NULL WHERE org_id = org AND meeting_id = meeting;
    UPDATE agenda_items SET title = NULL WHERE org_id = org AND meeting_id = meeting;
    UPDATE utterances SET text = NULL, unsaid = NULL, partly = NULL WHERE org_id = org AND meeting_id = meeting;
    UPDATE notes SET text = NULL WHERE org_id = org AND meeting_id = meeting;
    UPDATE decisions SET title = NULL, detail = NULL WHERE org_id = org AND meeting_id = meeting;
    UPDATE actions SET title = NULL, detail = NULL WHERE org_id = org AND meeting_id = meeting;
END
$$;
REVOKE ALL ON FUNCTION prim_erase_meeting(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prim_erase_meeting(text, text) TO prim_ingest;

GRANT SELECT, INSERT, UPDATE ON meetings, participants, agenda_items, notes, decisions, actions TO prim_app;
GRANT SELECT ON utterances, artifacts TO prim_app;
GRANT SELECT, INSERT, UPDATE ON meetings, participants, agenda_items, utterances, notes, decisions, actions
    TO prim_ingest;
GRANT SELECT ON meetings, participants, agenda_items, utterances, notes, decisions, actions TO prim_worker;
GRANT UPDATE (artifacts_at_change, updated_at, version, duration_ms) ON meetings TO prim_worker;
GRANT SELECT, INSERT, UPDATE ON artifacts TO prim_worker;

RESET ROLE;
