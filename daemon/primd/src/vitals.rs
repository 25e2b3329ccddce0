//! How each part is, for `/health`; what happened and how long it took, for `/metrics`.
//!
//! Counters are counted where things happen, by the macros of `metrics`; here stand their names and meanings, and the
//! stopwatch of the meeting's thread, which sees every fact and every order with its time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use prim_ids::{MonoTime, RequestId};
use prim_meeting::{
    AskReason, Entry, Event, FloorState, FloorView, Input, Output, Peripheral, PeripheralState, SayId,
    SilenceCause,
};

use crate::ledger::{allowed_by, ask_reason, code_of};
use crate::mouth::lock;

/// Bounds in seconds: what DESIGN section 9 promises lies on a bound each.
pub(crate) const BUCKETS_S: [f64; 12] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9, 1.2, 2.0, 5.0, 10.0];
const FLOOR_STATES: [(FloorState, &str); 5] = [
    (FloorState::Idle, "idle"),
    (FloorState::Asking, "asking"),
    (FloorState::Dinged, "dinged"),
    (FloorState::Allowed, "allowed"),
    (FloorState::Speaking, "speaking"),
];

/// This process's resident set, bytes: `VmRSS` of `/proc/self/status`, which is in KiB; `None` where it cannot be read.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib: u64 = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())?;
    Some(kib * 1024)
}

/// Says once what each figure means.
pub(crate) fn describe() {
    let counters: [(&str, Unit, &str); 27] = [
        ("prim_floor_requests_total", Unit::Count, "Times the floor was asked for, by reason"),
        ("prim_dings_total", Unit::Count, "Dings that sounded"),
        ("prim_permissions_total", Unit::Count, "Permissions to speak, by who gave them"),
        ("prim_speeches_total", Unit::Count, "Speeches that began to sound"),
        (
            "prim_speeches_silenced_total",
            Unit::Count,
            "Speeches cut off, by cause; barge_in is a person who began to talk",
        ),
        ("prim_utterances_total", Unit::Count, "Stretches of speech with words, by ear"),
        (
            "prim_own_words_total",
            Unit::Count,
            "Words heard that were Prim's own and are nobody's speech, by ear",
        ),
        ("prim_button_presses_total", Unit::Count, "Presses of the floor button"),
        ("prim_voice_errors_total", Unit::Count, "Clauses that the voice failed to say"),
        (
            "prim_voiceprint_turns_total",
            Unit::Count,
            "Turns whose voice was compared, by outcome; late ones are counted a second time",
        ),
        ("prim_recogniser_errors_total", Unit::Count, "Stretches of speech that the recogniser failed on"),
        ("prim_recogniser_audio_milliseconds_total", Unit::Milliseconds, "Speech given to the recognisers"),
        (
            "prim_recogniser_busy_microseconds_total",
            Unit::Microseconds,
            "Time the recognisers worked on it: divided by the speech it is their real-time factor",
        ),
        ("prim_ear_blocks_total", Unit::Count, "Blocks of 10 ms that the front end took"),
        ("prim_ear_overflowed_blocks_total", Unit::Count, "Blocks dropped because the front end was behind"),
        ("prim_ear_missing_frames_total", Unit::Count, "Frames missing between blocks of the microphones"),
        ("prim_frontend_busy_microseconds_total", Unit::Microseconds, "Time spent in the front end"),
        (
            "prim_speaker_missed_blocks_total",
            Unit::Count,
            "Blocks the loudspeaker had nothing for, or was told to drop",
        ),
        (
            "prim_session_late_blocks_total",
            Unit::Count,
            "Blocks of a session's ear that came after their time",
        ),
        (
            "prim_session_overflowed_blocks_total",
            Unit::Count,
            "Blocks of a session's ear that its reader was too slow for",
        ),
        ("prim_session_gaps_total", Unit::Count, "Holes in the sound of a session's ear"),
        ("prim_spool_refused_records_total", Unit::Count, "Records refused for want of room"),
        ("prim_uplink_batches_total", Unit::Count, "Batches sent, repeats included"),
        ("prim_uplink_rejected_records_total", Unit::Count, "Records that gateways keep only as rejected"),
        (
            "prim_uplink_refusals_total",
            Unit::Count,
            "Refusals by the gateway of records that stay here and are sent again",
        ),
        ("prim_uplink_dropped_live_events_total", Unit::Count, "Live events for panels that were dropped"),
        ("prim_mouth_refused_orders_total", Unit::Count, "Orders that the mouth had no place for"),
    ];
    for (name, unit, help) in counters {
        describe_counter!(name, unit, help);
    }
    let gauges: [(&str, Unit, &str); 14] = [
        ("prim_floor_state", Unit::Count, "1 for the state the floor is in, 0 for the others"),
        ("prim_floor_queue_requests", Unit::Count, "Requests that wait for the floor"),
        (
            "prim_part_up",
            Unit::Count,
            "1 while the part works, 0.5 while it works worse, 0 while it is not there",
        ),
        ("prim_adapter_up", Unit::Count, "1 while the adapter's meeting is joined"),
        ("prim_link_up", Unit::Count, "1 while the broker is connected"),
        (
            "prim_link_problem",
            Unit::Count,
            "1 for what tells most of why the broker is not connected or refuses records, 0 for the others, by reason",
        ),
        ("prim_gateway_present", Unit::Count, "1 while a gateway takes batches"),
        ("prim_inbox_waiting_messages", Unit::Count, "Facts that wait for the meeting's thread"),
        ("prim_spool_records", Unit::Count, "Records that wait for a gateway"),
        ("prim_spool_bytes", Unit::Bytes, "Their size"),
        ("prim_disk_free_bytes", Unit::Bytes, "Free on the disk under the spool"),
        ("prim_spool_stream_records", Unit::Count, "Records that wait, by stream"),
        ("process_resident_memory_bytes", Unit::Bytes, "Resident memory, models included"),
        ("prim_spool_head", Unit::Count, "The last number given out, by stream"),
    ];
    for (name, unit, help) in gauges {
        describe_gauge!(name, unit, help);
    }
    for (name, help) in [
        ("prim_press_to_light_seconds", "From the button's edge to the light that answers it"),
        ("prim_allow_to_first_audio_seconds", "From a permission to the first sound"),
        (
            "prim_question_to_first_audio_seconds",
            "From the end of a question to the first sound of its answer; from the command in it where the answer comes before the words",
        ),
        ("prim_stop_to_silence_seconds", "From the order to stop to the mouth's word that it is silent"),
        (
            "prim_barge_in_to_silence_seconds",
            "From the block in which a person talking over Prim was noticed to silence; noticing itself takes 100 to 200 ms more",
        ),
        ("prim_first_partial_seconds", "From the first sound of a stretch of speech to its first words"),
    ] {
        describe_histogram!(name, Unit::Seconds, help);
    }
}

