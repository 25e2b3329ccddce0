//! Drift: the talk has left the running item. Keywords of the agenda's titles against what was said lately.

use prim_ids::{AgendaItemId, MonoTime, UtteranceId};

use crate::meeting::Meeting;
use crate::words::{alike, keywords, tokens};
use crate::{AskReason, BannerAbout, Event, Evidence, Output};

#[derive(Debug, Clone, Default)]
pub(crate) struct Drift {
    last_noticed: Option<MonoTime>,
    shown: bool,
}

impl Meeting {
    pub(crate) fn clear_drift(&mut self) {
        let Some(session) = self.session.as_mut() else { return };
        if std::mem::take(&mut session.drift.shown) {
            self.push(Output::ClearBanner { about: BannerAbout::Drift });
        }
    }

    /// Looks at the window after each recorded utterance. Nothing is noticed without keywords in the item's title.
    pub(crate) fn look_for_drift(&mut self) {
        let now = self.now;
        let Some(session) = self.session.as_ref() else { return };
        let Some((item, running)) = session.agenda.running() else { return };
        let since = (now - self.config.drift_window).max(running.began);
        let window: Vec<_> = session
            .listening
            .memory
            .iter()
            .filter(|heard| heard.ended >= since && !heard.addressed)
            .collect();
        let words: Vec<String> =
            window.iter().flat_map(|heard| tokens(&heard.text)).map(|token| token.word).collect();
        let hits = |title: &str| {
            keywords(title).iter().filter(|keyword| words.iter().any(|word| alike(keyword, word))).count()
        };
        let topic = keywords(&item.title);
        if topic.is_empty() {
            return;
        }
        if hits(&item.title) > 0 {
            self.clear_drift();
            return;
        }
        let rested = session.drift.last_noticed.is_none_or(|last| now >= last + self.config.drift_interval);
        if window.len() < self.config.drift_utterances || !rested {
            return;
        }
        let running = item.id;
        let towards: Option<(AgendaItemId, String)> = session
            .agenda
            .items()
            .iter()
            .filter(|other| other.id != running)
            .map(|other| (hits(&other.title), other))
            .filter(|(hits, _)| *hits > 0)
            .max_by_key(|(hits, _)| *hits)
            .map(|(_, other)| (other.id, other.title.clone()));
        let utterances: Vec<UtteranceId> = window.iter().map(|heard| heard.utterance).collect();
        let text = match &towards {
            Some((_, other)) => format!("We are on {}; this sounds like {other}.", item.title),
            None => format!("We are on {}; this sounds like something else.", item.title),
        };
        let towards = towards.map(|(id, _)| id);
        self.record(Event::DriftNoticed { item: running, towards, utterances: utterances.clone() });
        self.push(Output::ShowBanner { about: BannerAbout::Drift, text: text.clone() });
        if let Some(session) = self.session.as_mut() {
            session.drift.last_noticed = Some(now);
            session.drift.shown = true;
        }
        if self.config.drift_may_ask {
            self.wish(AskReason::Drift { item: running }, Evidence::Utterances { ids: utterances }, text);
        }
    }
}
