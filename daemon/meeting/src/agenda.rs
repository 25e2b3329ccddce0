//! Timeboxes: planned and spent time, and the fixed points at which the running item is nudged.

use std::time::Duration;

use prim_ids::{AgendaItemId, MonoTime};

use crate::meeting::Meeting;
use crate::words::spoken_time;
use crate::{
    Actor, AgendaItem, AskReason, BannerAbout, Event, Evidence, MeetingConfig, Output, TimeboxView,
    WithdrawReason,
};

/// An agenda longer than this is a mistake; the rest is dropped. 200 items of a minute fill three hours.
const ITEMS: usize = 200;

#[derive(Debug, Clone, Default)]
pub(crate) struct Agenda {
    items: Vec<AgendaItem>,
    /// The running item, while one runs.
    current: Option<Running>,
    /// Items that ended since the start or the last restart, and when.
    ended: Vec<(AgendaItemId, MonoTime)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    pub(crate) index: usize,
    pub(crate) began: MonoTime,
    /// Spent before `began`: before a restart.
    pub(crate) carried_ms: u64,
    /// Planned time with extensions.
    pub(crate) planned_ms: u64,
    /// All points up to here have been passed.
    pub(crate) passed_ms: u64,
}

impl Running {
    pub(crate) fn spent_ms(&self, now: MonoTime) -> u64 {
        self.carried_ms + millis(now.since(self.began))
    }

