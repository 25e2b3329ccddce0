//! Soft mute and the hardware switch. While either holds, Prim neither hears nor dings nor speaks unasked.

use crate::meeting::Meeting;
use crate::{Actor, BannerAbout, Event, Output, SilenceCause, WithdrawReason};

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Muting {
    pub(crate) soft: bool,
    pub(crate) hard: bool,
}

impl Muting {
    pub(crate) fn muted(self) -> bool {
        self.soft || self.hard
    }
}

impl Meeting {
    /// Software never lifts the hardware switch; under it the soft mute still can be set or lifted for later.
    pub(crate) fn set_soft_mute(&mut self, on: bool, by: Actor) {
        if self.muting.soft != on {
            // Deaf first, then everything else.
            self.push(Output::Mute { on });
            self.change_mute(Muting { soft: on, ..self.muting }, by);
        }
    }

    pub(crate) fn mute_switch_moved(&mut self, on: bool) {
        if self.muting.hard != on {
            self.change_mute(Muting { hard: on, ..self.muting }, Actor::MuteSwitch);
        }
    }

    fn change_mute(&mut self, to: Muting, by: Actor) {
        let before = self.muting.muted();
        self.muting = to;
        if to.muted() && !before {
            // It could no longer hear whether it talks over someone.
            self.silence_speech(SilenceCause::Muted, by);
        }
        self.record(Event::MuteChanged { soft: to.soft, hard: to.hard, by });
        if to.muted() == before {
            return;
        }
        self.hearing.restart(None, self.now);
        if to.muted() {
            self.withdraw_wishes(by, WithdrawReason::Muted);
            self.forget_attention();
            self.push(Output::ShowBanner {
                about: BannerAbout::Mute,
                text: "Prim is muted: it does not listen.".to_owned(),
            });
        } else {
            self.push(Output::ClearBanner { about: BannerAbout::Mute });
        }
    }
}
