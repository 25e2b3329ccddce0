//! A meeting as its files tell it, read from the tables.

use sqlx::{PgConnection, Row as _};

use super::voices::muted;

/// A meeting, in the order things happened. Times are milliseconds since its start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meeting {
    /// The organisation's name.
    pub org: String,
    /// The meeting's id.
    pub id: String,
    /// Its title, unless erased.
    pub title: Option<String>,
    /// When it began, ISO 8601 in UTC.
    pub started_at: Option<String>,
    /// How long it ran.
    pub duration_ms: Option<i64>,
    /// How free Prim was.
    pub mode: Option<String>,
    /// Who was there.
    pub people: Vec<Person>,
    /// The agenda.
    pub agenda: Vec<Item>,
    /// What was said, Prim's dings, and when Prim was muted.
    pub lines: Vec<Line>,
    /// Decisions that hold.
    pub decisions: Vec<Thing>,
    /// Actions that hold.
    pub actions: Vec<Task>,
    /// Notes that hold.
    pub notes: Vec<Thing>,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: String,
    /// The name, unless erased.
    pub name: Option<String>,
    /// The part in the meeting.
    pub role: Option<String>,
    /// Room or remote.
    pub place: Option<String>,
}

/// One line of the agenda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The id.
    pub id: String,
    /// The title, unless erased.
    pub title: Option<String>,
    /// Planned time, where it is known.
    pub planned_ms: Option<i64>,
    /// Spent time.
    pub spent_ms: i64,
}

/// Whose voice it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voice {
    /// A person; the id, where it is known.
    Person(Option<String>),
    /// Prim.
    Prim,
    /// Prim's ding.
    Ding,
    /// Nobody's: Prim was muted and heard nothing. What was said then is not known to it.
    Muted,
}

/// Something that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The utterance.
    pub id: String,
    /// Whose.
    pub voice: Voice,
    /// `room` or `remote`, where it is known.
    pub ear: Option<String>,
    /// From which direction in the room, where it is known; degrees.
    pub bearing_deg: Option<f64>,
    /// Which of the room's voices, where nobody could be named.
    pub speaker_label: Option<i16>,
    /// When.
    pub start_ms: i64,
    /// Until when, where it is known.
    pub end_ms: Option<i64>,
    /// The words, unless erased; of Prim's, all that it was about to say.
    pub text: Option<String>,
    /// The clause of Prim's words that was heard in part.
    pub partly: Option<String>,
    /// What of Prim's words nobody heard.
    pub unsaid: Option<String>,
    /// Why Prim fell silent early.
    pub silenced_by: Option<String>,
}

/// A decision or a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// The id.
    pub id: String,
    /// What, unless erased.
    pub title: Option<String>,
    /// More.
    pub detail: Option<String>,
    /// The agenda item it belongs to.
    pub item: Option<String>,
    /// The utterances it rests on.
    pub utterances: Vec<String>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What is to be done.
    pub thing: Thing,
    /// Who does it.
    pub owner: Option<String>,
    /// By which day, ISO 8601.
    pub due: Option<String>,
    /// How far it is.
    pub status: Option<String>,
}

impl Meeting {
    /// What to call a participant.
    #[must_use]
    pub fn name_of(&self, id: Option<&str>) -> String {
        let known = id.and_then(|id| self.people.iter().find(|person| person.id == id));
        match (id, known.and_then(|person| person.name.as_ref())) {
            (_, Some(name)) => name.clone(),
            (Some(id), None) => format!("Participant {}", id.get(20..).unwrap_or(id)),
            (None, None) => "Unknown".to_owned(),
        }
    }
}

