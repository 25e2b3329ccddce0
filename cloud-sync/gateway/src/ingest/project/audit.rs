//! The audit stream: the meeting itself, who is there, the agenda, what Prim said.

use prim_ids::{UtteranceId, WallTime};
use prim_proto::{Audit, ConsentAnswer, DingPlace, Ear, PolicyMode, Role, SilenceCause, Where};
use sqlx::PgConnection;

use super::{Context, mono_ms};

pub(super) async fn project(
    connection: &mut PgConnection,
    context: &Context<'_>,
    body: &Audit,
) -> Result<(), sqlx::Error> {
    let (org, meeting) = (context.org_id, context.meeting);
    match body {
        Audit::MeetingStarted { mode, ding, .. } => {
            sqlx::query(
                "UPDATE meetings SET title = coalesce($3, title), mode = $4, ding = $5,
                     device_id = coalesce(device_id, $6), boot = coalesce(boot, $7),
                     started_mono_ms = coalesce(started_mono_ms, $8),
                     started_at = coalesce(started_at, to_timestamp($9::float8 / 1000)),
                     status = CASE WHEN ended_at IS NULL THEN 'in_progress' ELSE 'completed' END
                 WHERE org_id = $1 AND id = $2",
            )
            .bind(org)
            .bind(meeting)
            .bind(context.text("title"))
            .bind(mode_word(*mode))
            .bind(ding_word(*ding))
            .bind(context.device_id)
            .bind(context.record.boot.to_string())
            .bind(mono_ms(context.record.at))
            .bind(context.at_ms)
            .execute(connection)
            .await?;
        }
        Audit::MeetingEnded { duration_ms } => {
            sqlx::query(
                "UPDATE meetings SET ended_at = to_timestamp($3::float8 / 1000), duration_ms = $4, status = 'completed'
                 WHERE org_id = $1 AND id = $2",
            )
            .bind(org)
            .bind(meeting)
            .bind(context.at_ms)
            .bind(i64::try_from(*duration_ms).unwrap_or(i64::MAX))
            .execute(connection)
            .await?;
        }
        Audit::ParticipantPlanned { participant, place, role, .. } => {
            sqlx::query(
                "INSERT INTO participants (org_id, meeting_id, id, name, role, place) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET name = coalesce(participants.name, excluded.name),
                     role = coalesce(participants.role, excluded.role),
                     place = coalesce(participants.place, excluded.place)",
            )
            .bind(org)
            .bind(meeting)
            .bind(participant.to_string())
            .bind(context.text("name"))
            .bind(role_word(*role))
            .bind(place_word(*place))
            .execute(connection)
            .await?;
        }
        Audit::ParticipantJoined { participant, place, role, .. } => {
            sqlx::query(
                "INSERT INTO participants (org_id, meeting_id, id, name, role, place, joined_at)
                 VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000))
                 ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET name = coalesce(excluded.name, participants.name),
                     role = excluded.role, place = excluded.place, left_at = NULL,
                     joined_at = coalesce(participants.joined_at, excluded.joined_at)",
            )
            .bind(org)
            .bind(meeting)
            .bind(participant.to_string())
            .bind(context.text("name"))
            .bind(role_word(*role))
            .bind(place_word(*place))
            .bind(context.at_ms)
            .execute(connection)
            .await?;
        }
        Audit::ParticipantLeft { participant } => {
            sqlx::query(
                "INSERT INTO participants (org_id, meeting_id, id, left_at)
                 VALUES ($1, $2, $3, to_timestamp($4::float8 / 1000))
                 ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET left_at = excluded.left_at",
            )
            .bind(org)
            .bind(meeting)
            .bind(participant.to_string())
            .bind(context.at_ms)
            .execute(connection)
            .await?;
        }
        Audit::ConsentAnswered { participant: Some(participant), answer, .. } => {
            sqlx::query(
                "INSERT INTO participants (org_id, meeting_id, id, consent) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET consent = excluded.consent",
            )
            .bind(org)
            .bind(meeting)
            .bind(participant.to_string())
            .bind(match answer {
                ConsentAnswer::Yes => "yes",
                ConsentAnswer::No => "no",
                ConsentAnswer::Unknown | ConsentAnswer::TakenBack => "unknown",
            })
            .execute(connection)
            .await?;
        }
        // A no that was nobody's by name was taken back: whose yes on that side still holds is not known.
        Audit::ConsentAnswered {
            participant: None,
            answer: ConsentAnswer::TakenBack,
            ear: Some(ear),
            way,
            ..
        } if way.as_str() != "everyone_by_name" => {
            sqlx::query(
                "UPDATE participants SET consent = 'unknown'
                 WHERE org_id = $1 AND meeting_id = $2 AND place = $3 AND consent = 'yes' AND left_at IS NULL",
            )
            .bind(org)
            .bind(meeting)
            .bind(match ear {
                Ear::Room => "room",
                Ear::Remote => "remote",
            })
            .execute(connection)
            .await?;
        }
        Audit::ConsentChanged { storing, .. } => {
            sqlx::query("UPDATE meetings SET storing_consent = $3 WHERE org_id = $1 AND id = $2")
                .bind(org)
                .bind(meeting)
                .bind(*storing)
                .execute(connection)
                .await?;
        }
        Audit::ModeChanged { mode, .. } => {
            sqlx::query("UPDATE meetings SET mode = $3 WHERE org_id = $1 AND id = $2")
                .bind(org)
                .bind(meeting)
                .bind(mode_word(*mode))
                .execute(connection)
                .await?;
        }
        Audit::DingChanged { place, .. } => {
            sqlx::query("UPDATE meetings SET ding = $3 WHERE org_id = $1 AND id = $2")
                .bind(org)
                .bind(meeting)
                .bind(ding_word(*place))
                .execute(connection)
                .await?;
        }
        Audit::AgendaItem { item, position, planned_ms, .. } => {
            sqlx::query(
                "INSERT INTO agenda_items (org_id, meeting_id, id, position, title, planned_ms)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET position = excluded.position,
                     title = coalesce(excluded.title, agenda_items.title), planned_ms = excluded.planned_ms",
            )
            .bind(org)
            .bind(meeting)
            .bind(item.to_string())
            .bind(i32::try_from(*position).unwrap_or(i32::MAX))
            .bind(context.text("title"))
            .bind(i64::try_from(*planned_ms).unwrap_or(i64::MAX))
            .execute(connection)
            .await?;
        }
        Audit::Timebox { item, planned_ms, spent_ms, .. } => {
            let planned = i64::try_from(*planned_ms).unwrap_or(i64::MAX);
            sqlx::query(
                "INSERT INTO agenda_items (org_id, meeting_id, id, planned_ms, spent_ms) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET
                     planned_ms = coalesce(excluded.planned_ms, agenda_items.planned_ms),
                     spent_ms = greatest(agenda_items.spent_ms, excluded.spent_ms)",
            )
            .bind(org)
            .bind(meeting)
            .bind(item.to_string())
            .bind(planned)
            .bind(i64::try_from(*spent_ms).unwrap_or(i64::MAX))
            .execute(connection)
            .await?;
        }
        Audit::FloorDinged { request } => {
            prim_speaks(connection, context, None, Some(request.to_string()), None, None).await?;
        }
        Audit::SayIntended { say, request, permission, .. } => {
            let request = request.map(|request| request.to_string());
            prim_speaks(
                connection,
                context,
                Some(*say),
                request,
                context.text("text"),
                Some(permission.as_str()),
            )
            .await?;
        }
        Audit::SayStarted { say } => {
            sqlx::query(
                "UPDATE utterances SET sounded = true, started_mono_ms = $4,
                     started_at = to_timestamp($5::float8 / 1000)
                 WHERE org_id = $1 AND meeting_id = $2 AND id = (SELECT id FROM utterances
                     WHERE org_id = $1 AND meeting_id = $2 AND say = $3 ORDER BY id DESC LIMIT 1)",
            )
            .bind(org)
            .bind(meeting)
            .bind(i64::try_from(*say).unwrap_or(i64::MAX))
            .bind(mono_ms(context.record.at))
            .bind(context.at_ms)
            .execute(connection)
            .await?;
        }
        Audit::SayFinished { say, spoken_ms } => said(connection, context, *say, *spoken_ms, None).await?,
        Audit::SaySilenced { say, cause, spoken_ms, .. } => {
            said(connection, context, *say, *spoken_ms, Some(*cause)).await?;
        }
        Audit::MeetingErased { .. } => {
            sqlx::query("SELECT prim_erase_meeting($1, $2)")
                .bind(org)
                .bind(meeting)
                .execute(connection)
                .await?;
        }
        // These stand in the view `audit`; no other row follows from them. A rotated key is the store's business.
        Audit::ConsentAnswered { participant: None, .. }
        | Audit::FloorRequested { .. }
        | Audit::FloorVerdict { .. }
        | Audit::FloorDingIntended { .. }
        | Audit::FloorAllowed { .. }
        | Audit::FloorDeclined { .. }
        | Audit::FloorWithdrawn { .. }
        | Audit::FloorExpired { .. }
        | Audit::FloorStopped { .. }
        | Audit::FloorServed { .. }
        | Audit::FloorCarded { .. }
        | Audit::CardShown { .. }
        | Audit::Button { .. }
        | Audit::Mute { .. }
        | Audit::PeripheralChanged { .. }
        | Audit::Drift { .. }
        | Audit::KeyRotated { .. }
        | Audit::ClockOffset { .. }
        | Audit::Addressed { .. }
        | Audit::NotNoted { .. }
        | Audit::ResetOrdered { .. }
        | Audit::Daemon { .. } => {}
    }
    Ok(())
}