    /// The next fixed point after the ones passed: shares of the planned time that are left, its end, then steps of
    /// overtime.
    fn next_point(&self, config: &MeetingConfig) -> Option<u64> {
        if self.planned_ms == 0 {
            return None;
        }
        let before = config
            .nudge_left
            .iter()
            .map(|left| millis(*left))
            .filter(|left| *left < self.planned_ms)
            .map(|left| self.planned_ms - left);
        let step = millis(config.overtime_every);
        let over = match self.passed_ms.checked_sub(self.planned_ms) {
            Some(over) if step > 0 => Some(self.planned_ms + (over / step + 1) * step),
            Some(_) => None,
            None => Some(self.planned_ms),
        };
        before.chain(over).filter(|point| *point > self.passed_ms).min()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Agenda {
    pub(crate) fn new(mut items: Vec<AgendaItem>) -> Self {
        items.truncate(ITEMS);
        Self { items, current: None, ended: Vec::new() }
    }

    pub(crate) fn restored(items: Vec<AgendaItem>, current: Option<Running>) -> Self {
        let current = current.filter(|running| running.index < items.len());
        Self { items, current, ended: Vec::new() }
    }

    pub(crate) fn items(&self) -> &[AgendaItem] {
        &self.items
    }

    pub(crate) fn running(&self) -> Option<(&AgendaItem, Running)> {
        self.current.and_then(|running| Some((self.items.get(running.index)?, running)))
    }

    /// The item that ran at `at`: text comes later than speech, and the next item may have begun meanwhile.
    pub(crate) fn item_at(&self, at: MonoTime) -> Option<AgendaItemId> {
        let then = self.ended.iter().find(|(_, ended)| at < *ended).map(|(item, _)| *item);
        then.or_else(|| self.running().map(|(item, _)| item.id))
    }

    pub(crate) fn view(&self, now: MonoTime) -> Option<TimeboxView> {
        self.running().map(|(item, running)| TimeboxView {
            item: item.id,
            title: item.title.clone(),
            planned_ms: running.planned_ms,
            spent_ms: running.spent_ms(now),
            running: true,
        })
    }

    fn next_title(&self) -> Option<&str> {
        self.items.get(self.current?.index + 1).map(|item| item.title.as_str())
    }
}

impl Meeting {
    fn show_timebox(&mut self) {
        if let Some(timebox) = self.timebox(self.now) {
            self.push(Output::ShowTimebox { timebox });
        }
    }

    pub(crate) fn begin_item(&mut self, index: usize) {
        let now = self.now;
        let Some(session) = self.session.as_mut() else { return };
        let Some(item) = session.agenda.items.get(index).cloned() else { return };
        session.agenda.current =
            Some(Running { index, began: now, carried_ms: 0, planned_ms: item.planned_ms, passed_ms: 0 });
        self.record(Event::ItemStarted { item: item.id, title: item.title, planned_ms: item.planned_ms });
        self.show_timebox();
    }

    pub(crate) fn end_item(&mut self, by: Actor) {
        let now = self.now;
        let Some(session) = self.session.as_mut() else { return };
        let Some((item, running)) = session.agenda.running() else { return };
        let item = item.id;
        let ended =
            Event::ItemEnded { item, planned_ms: running.planned_ms, spent_ms: running.spent_ms(now), by };
        let timebox = session.agenda.view(now).map(|view| TimeboxView { running: false, ..view });
        session.agenda.current = None;
        session.agenda.ended.push((item, now));
        self.record(ended);
        self.timebox_moot(by);
        if let Some(timebox) = timebox {
            self.push(Output::ShowTimebox { timebox });
        }
    }

    /// What was asked or shown about the item's time no longer matters.
    fn timebox_moot(&mut self, by: Actor) {
        self.withdraw_where(by, WithdrawReason::Moot, |reason| {
            matches!(reason, AskReason::TimeboxOver { .. } | AskReason::Drift { .. })
        });
        self.push(Output::ClearBanner { about: BannerAbout::Timebox });
        self.clear_drift();
    }

    /// Goes on; the title and planned time of what comes next, `None` after the last item.
    pub(crate) fn next_item(&mut self, by: Actor) -> Option<(String, u64)> {
        let index = self.session.as_ref()?.agenda.current?.index + 1;
        self.end_item(by);
        self.begin_item(index);
        let (item, running) = self.session.as_ref()?.agenda.running()?;
        Some((item.title.clone(), running.planned_ms))
    }

    /// More time; the item's title, `None` when no timebox runs.
    pub(crate) fn extend_item(&mut self, by_ms: u64, by: Actor) -> Option<String> {
        let now = self.now;
        let session = self.session.as_mut()?;
        let running = session.agenda.current.as_mut().filter(|running| running.planned_ms > 0)?;
        running.planned_ms = running.planned_ms.saturating_add(by_ms);
        // Points of the new plan that already lie behind are not made up for.
        running.passed_ms = running.spent_ms(now);
        let (planned_ms, index) = (running.planned_ms, running.index);
        let item = session.agenda.items.get(index)?;
        let (id, title) = (item.id, item.title.clone());
        self.record(Event::ItemExtended { item: id, planned_ms, by });
        self.timebox_moot(by);
        self.show_timebox();
        Some(title)
    }

    pub(crate) fn agenda_step(&mut self) {
        let now = self.now;
        let Some(session) = self.session.as_mut() else { return };
        let Some(running) = session.agenda.current.as_mut() else { return };
        let spent = running.spent_ms(now);
        let before = running.passed_ms;
        // When several points were slept through, only the last is shown.
        while let Some(point) = running.next_point(&self.config).filter(|point| *point <= spent) {
            running.passed_ms = point;
        }
        let (passed, planned) = (running.passed_ms, running.planned_ms);
        if passed == before {
            return;
        }
        let Some((item, _)) = session.agenda.running() else { return };
        let (item, title) = (item.id, item.title.clone());
        let next = session.agenda.next_title().map(str::to_owned);
        let left_ms = i64::try_from(planned).unwrap_or(i64::MAX) - i64::try_from(passed).unwrap_or(i64::MAX);
        self.record(Event::ItemNudged { item, planned_ms: planned, spent_ms: spent, left_ms });
        self.show_timebox();
        if passed < planned {
            let text = format!("{} left for {title}.", spoken_time(planned - passed));
            self.push(Output::ShowBanner { about: BannerAbout::Timebox, text });
            return;
        }
        let used = if passed == planned {
            format!("{title} has used its {}.", spoken_time(planned))
        } else {
            format!("{title} is {} over its {}.", spoken_time(passed - planned), spoken_time(planned))
        };
        self.push(Output::ShowBanner { about: BannerAbout::Timebox, text: used.clone() });
        let text = next.map_or_else(|| used.clone(), |next| format!("{used} Shall we go on with {next}?"));
        let evidence = Evidence::Clock { planned_ms: planned, spent_ms: spent };
        self.wish(AskReason::TimeboxOver { item }, evidence, text);
    }

    pub(crate) fn agenda_due(&self) -> Option<MonoTime> {
        let (_, running) = self.session.as_ref()?.agenda.running()?;
        let point = running.next_point(&self.config)?;
        Some(running.began + Duration::from_millis(point.saturating_sub(running.carried_ms)))
    }
}
