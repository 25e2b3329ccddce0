//! The note stream: operations on notes, decisions and actions.

use prim_ids::UtteranceId;
use prim_proto::{ActionStatus, Actor, Note};
use sqlx::PgConnection;

use super::Context;

pub(super) async fn project(
    connection: &mut PgConnection,
    context: &Context<'_>,
    body: &Note,
) -> Result<(), sqlx::Error> {
    let (org, meeting) = (context.org_id, context.meeting);
    let made = match body {
        Note::Noted { id, supersedes, item, utterances, by, .. } => sqlx::query(
            "INSERT INTO notes (org_id, meeting_id, id, supersedes, agenda_item_id, text, utterances, created_by, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, to_timestamp($9::float8 / 1000))
             ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET supersedes = excluded.supersedes,
                 agenda_item_id = excluded.agenda_item_id, text = coalesce(excluded.text, notes.text),
                 utterances = excluded.utterances, created_by = excluded.created_by, at = excluded.at",
        )
        .bind(org)
        .bind(meeting)
        .bind(id.to_string())
        .bind(supersedes.map(|id| id.to_string()))
        .bind(item.map(|item| item.to_string()))
        .bind(context.text("text"))
        .bind(links(utterances))
        .bind(actor(by))
        .bind(context.at_ms),
        Note::Decided { id, supersedes, item, utterances, by, .. } => sqlx::query(
            "INSERT INTO decisions (org_id, meeting_id, id, supersedes, agenda_item_id, title, detail, utterances,
                 created_by, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, to_timestamp($10::float8 / 1000))
             ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET supersedes = excluded.supersedes,
                 agenda_item_id = excluded.agenda_item_id, title = coalesce(excluded.title, decisions.title),
                 detail = coalesce(excluded.detail, decisions.detail), utterances = excluded.utterances,
                 created_by = excluded.created_by, at = excluded.at",
        )
        .bind(org)
        .bind(meeting)
        .bind(id.to_string())
        .bind(supersedes.map(|id| id.to_string()))
        .bind(item.map(|item| item.to_string()))
        .bind(context.text("title"))
        .bind(context.text("text"))
        .bind(links(utterances))
        .bind(actor(by))
        .bind(context.at_ms),
        Note::ActionTaken { id, supersedes, item, utterances, owner, due, status, by, .. } => sqlx::query(
            "INSERT INTO actions (org_id, meeting_id, id, supersedes, agenda_item_id, title, detail, utterances,
                 created_by, at, owner_participant_id, status, due)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, to_timestamp($10::float8 / 1000), $11, $12,
                 $13::date)
             ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET supersedes = excluded.supersedes,
                 agenda_item_id = excluded.agenda_item_id, title = coalesce(excluded.title, actions.title),
                 detail = coalesce(excluded.detail, actions.detail), utterances = excluded.utterances,
                 created_by = excluded.created_by, at = excluded.at,
                 owner_participant_id = excluded.owner_participant_id, status = excluded.status,
                 due = excluded.due",
        )
        .bind(org)
        .bind(meeting)
        .bind(id.to_string())
        .bind(supersedes.map(|id| id.to_string()))
        .bind(item.map(|item| item.to_string()))
        .bind(context.text("title"))
        .bind(context.text("text"))
        .bind(links(utterances))
        .bind(actor(by))
        .bind(context.at_ms)
        .bind(owner.map(|owner| owner.to_string()))
        .bind(match status {
            ActionStatus::Open => "open",
            ActionStatus::Done => "done",
            ActionStatus::Blocked => "blocked",
        })
        .bind(due.map(|due| due.to_string())),
        Note::NoteWithdrawn { id, by } => sqlx::query(
            "INSERT INTO notes (org_id, meeting_id, id, withdrawn_by) VALUES ($1, $2, $3, $4::jsonb)
             ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET withdrawn_by = excluded.withdrawn_by",
        )
        .bind(org)
        .bind(meeting)
        .bind(id.to_string())
        .bind(actor(by)),
        Note::DecisionWithdrawn { id, by } => sqlx::query(
            "INSERT INTO decisions (org_id, meeting_id, id, withdrawn_by) VALUES ($1, $2, $3, $4::jsonb)
             ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET withdrawn_by = excluded.withdrawn_by",
        )
        .bind(org)
        .bind(meeting)
        .bind(id.to_string())
        .bind(actor(by)),
        Note::ActionWithdrawn { id, by } => sqlx::query(
            "INSERT INTO actions (org_id, meeting_id, id, withdrawn_by) VALUES ($1, $2, $3, $4::jsonb)
             ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET withdrawn_by = excluded.withdrawn_by",
        )
        .bind(org)
        .bind(meeting)
        .bind(id.to_string())
        .bind(actor(by)),
    };
    made.execute(connection).await.map(drop)
}

fn links(utterances: &[UtteranceId]) -> String {
    serde_json::to_string(utterances).expect("ids are strings")
}

fn actor(by: &Actor) -> String {
    serde_json::to_string(by).expect("an actor is strings")
}