/// A row for Prim's speech, or for its ding when `say` is `None`. Its id is made from the record's hash.
async fn prim_speaks(
    connection: &mut PgConnection,
    context: &Context<'_>,
    say: Option<u64>,
    request: Option<String>,
    text: Option<String>,
    policy: Option<&str>,
) -> Result<(), sqlx::Error> {
    let random = context.hash.0.iter().take(16).fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte));
    let id = UtteranceId::from_parts(WallTime::from_unix_millis(context.at_ms), random);
    sqlx::query(
        "INSERT INTO utterances (org_id, meeting_id, id, speaker, text, policy, is_chime, say, sounded, request_id,
             boot, started_mono_ms, started_at)
         VALUES ($1, $2, $3, 'prim', $4, $5, $6::bigint IS NULL, $6, $6::bigint IS NULL, $7, $8, $9,
             to_timestamp($10::float8 / 1000))
         ON CONFLICT (org_id, meeting_id, id) DO NOTHING",
    )
    .bind(context.org_id)
    .bind(context.meeting)
    .bind(id.to_string())
    .bind(text)
    .bind(policy)
    .bind(say.map(|say| i64::try_from(say).unwrap_or(i64::MAX)))
    .bind(request)
    .bind(context.record.boot.to_string())
    .bind(mono_ms(context.record.at))
    .bind(context.at_ms)
    .execute(connection)
    .await
    .map(drop)
}