/// How each part is; shared by the meeting's thread, which is told, and the health page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts(Arc<Mutex<BTreeMap<&'static str, PeripheralState>>>);

impl Parts {
    pub(crate) fn note(&self, which: Peripheral, state: &PeripheralState) {
        let share = match state {
            PeripheralState::Up => 1.0,
            PeripheralState::Degraded { .. } => 0.5,
            PeripheralState::Absent { .. } => 0.0,
        };
        gauge!("prim_part_up", "part" => name(which)).set(share);
        lock(&self.0).insert(name(which), state.clone());
    }

    /// `up`, `degraded` or `absent`, and why; `starting` before anything was heard of it.
    pub(crate) fn state(&self, which: Peripheral) -> (&'static str, Option<String>) {
        match lock(&self.0).get(name(which)) {
            None => ("starting", None),
            Some(PeripheralState::Up) => ("up", None),
            Some(PeripheralState::Degraded { reason }) => ("degraded", Some(reason.clone())),
            Some(PeripheralState::Absent { reason }) => ("absent", Some(reason.clone())),
        }
    }
}

fn name(which: Peripheral) -> &'static str {
    match which {
        Peripheral::Microphones => "microphones",
        Peripheral::RemoteLink => "platform",
        Peripheral::Speaker => "speaker",
        Peripheral::Light => "light",
        Peripheral::Button => "button",
        Peripheral::Stt => "recogniser",
        Peripheral::Tts => "voice",
        Peripheral::LanguageModel => "language_model",
        Peripheral::Uplink => "gateway",
        Peripheral::Disk => "disk",
    }
}

