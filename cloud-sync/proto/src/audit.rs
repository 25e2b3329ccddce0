//! The audit stream: what Prim did, with whose permission, and what it was told.
//!
//! People appear by id; names and words are [`Sealed`].

mod floor;
mod parts;
mod people;

use prim_ids::{AgendaItemId, ParticipantId, RequestId, UtteranceId};

pub use self::floor::{DingPlace, PolicyMode, SilenceCause, Verdict};
pub use self::parts::{Light, MuteKind, Peripheral, PeripheralState};
pub use self::people::{Actor, CardAudience, ConsentAnswer, Role, WaitedFor, Where};
use crate::body::vocabulary;
use crate::{Code, Ear, Rotation, Sealed};

vocabulary! {
    /// One thing Prim did or was told.
    Audit {
        /// A meeting began.
        "meeting.started" MeetingStarted {
            /// Its title.
            title: Sealed,
            /// How free Prim is.
            mode: PolicyMode,
            /// Where it may ding.
            ding: DingPlace,
        }
        /// The meeting ended.
        "meeting.ended" MeetingEnded {
            /// How long it ran, on the monotonic clock.
            duration_ms: u64,
        }
        /// Somebody is invited. Whether they are there shows when they join; who sits in the room never shows.
        "participant.planned" ParticipantPlanned {
            /// The participant.
            participant: ParticipantId,
            /// The name.
            name: Sealed,
            /// Where they are expected.
            place: Where,
            /// The part in the meeting.
            role: Role,
        }
        /// Somebody came.
        "participant.joined" ParticipantJoined {
            /// The participant.
            participant: ParticipantId,
            /// The name.
            name: Sealed,
            /// Room or remote.
            place: Where,
            /// The part in the meeting.
            role: Role,
        }
        /// Somebody left.
        "participant.left" ParticipantLeft {
            /// The participant.
            participant: ParticipantId,
        }
        /// Somebody answered whether words may be stored.
        "consent.answered" ConsentAnswered {
            /// The participant; `null` for the room as a whole, and for a voice that nobody can be named for.
            participant: Option<ParticipantId>,
            /// The answer.
            answer: ConsentAnswer,
            /// Where it was said; `null` for an invitation or the platform.
            ear: Option<Ear>,
            /// How that is known: `invitation`, `platform`, `own_voice`, `only_one_there`, `for_the_room`,
            /// `unnamed_voice`, `everyone_by_name`.
            way: Code,
            /// Whose act it was.
            by: Actor,
            /// The utterance, if it may be stored.
            utterance: Option<UtteranceId>,
        }
        /// The meeting's consent changed: words are stored, or no longer.
        "consent.changed" ConsentChanged {
            /// Whether any words may be stored from here on.
            storing: bool,
            /// Those said in the room.
            room: bool,
            /// Those said on the platform.
            remote: bool,
        }
        /// The policy mode changed.
        "mode.changed" ModeChanged {
            /// The new mode.
            mode: PolicyMode,
            /// By whom.
            by: Actor,
        }
        /// Where dings sound was changed.
        "ding.changed" DingChanged {
            /// The new place.
            place: DingPlace,
            /// By whom.
            by: Actor,
        }
        /// Somebody spoke to Prim.
        "addressed" Addressed {
            /// The command, unless it was free speech.
            command: Option<Code>,
            /// Who, if known.
            participant: Option<ParticipantId>,
        }
        /// The floor was asked for.
        "floor.requested" FloorRequested {
            /// The request.
            request: RequestId,
            /// Why.
            reason: Code,
            /// What it rests on, in words.
            evidence: Option<Sealed>,
            /// The utterance it rests on.
            utterance: Option<UtteranceId>,
            /// Who wants the floor.
            by: Actor,
        }
        /// What policy decided.
        "floor.verdict" FloorVerdict {
            /// The request.
            request: RequestId,
            /// The decision.
            verdict: Verdict,
            /// Why.
            reason: Code,
        }
        /// A ding is about to sound. On disk before the sound.
        "floor.ding_intended" FloorDingIntended {
            /// The request.
            request: RequestId,
            /// Where.
            place: DingPlace,
            /// How long nobody had spoken.
            silence_ms: u64,
            /// Who spoke while it asked: it waited for them and for the silence behind them. Empty: for silence alone.
            waited_for: Vec<WaitedFor>,
        }
        /// The ding sounded.
        "floor.dinged" FloorDinged {
            /// The request.
            request: RequestId,
        }
        /// Somebody allowed it.
        "floor.allowed" FloorAllowed {
            /// The request.
            request: RequestId,
            /// Who allowed it.
            by: Actor,
            /// How long it had waited.
            waited_ms: u64,
        }
        /// Somebody said not now.
        "floor.declined" FloorDeclined {
            /// The request.
            request: RequestId,
            /// Who declined it.
            by: Actor,
        }
        /// The wish was taken back.
        "floor.withdrawn" FloorWithdrawn {
            /// The request.
            request: RequestId,
            /// Why.
            reason: Code,
        }
        /// The answer became a card instead of speech.
        "floor.carded" FloorCarded {
            /// The request.
            request: RequestId,
            /// Why it was not spoken.
            reason: Code,
        }
        /// Nobody answered, or the device restarted.
        "floor.expired" FloorExpired {
            /// The request.
            request: RequestId,
            /// Why.
            reason: Code,
        }
        /// Somebody said stop.
        "floor.stopped" FloorStopped {
            /// The request that was stopped, if one was open.
            request: Option<RequestId>,
            /// Who stopped it.
            by: Actor,
        }
        /// The request was served: Prim spoke to its end, or the person whose hand it was speaks.
        "floor.served" FloorServed {
            /// The request.
            request: RequestId,
            /// Who speaks.
            by: Actor,
        }
        /// Prim is about to speak. On disk before the sound.
        "say.intended" SayIntended {
            /// Counts the meeting's spoken pieces.
            say: u64,
            /// The request it was allowed for.
            request: Option<RequestId>,
            /// The permission it rests on.
            permission: Code,
            /// How long it should be.
            planned_ms: u64,
            /// How long it was ready and waited for people to leave a gap.
            waited_ms: u64,
            /// Who spoke meanwhile.
            waited_for: Vec<WaitedFor>,
            /// The words.
            text: Sealed,
        }
        /// The first sound was played.
        "say.started" SayStarted {
            /// Which piece.
            say: u64,
        }
        /// It was said to the end.
        "say.finished" SayFinished {
            /// Which piece.
            say: u64,
            /// How long it sounded.
            spoken_ms: u64,
        }
        /// It was cut off.
        "say.silenced" SaySilenced {
            /// Which piece.
            say: u64,
            /// Why.
            cause: SilenceCause,
            /// How long it sounded.
            spoken_ms: u64,
            /// The clause within which it was cut, from 0; `null` where it was cut between two clauses.
            cut_clause: Option<u32>,
            /// How much of that clause sounded.
            cut_played_ms: Option<u64>,
            /// The whole of that clause: it was heard in part.
            partly: Option<Sealed>,
            /// The clauses of which nothing was heard.
            unsaid: Option<Sealed>,
        }
        /// Something was shown. Its words stand elsewhere, or are people's and are not kept here.
        "card.shown" CardShown {
            /// To whom.
            to: CardAudience,
            /// `listening`, `consent`, `time`, `agenda`, `answer`, `words`, `whole_answer`, `silenced`, `noted`,
            /// `decided`, `action`, `not_noted`,
            /// `objection_stands`, `not_understood`.
            what: Code,
            /// Why it was shown instead of said, where it was.
            reason: Option<Code>,
            /// Words that Prim was about to say and that did not fit.
            unsaid: Option<Sealed>,
        }
        /// Something was to be noted and was not.
        "not_noted" NotNoted {
            /// `note`, `decision`, `action`.
            what: Code,
            /// Why.
            reason: Code,
        }
        /// The button was used.
        "button" Button {
            /// `short_press`, `hold`, `reset_warning`, `reset`, `ignored`, …
            gesture: Code,
            /// What it did: `allow`, `not_now`, `stop`, `ask_floor`, `mute`, …
            effect: Code,
            /// How long it was held; 0 on the edge.
            held_ms: u64,
        }
        /// Muted or unmuted.
        "mute" Mute {
            /// Which mute.
            which: MuteKind,
            /// Whether Prim is deaf now.
            on: bool,
            /// By whom.
            by: Actor,
        }
        /// A part of the device changed its state.
        "peripheral" PeripheralChanged {
            /// Which part.
            which: Peripheral,
            /// How it is.
            state: PeripheralState,
            /// Why.
            reason: Option<Code>,
        }
        /// A line of the agenda as planned.
        "agenda.item" AgendaItem {
            /// The item.
            item: AgendaItemId,
            /// Its place, from 0.
            position: u32,
            /// Its title.
            title: Sealed,
            /// How long it should take.
            planned_ms: u64,
        }
        /// A timebox moved: started, nudged, extended, ended.
        "timebox" Timebox {
            /// The item.
            item: AgendaItemId,
            /// `started`, `nudged`, `over`, `extended`, `ended`, …
            moved: Code,
            /// Time planned by now.
            planned_ms: u64,
            /// Time spent by now.
            spent_ms: u64,
            /// Time left at the point that a nudge is about; negative when over.
            left_ms: Option<i64>,
            /// By whom.
            by: Actor,
        }
        /// The talk left the agenda's item, or came back to it.
        "drift" Drift {
            /// The item that is on.
            item: AgendaItemId,
            /// Whether the talk is elsewhere now.
            away: bool,
            /// The item the talk is about instead, if one matches.
            towards: Option<AgendaItemId>,
            /// The utterances that show it.
            utterances: Vec<UtteranceId>,
        }
        /// The button ordered a reset of the device.
        "reset.ordered" ResetOrdered {
            /// By whom.
            by: Actor,
        }
        /// The audit key changed; signed by the old one.
        "key.rotated" KeyRotated {
            /// Old key's consent to the new key.
            rotation: Rotation,
        }
        /// Wall time became trusted.
        "clock.offset" ClockOffset {
            /// Add this to wall times stamped unsynchronised in this boot.
            offset_ms: i64,
            /// `ntp`, `gateway`, `manual`.
            source: Code,
        }
        /// Everything a person said in this meeting was erased on request.
        "meeting.erased" MeetingErased {
            /// How many records lost their payload.
            records: u64,
            /// By whom.
            by: Actor,
        }
        /// The device started or stopped recording audit.
        "daemon" Daemon {
            /// `started`, `stopped`, `restarted_after_crash`.
            state: Code,
        }
    }
}
