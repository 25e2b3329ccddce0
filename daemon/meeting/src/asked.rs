//! Direct questions and the words of an answer: drafted, synthesised before they are needed, and put in line.

use prim_ids::{MonoTime, ParticipantId, RequestId, UtteranceId};

use crate::meeting::Meeting;
use crate::turn::{Speech, Stage, Synthesis, Turn, card_reason};
use crate::{
    Actor, AskReason, CardReason, Command, Ear, Evidence, Output, Ruling, SayId, SpeakerLabel, clauses,
};

/// A voice that asked Prim for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Voice {
    pub(crate) ear: Ear,
    pub(crate) speaker: Option<ParticipantId>,
    /// Which of the room's voices, where that is known.
    pub(crate) label: Option<SpeakerLabel>,
    /// When its words began, as far as that is known.
    pub(crate) at: MonoTime,
    /// Its utterance, if that may be written down.
    pub(crate) utterance: Option<UtteranceId>,
}

/// What is to be said.
enum Words {
    Known(String),
    /// They are looked for, outside first if the question may leave the device.
    Wanted {
        question: String,
        outside: bool,
    },
}

impl Voice {
    pub(crate) fn actor(self) -> Actor {
        Actor::Voice { speaker: self.speaker }
    }

    fn evidence(self) -> Evidence {
        Evidence::Person { by: self.actor(), utterance: self.utterance }
    }
}

impl Meeting {
    /// Cuts the words into clauses and has them synthesised; nothing is heard yet.
    pub(crate) fn draft(&mut self, text: &str) -> Speech {
        self.floor.says += 1;
        let say = SayId(self.floor.says);
        let (clauses, rest) = clauses::worth_synthesising(clauses::split(text), self.config.speech_cap);
        self.push(Output::Prepare { say, clauses: clauses.clone() });
        Speech { say, clauses, rest, synthesis: Synthesis::Pending }
    }

    pub(crate) fn prepared(&mut self, say: SayId, lengths_ms: Option<Vec<u32>>) {
        let floor = &mut self.floor;
        let speeches = floor.queue.iter_mut().filter_map(|ask| ask.speech.as_mut()).chain(
            floor.turn.iter_mut().chain(floor.next.iter_mut()).filter_map(|turn| turn.speech.as_mut()),
        );
        for speech in speeches {
            if speech.say == say && speech.synthesis == Synthesis::Pending {
                // A length for each clause, or it cannot be cut: anything else is a failure.
                speech.synthesis = match &lengths_ms {
                    Some(lengths) if lengths.len() == speech.clauses.len() => {
                        Synthesis::Ready(lengths.clone())
                    }
                    Some(_) | None => Synthesis::Failed,
                };
            }
        }
    }

    /// Somebody asked Prim directly and the answer's words are known.
    pub(crate) fn answer(&mut self, command: Command, voice: Voice, text: String) {
        let reason = AskReason::Asked { command };
        let request = self.new_request(&reason, voice.evidence());
        self.direct(request, reason, voice.actor(), Words::Known(text));
    }

    /// Somebody asked Prim a free question.
    pub(crate) fn free_question(&mut self, question: String, voice: Voice) {
        let request = self.new_request(&AskReason::Question, voice.evidence());
        // What may not be written down does not leave the device as a question either.
        let outside = self.config.ask_outside && voice.utterance.is_some();
        self.direct(request, AskReason::Question, voice.actor(), Words::Wanted { question, outside });
    }

    pub(crate) fn say_next(&mut self, text: String, by: Actor) {
        if self.session.is_some() && !text.trim().is_empty() {
            let evidence = Evidence::Person { by, utterance: None };
            let request = self.new_request(&AskReason::SayNext, evidence);
            self.direct(request, AskReason::SayNext, by, Words::Known(text));
        }
    }

    fn direct(&mut self, request: RequestId, reason: AskReason, by: Actor, words: Words) {
        let verdict = self.judge(request, &reason);
        let to_card = match verdict.ruling {
            Ruling::Speak | Ruling::Ask => None,
            Ruling::Card | Ruling::Refuse => Some(card_reason(verdict.reason)),
        };
        match (words, to_card) {
            (Words::Known(text), Some(_)) => self.card_instead(request, &reason, &text, verdict.reason),
            (Words::Known(text), None) => {
                let speech = self.draft(&text);
                let stage = Stage::Preparing { until: self.now + self.config.prepare_limit };
                let direct = !matches!(reason, AskReason::SayNext);
                self.enter(Turn { request, reason, by, direct, to_card: None, speech: Some(speech), stage });
            }
            (Words::Wanted { question, outside }, to_card) => {
                let mut until = self.now;
                if outside {
                    self.push(Output::AnswerWanted { request, question: question.clone() });
                    until = until + self.config.answer_limit;
                }
                let stage = Stage::Answering { question, until };
                self.enter(Turn { request, reason, by, direct: true, to_card, speech: None, stage });
            }
        }
    }

    /// A direct question takes the turn, replaces an older unheard question, or comes next.
    fn enter(&mut self, turn: Turn) {
        if self.floor.turn.as_ref().is_some_and(|old| old.direct) && self.turn_unheard() {
            self.card_turn(CardReason::Superseded);
        }
        if self.floor.turn.is_none() {
            self.floor.turn = Some(turn);
        } else if let Some(old) = self.floor.next.replace(turn) {
            self.card_of(old.request, &old.reason, old.speech, CardReason::Superseded);
        }
    }

    pub(crate) fn answer_ready(&mut self, request: RequestId, text: Option<String>) {
        let floor = &self.floor;
        let asked = floor.turn.iter().chain(floor.next.iter()).find(|turn| turn.request == request);
        let Some(Stage::Answering { question, .. }) = asked.map(|turn| turn.stage.clone()) else { return };
        let text = match text.filter(|text| !text.trim().is_empty()) {
            Some(text) => text,
            None => self.own_answer(&question),
        };
        let speech = self.draft(&text);
        let until = self.now + self.config.prepare_limit;
        let floor = &mut self.floor;
        if let Some(turn) =
            floor.turn.iter_mut().chain(floor.next.iter_mut()).find(|turn| turn.request == request)
        {
            turn.speech = Some(speech);
            turn.stage = Stage::Preparing { until };
        }
    }
}
