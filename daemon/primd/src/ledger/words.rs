//! The core's words in the words of the records: actors, reasons, states.

use prim_ids::ParticipantId;
use prim_meeting::{Actor, AskReason, ConsentAnswer, Mode, Peripheral, Place, SilenceCause};
use prim_proto::{self as proto, Code};

/// A code from a word of this file.
pub(crate) fn code(word: &str) -> Code {
    word.parse().unwrap_or_else(|_| slug(word))
}

/// A code from a fieldless variant's name: `NoGap` is `no_gap`. Only for closed enums without private data.
pub(crate) fn code_of<T: std::fmt::Debug>(variant: &T) -> Code {
    let mut out = String::new();
    for c in format!("{variant:?}").chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    slug(&out)
}

/// A reason for people as a code: lower case, the rest of the alphabet as `_`, at most 64.
pub(crate) fn slug(text: &str) -> Code {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .take(64)
        .collect();
    if out.is_empty() {
        out.push_str("unknown");
    }
    out.parse().expect("only a-z, 0-9 and '_', 1 to 64 of them")
}

pub(super) fn mode_of(mode: Mode) -> proto::PolicyMode {
    match mode {
        Mode::CoachOnly => proto::PolicyMode::CoachOnly,
        Mode::AnswerOnAsk => proto::PolicyMode::AnswerOnAsk,
        Mode::ProactiveTimekeeper => proto::PolicyMode::ProactiveTimekeeper,
    }
}

pub(super) fn consent(answer: ConsentAnswer) -> proto::ConsentAnswer {
    match answer {
        ConsentAnswer::Yes => proto::ConsentAnswer::Yes,
        ConsentAnswer::No => proto::ConsentAnswer::No,
        ConsentAnswer::TakenBack => proto::ConsentAnswer::TakenBack,
    }
}

pub(super) fn waited(voices: &[prim_meeting::WaitedFor]) -> Vec<proto::WaitedFor> {
    let voice = |voice: &prim_meeting::WaitedFor| proto::WaitedFor {
        ear: crate::listener::ear_name(voice.ear),
        participant: voice.speaker,
    };
    voices.iter().map(voice).collect()
}

pub(crate) fn card_audience(to: prim_meeting::Audience) -> proto::CardAudience {
    match to {
        prim_meeting::Audience::Everyone => proto::CardAudience::Everyone,
        prim_meeting::Audience::Host => proto::CardAudience::Hosts,
        prim_meeting::Audience::Person { who } => proto::CardAudience::Person { id: who },
    }
}

pub(super) fn where_of(place: Place) -> proto::Where {
    match place {
        Place::Room => proto::Where::Room,
        Place::Remote => proto::Where::Remote,
    }
}

pub(super) fn ding_setting(setting: prim_meeting::DingSetting) -> proto::DingPlace {
    match setting {
        prim_meeting::DingSetting::Room => proto::DingPlace::Room,
        prim_meeting::DingSetting::Host => proto::DingPlace::Host,
        prim_meeting::DingSetting::Off => proto::DingPlace::Off,
    }
}

pub(crate) fn ask_reason(reason: &AskReason) -> &'static str {
    match reason {
        AskReason::TimeboxOver { .. } => "timebox_over",
        AskReason::Drift { .. } => "drift",
        AskReason::Asked { .. } => "asked",
        AskReason::Question => "question",
        AskReason::SayNext => "say_next",
        AskReason::Consent => "consent",
        AskReason::RoomHand => "room_hand",
        AskReason::RemoteHand { .. } => "remote_hand",
    }
}

pub(crate) fn allowed_by(actor: Actor) -> &'static str {
    match actor {
        Actor::Prim => "prim",
        Actor::Policy => "policy",
        Actor::Button => "button",
        Actor::MuteSwitch => "mute_switch",
        Actor::Voice { .. } => "voice",
        Actor::Participant { .. } => "participant",
        Actor::Panel { .. } => "panel",
    }
}

pub(super) fn actor(actor: Actor) -> proto::Actor {
    match actor {
        Actor::Prim => proto::Actor::Prim,
        Actor::Policy => proto::Actor::Policy,
        Actor::Button | Actor::MuteSwitch => proto::Actor::Button,
        Actor::Voice { speaker: Some(id) } | Actor::Participant { who: id } => proto::Actor::Person { id },
        Actor::Voice { speaker: None } => proto::Actor::UnknownVoice,
        Actor::Panel { user } => proto::Actor::Panel { id: Some(ParticipantId::from_u128(user.as_u128())) },
    }
}

pub(crate) fn silence(cause: SilenceCause, stopped_by: Option<Actor>) -> proto::SilenceCause {
    match cause {
        SilenceCause::BargeIn => proto::SilenceCause::BargeIn,
        SilenceCause::Stop => match stopped_by {
            Some(Actor::Button) => proto::SilenceCause::Button,
            Some(Actor::Panel { .. }) => proto::SilenceCause::Panel,
            Some(
                Actor::Prim
                | Actor::Policy
                | Actor::MuteSwitch
                | Actor::Voice { .. }
                | Actor::Participant { .. },
            )
            | None => proto::SilenceCause::SpokenStop,
        },
        // Only a panel changes the mode.
        SilenceCause::CoachOnly => proto::SilenceCause::Panel,
        SilenceCause::Muted => proto::SilenceCause::Mute,
        SilenceCause::TooLong => proto::SilenceCause::Cap,
        SilenceCause::Deaf | SilenceCause::NotStarted => proto::SilenceCause::Fault,
        SilenceCause::MeetingEnded => proto::SilenceCause::MeetingEnded,
    }
}

pub(super) fn peripheral(which: Peripheral) -> proto::Peripheral {
    match which {
        Peripheral::Microphones => proto::Peripheral::Mic,
        Peripheral::RemoteLink => proto::Peripheral::Platform,
        Peripheral::Speaker => proto::Peripheral::Speaker,
        Peripheral::Light => proto::Peripheral::Light,
        Peripheral::Button => proto::Peripheral::Button,
        Peripheral::Stt => proto::Peripheral::Stt,
        Peripheral::Tts => proto::Peripheral::Tts,
        Peripheral::LanguageModel => proto::Peripheral::Llm,
        Peripheral::Uplink => proto::Peripheral::Link,
        Peripheral::Disk => proto::Peripheral::Disk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_and_reasons_become_codes() {
        assert_eq!(code_of(&prim_meeting::CardReason::NoGap).as_str(), "no_gap");
        assert_eq!(slug("the recogniser, it fell behind!").as_str(), "the_recogniser__it_fell_behind_");
        assert_eq!(slug("").as_str(), "unknown");
    }
}