/// What a request's speech is measured from.
#[derive(Debug, Clone, Copy, Default)]
struct Since {
    asked: Option<MonoTime>,
    allowed: Option<MonoTime>,
}

/// Requests whose speech may still come; the core's queue holds no more.
const REQUESTS: usize = 16;

/// What the meeting's thread measures: each begun time is used once.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch {
    given_at: MonoTime,
    pressed: Option<MonoTime>,
    /// When the last question ended, or the command in it was heard: the request that follows is for its answer.
    asked: Option<MonoTime>,
    requests: BTreeMap<RequestId, Since>,
    saying: Option<(SayId, Since)>,
    silencing: Option<(&'static str, MonoTime)>,
}

impl Stopwatch {
    /// Before the core gets `input`, which happened at `at`.
    pub(crate) fn input(&mut self, at: MonoTime, input: &Input) {
        self.given_at = at;
        #[expect(clippy::wildcard_enum_match_arm, reason = "only these begin or end a time")]
        match input {
            Input::ButtonPressed => {
                counter!("prim_button_presses_total").increment(1);
                self.pressed = Some(at);
            }
            Input::UtteranceHeard { started, ended, addressed, .. } => {
                self.asked = addressed.then_some(*ended).or(self.asked);
                // A command is heard before its sentence ends; the answer is counted from the end.
                let waiting = self.requests.values_mut().chain(self.saying.as_mut().map(|(_, since)| since));
                for asked in waiting.filter_map(|since| since.asked.as_mut()) {
                    if (*started..=*ended).contains(asked) {
                        *asked = *ended;
                    }
                }
            }
            Input::CommandHeard { at, .. } => self.asked = Some(*at),
            Input::SpeakingStarted { say } => {
                counter!("prim_speeches_total").increment(1);
                if let Some((_, since)) = self.saying.take().filter(|(saying, _)| saying == say) {
                    seconds("prim_allow_to_first_audio_seconds", since.allowed, at);
                    seconds("prim_question_to_first_audio_seconds", since.asked, at);
                }
            }
            Input::SpeakingSilenced { .. } => {
                if let Some((figure, since)) = self.silencing.take() {
                    seconds(figure, Some(since), at);
                }
            }
            _ => {}
        }
    }

    /// For each order, when it was carried out.
    pub(crate) fn carried_out(&mut self, at: MonoTime, order: &Output) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only these begin or end a time")]
        match order {
            Output::Show { .. } => seconds("prim_press_to_light_seconds", self.pressed.take(), at),
            Output::Silence { cause, .. } => {
                self.silencing = match cause {
                    SilenceCause::BargeIn => Some(("prim_barge_in_to_silence_seconds", self.given_at)),
                    SilenceCause::Stop => Some(("prim_stop_to_silence_seconds", self.given_at)),
                    SilenceCause::Muted
                    | SilenceCause::TooLong
                    | SilenceCause::Deaf
                    | SilenceCause::CoachOnly
                    | SilenceCause::NotStarted
                    | SilenceCause::MeetingEnded => None,
                };
            }
            Output::ShowFloor { floor } => show_floor(floor),
            Output::Say { say, request, .. } => {
                self.saying = Some((*say, self.requests.remove(request).unwrap_or_default()));
            }
            _ => {}
        }
    }

    /// For each record of the core.
    pub(crate) fn record(&mut self, entry: &Entry) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only these are counted")]
        match &entry.event {
            Event::FloorRequested { request, reason, .. } => {
                counter!("prim_floor_requests_total", "reason" => ask_reason(reason)).increment(1);
                if matches!(reason, AskReason::Asked { .. } | AskReason::Question) {
                    self.since(*request).asked = self.asked.take();
                }
            }
            Event::DingPlayed { .. } => counter!("prim_dings_total").increment(1),
            Event::Allowed { request, by, .. } => {
                counter!("prim_permissions_total", "by" => allowed_by(*by)).increment(1);
                self.since(*request).allowed = Some(entry.at);
            }
            Event::SaySilenced { cause, .. } => {
                let cause = code_of(cause).as_str().to_owned();
                counter!("prim_speeches_silenced_total", "cause" => cause).increment(1);
            }
            _ => {}
        }
    }
}