/// The meeting, and the count of changes it reflects.
pub(super) async fn meeting(
    tx: &mut PgConnection,
    org_id: &str,
    id: &str,
) -> Result<Option<(Meeting, i64)>, sqlx::Error> {
    let head = sqlx::query(
        "SELECT o.name AS org, m.title, m.mode, m.duration_ms, m.changes, m.boot, m.started_mono_ms,
             to_char(m.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS started,
             (extract(epoch FROM m.started_at) * 1000)::bigint AS started_ms
         FROM meetings m JOIN organisations o ON o.id = m.org_id
         WHERE m.org_id = $1 AND m.id = $2 AND m.ended_at IS NOT NULL AND m.artifacts_at_change < m.changes",
    )
    .bind(org_id)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(head) = head else { return Ok(None) };
    let mut meeting = Meeting {
        org: head.try_get("org")?,
        id: id.to_owned(),
        title: head.try_get("title")?,
        started_at: head.try_get("started")?,
        duration_ms: head.try_get("duration_ms")?,
        mode: head.try_get("mode")?,
        ..Meeting::default()
    };
    let start = Start {
        boot: head.try_get("boot")?,
        mono_ms: head.try_get("started_mono_ms")?,
        wall_ms: head.try_get("started_ms")?,
    };
    let people = sqlx::query(
        "SELECT id, name, role, place FROM participants WHERE org_id = $1 AND meeting_id = $2 ORDER BY joined_at, id",
    );
    for row in people.bind(org_id).bind(id).fetch_all(&mut *tx).await? {
        meeting.people.push(Person {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            role: row.try_get("role")?,
            place: row.try_get("place")?,
        });
    }
    let agenda = sqlx::query(
        "SELECT id, title, planned_ms, spent_ms FROM agenda_items WHERE org_id = $1 AND meeting_id = $2
         ORDER BY position, id",
    );
    for row in agenda.bind(org_id).bind(id).fetch_all(&mut *tx).await? {
        meeting.agenda.push(Item {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            planned_ms: row.try_get("planned_ms")?,
            spent_ms: row.try_get("spent_ms")?,
        });
    }
    let lines = sqlx::query(
        "SELECT id, speaker, participant_id, ear, bearing_centideg, speaker_label, text, partly, unsaid, silenced_by,
             is_chime, boot, started_mono_ms, ended_mono_ms,
             (extract(epoch FROM started_at) * 1000)::bigint AS started_ms
         FROM utterances WHERE org_id = $1 AND meeting_id = $2 AND sounded ORDER BY started_at, id",
    );
    for row in lines.bind(org_id).bind(id).fetch_all(&mut *tx).await? {
        let voice = match (row.try_get::<&str, _>("speaker")?, row.try_get("is_chime")?) {
            ("prim", true) => Voice::Ding,
            ("prim", false) => Voice::Prim,
            _ => Voice::Person(row.try_get("participant_id")?),
        };
        let mono: i64 = row.try_get("started_mono_ms")?;
        let start_ms = start.since(&row.try_get::<String, _>("boot")?, mono, row.try_get("started_ms")?);
        let end_ms =
            row.try_get::<Option<i64>, _>("ended_mono_ms")?.map(|end| start_ms + (end - mono).max(0));
        meeting.lines.push(Line {
            id: row.try_get("id")?,
            voice,
            ear: row.try_get("ear")?,
            bearing_deg: row.try_get::<Option<i32>, _>("bearing_centideg")?.map(|c| f64::from(c) / 100.0),
            speaker_label: row.try_get("speaker_label")?,
            start_ms,
            end_ms,
            text: row.try_get("text")?,
            partly: row.try_get("partly")?,
            unsaid: row.try_get("unsaid")?,
            silenced_by: row.try_get("silenced_by")?,
        });
    }
    let mutes = sqlx::query(
        "SELECT raw::jsonb ->> 'boot' AS boot, at_mono_ms,
             (extract(epoch FROM coalesce(at_wall, received_at)) * 1000)::bigint AS wall_ms,
             raw::jsonb -> 'body' ->> 'which' = 'soft' AS soft, (raw::jsonb -> 'body' ->> 'on')::boolean AS is_on
         FROM chain_records WHERE org_id = $1 AND meeting_id = $2 AND stream = 'audit' AND kind = 'mute'
             AND status = 'accepted' AND at_mono_ms IS NOT NULL ORDER BY epoch, seq",
    );
    let mut moves = Vec::new();
    for row in mutes.bind(org_id).bind(id).fetch_all(&mut *tx).await? {
        let at = start.since(
            &row.try_get::<String, _>("boot")?,
            row.try_get("at_mono_ms")?,
            row.try_get("wall_ms")?,
        );
        moves.push((at, row.try_get("soft")?, row.try_get("is_on")?));
    }
    for (from, to) in muted(moves) {
        meeting.lines.push(Line {
            id: format!("muted-{from}"),
            voice: Voice::Muted,
            ear: None,
            bearing_deg: None,
            speaker_label: None,
            start_ms: from,
            end_ms: to.or(meeting.duration_ms),
            text: None,
            partly: None,
            unsaid: None,
            silenced_by: None,
        });
    }
    meeting.lines.sort_by(|a, b| (a.start_ms, &a.id).cmp(&(b.start_ms, &b.id)));
    let decisions = sqlx::query(
        "SELECT id, title, detail, agenda_item_id, utterances::text AS utterances FROM current_decisions
         WHERE org_id = $1 AND meeting_id = $2 ORDER BY at, id",
    );
    for row in decisions.bind(org_id).bind(id).fetch_all(&mut *tx).await? {
        meeting.decisions.push(thing(&row)?);
    }
    let notes = sqlx::query(
        "SELECT id, text AS title, NULL::text AS detail, agenda_item_id, utterances::text AS utterances
         FROM current_notes WHERE org_id = $1 AND meeting_id = $2 ORDER BY at, id",
    );
    for row in notes.bind(org_id).bind(id).fetch_all(&mut *tx).await? {
        meeting.notes.push(thing(&row)?);
    }
    let actions = sqlx::query(
        "SELECT id, title, detail, agenda_item_id, utterances::text AS utterances, owner_participant_id,
             to_char(due, 'YYYY-MM-DD') AS due, status
         FROM current_actions
         WHERE org_id = $1 AND meeting_id = $2 ORDER BY at, id",
    );
    for row in actions.bind(org_id).bind(id).fetch_all(&mut *tx).await? {
        meeting.actions.push(Task {
            thing: thing(&row)?,
            owner: row.try_get("owner_participant_id")?,
            due: row.try_get("due")?,
            status: row.try_get("status")?,
        });
    }
    Ok(Some((meeting, head.try_get("changes")?)))
}

fn thing(row: &sqlx::postgres::PgRow) -> Result<Thing, sqlx::Error> {
    let links: &str = row.try_get("utterances")?;
    Ok(Thing {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        detail: row.try_get("detail")?,
        item: row.try_get("agenda_item_id")?,
        utterances: serde_json::from_str(links).unwrap_or_default(),
    })
}

struct Start {
    boot: Option<String>,
    mono_ms: Option<i64>,
    wall_ms: Option<i64>,
}

impl Start {
    /// Within the boot the meeting began in, the monotonic clock says; across a restart, wall time has to.
    fn since(&self, boot: &str, mono_ms: i64, wall_ms: i64) -> i64 {
        let same = self.boot.as_deref() == Some(boot);
        let elapsed = match (same, self.mono_ms, self.wall_ms) {
            (true, Some(start), _) => mono_ms - start,
            (false, _, Some(start)) | (true, None, Some(start)) => wall_ms - start,
            (_, _, None) => 0,
        };
        elapsed.max(0)
    }
}
