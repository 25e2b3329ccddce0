//! The utterance stream: what people said.

use prim_proto::{Ear, Utterance};
use sqlx::PgConnection;

use super::{Context, mono_ms};

pub(super) async fn project(
    connection: &mut PgConnection,
    context: &Context<'_>,
    body: &Utterance,
) -> Result<(), sqlx::Error> {
    match body {
        Utterance::Heard {
            id,
            participant,
            ear,
            bearing_centideg,
            speaker_label,
            started_ms,
            ended_ms,
            confidence_permille,
            policy,
            ..
        } => {
            sqlx::query(
                "INSERT INTO utterances (org_id, meeting_id, id, speaker, participant_id, ear, bearing_centideg,
                     speaker_label, text, confidence_permille, policy, boot, started_mono_ms, ended_mono_ms, started_at)
                 VALUES ($1, $2, $3, 'person', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                     to_timestamp($14::float8 / 1000))
                 ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET ear = excluded.ear,
                     bearing_centideg = excluded.bearing_centideg, speaker_label = excluded.speaker_label, policy = excluded.policy,
                     started_mono_ms = excluded.started_mono_ms, ended_mono_ms = excluded.ended_mono_ms,
                     started_at = excluded.started_at, boot = excluded.boot,
                     participant_id = coalesce(utterances.participant_id, excluded.participant_id),
                     text = coalesce(utterances.text, excluded.text)",
            )
            .bind(context.org_id)
            .bind(context.meeting)
            .bind(id.to_string())
            .bind(participant.map(|participant| participant.to_string()))
            .bind(match ear {
                Ear::Room => "room",
                Ear::Remote => "remote",
            })
            .bind(*bearing_centideg)
            .bind(speaker_label.map(i16::from))
            .bind(context.text("text"))
            .bind(confidence_permille.map(i32::from))
            .bind(policy.as_ref().map(prim_proto::Code::as_str))
            .bind(context.record.boot.to_string())
            .bind(mono_ms(*started_ms))
            .bind(mono_ms(*ended_ms))
            .bind(context.wall_ms(*started_ms))
            .execute(connection)
            .await?;
        }
        Utterance::Revised { id, participant, confidence_permille, .. } => {
            sqlx::query(
                "INSERT INTO utterances (org_id, meeting_id, id, speaker, participant_id, text, confidence_permille,
                     boot, started_mono_ms, started_at)
                 VALUES ($1, $2, $3, 'person', $4, $5, $6, $7, $8, to_timestamp($9::float8 / 1000))
                 ON CONFLICT (org_id, meeting_id, id) DO UPDATE SET text = coalesce(excluded.text, utterances.text),
                     participant_id = coalesce(excluded.participant_id, utterances.participant_id),
                     confidence_permille = coalesce(excluded.confidence_permille, utterances.confidence_permille)",
            )
            .bind(context.org_id)
            .bind(context.meeting)
            .bind(id.to_string())
            .bind(participant.map(|participant| participant.to_string()))
            .bind(context.text("text"))
            .bind(confidence_permille.map(i32::from))
            .bind(context.record.boot.to_string())
            .bind(mono_ms(context.record.at))
            .bind(context.at_ms)
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}