impl Stopwatch {
    fn since(&mut self, request: RequestId) -> &mut Since {
        if self.requests.len() >= REQUESTS {
            self.requests.pop_first();
        }
        self.requests.entry(request).or_default()
    }
}

fn show_floor(floor: &FloorView) {
    for (state, name) in FLOOR_STATES {
        gauge!("prim_floor_state", "state" => name).set(f64::from(u8::from(floor.state == state)));
    }
    gauge!("prim_floor_queue_requests").set(floor.queue.len() as f64);
}

/// Records the time from `since` to `at`, when there is one.
pub(crate) fn seconds(figure: &'static str, since: Option<MonoTime>, at: MonoTime) {
    if let Some(since) = since {
        histogram!(figure).record(at.since(since).as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn times_are_measured_between_what_belongs_together_and_names_keep_to_the_rules() {
        let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS_S).unwrap().build_recorder();
        let at = MonoTime::from_millis;
        metrics::with_local_recorder(&recorder, || {
            describe();
            let mut watch = Stopwatch::default();
            let say = SayId(1);
            watch.input(at(1_000), &Input::ButtonPressed);
            watch.carried_out(at(1_030), &Output::Show { light: prim_meeting::Light::Pressed });
            watch.carried_out(at(9_000), &Output::Show { light: prim_meeting::Light::Idle });
            let request = RequestId::from_u128(5);
            let event = Event::Allowed { request, by: prim_meeting::Actor::Button, waited_ms: 4_000 };
            watch.record(&Entry { at: at(19_900), event });
            watch.carried_out(at(19_905), &Output::Say { say, request, clauses: 1 });
            watch.input(at(20_000), &Input::SpeakingStarted { say });
            watch.input(at(20_010), &Input::SpeakingStarted { say });
            watch.carried_out(at(20_500), &Output::Silence { say, cause: SilenceCause::BargeIn });
            watch.input(at(20_080), &Input::SpeakingSilenced { say, played_ms: 80 });
            let request = RequestId::from_u128(6);
            watch.input(
                at(30_200),
                &Input::CommandHeard {
                    ear: prim_meeting::Ear::Room,
                    speaker: None,
                    command: prim_meeting::Command::TimeLeft,
                    at: at(29_000),
                    utterance: None,
                },
            );
            let reason = AskReason::Asked { command: prim_meeting::Command::TimeLeft };
            let evidence = prim_meeting::Evidence::Utterances { ids: Vec::new() };
            let event = Event::FloorRequested { request, reason, evidence };
            watch.record(&Entry { at: at(30_201), event });
            watch.input(
                at(30_600),
                &Input::UtteranceHeard {
                    utterance: prim_ids::UtteranceId::from_u128(1),
                    ear: prim_meeting::Ear::Room,
                    speaker: None,
                    bearing_deg: None,
                    text: String::new(),
                    started: at(28_500),
                    ended: at(30_000),
                    addressed: true,
                },
            );
            watch.carried_out(at(30_700), &Output::Say { say: SayId(2), request, clauses: 1 });
            watch.input(at(30_800), &Input::SpeakingStarted { say: SayId(2) });
            Parts::default().note(Peripheral::Disk, &PeripheralState::Up);
        });
        let page = recorder.handle().render();
        let has = |line: &str| assert!(page.contains(line), "{line} is missing in:\n{page}");
        has("prim_press_to_light_seconds_bucket{le=\"0.05\"} 1");
        has("prim_press_to_light_seconds_bucket{le=\"0.02\"} 0");
        has("prim_press_to_light_seconds_count 1");
        has("prim_barge_in_to_silence_seconds_bucket{le=\"0.1\"} 1");
        has("prim_allow_to_first_audio_seconds_bucket{le=\"0.1\"} 1");
        has("prim_allow_to_first_audio_seconds_count 1");
        has("prim_question_to_first_audio_seconds_bucket{le=\"0.9\"} 1");
        has("# HELP prim_press_to_light_seconds From the button");
        has("prim_part_up{part=\"disk\"} 1");
        for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(page.contains(&format!("# HELP {name} ")), "{name} says what it means");
        }
    }
}