async fn said(
    connection: &mut PgConnection,
    context: &Context<'_>,
    say: u64,
    spoken_ms: u64,
    silenced: Option<SilenceCause>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE utterances SET ended_mono_ms = started_mono_ms + $4, silenced_by = $5, unsaid = $6,
             partly = $7, sounded = sounded OR $4 > 0
         WHERE org_id = $1 AND meeting_id = $2 AND id = (SELECT id FROM utterances
             WHERE org_id = $1 AND meeting_id = $2 AND say = $3 ORDER BY id DESC LIMIT 1)",
    )
    .bind(context.org_id)
    .bind(context.meeting)
    .bind(i64::try_from(say).unwrap_or(i64::MAX))
    .bind(i64::try_from(spoken_ms).unwrap_or(0).min(86_400_000))
    .bind(silenced.map(silence_word))
    .bind(context.text("unsaid"))
    .bind(context.text("partly"))
    .execute(connection)
    .await
    .map(drop)
}

fn mode_word(mode: PolicyMode) -> &'static str {
    match mode {
        PolicyMode::CoachOnly => "coach_only",
        PolicyMode::AnswerOnAsk => "answer_on_ask",
        PolicyMode::ProactiveTimekeeper => "proactive_timekeeper",
    }
}

fn ding_word(place: DingPlace) -> &'static str {
    match place {
        DingPlace::Room => "room",
        DingPlace::Host => "host",
        DingPlace::Off => "off",
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Host => "host",
        Role::Member => "member",
        Role::Guest => "guest",
        Role::Agent => "agent",
    }
}

fn place_word(place: Where) -> &'static str {
    match place {
        Where::Room => "room",
        Where::Remote => "remote",
    }
}

fn silence_word(cause: SilenceCause) -> &'static str {
    match cause {
        SilenceCause::BargeIn => "barge_in",
        SilenceCause::SpokenStop => "spoken_stop",
        SilenceCause::Button => "button",
        SilenceCause::Panel => "panel",
        SilenceCause::Mute => "mute",
        SilenceCause::Cap => "cap",
        SilenceCause::Fault => "fault",
        SilenceCause::MeetingEnded => "meeting_ended",
    }
}
