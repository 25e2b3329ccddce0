//! A plan as the core takes it.

use prim_ids::{IdSource, MeetingId, ParticipantId};
use prim_meeting::{AgendaItem, ConsentRule, DingSetting, Input, MeetingConfig, Mode, Person, Place, Role};

use crate::agenda::{self, MeetingPlan};
use crate::clock;

/// The core's configuration for a plan.
pub(crate) fn config_for(plan: Option<&MeetingPlan>, seed: u128) -> MeetingConfig {
    let mut config = MeetingConfig {
        seed,
        ask_outside: false,
        utc_offset_min: clock::utc_offset_min(),
        ..MeetingConfig::default()
    };
    if let Some(plan) = plan {
        config.mode = match plan.mode {
            agenda::Mode::CoachOnly => Mode::CoachOnly,
            agenda::Mode::AnswerOnAsk => Mode::AnswerOnAsk,
            agenda::Mode::ProactiveTimekeeper => Mode::ProactiveTimekeeper,
        };
        config.ding = match plan.ding {
            agenda::DingPlace::Room => DingSetting::Room,
            agenda::DingPlace::HostOnly => DingSetting::Host,
            agenda::DingPlace::Off => DingSetting::Off,
        };
    }
    config
}

/// The plan as the core takes it, and who hosts.
pub(crate) fn start_of(plan: &MeetingPlan, seed: u128) -> (Input, Vec<ParticipantId>) {
    let wall = clock::wall_now();
    let mut ids = IdSource::new(seed);
    let people: Vec<Person> = plan
        .people
        .iter()
        .map(|p| Person {
            id: p.id.unwrap_or_else(|| ParticipantId::from_parts(wall, ids.next_random())),
            name: p.name.clone(),
            role: if p.host { Role::Host } else { Role::Member },
            place: match p.place {
                agenda::Place::Room => Place::Room,
                agenda::Place::Remote => Place::Remote,
            },
        })
        .collect();
    let hosts = people.iter().filter(|p| p.role == Role::Host).map(|p| p.id).collect();
    let agenda = plan
        .agenda
        .iter()
        .map(|item| AgendaItem {
            id: prim_ids::AgendaItemId::from_parts(wall, ids.next_random()),
            title: item.title.clone(),
            planned_ms: u64::from(item.planned_s) * 1000,
        })
        .collect();
    let meeting = plan.id.unwrap_or_else(|| MeetingId::from_parts(wall, ids.next_random()));
    let input = Input::MeetingStarted {
        meeting,
        wall,
        title: plan.title.clone(),
        agenda,
        people,
        consent: match plan.consent {
            agenda::Consent::Given => ConsentRule::Given,
            agenda::Consent::AskEveryone => ConsentRule::AskEveryone,
            agenda::Consent::Never => ConsentRule::Never,
        },
    };
    (input, hosts)
}
