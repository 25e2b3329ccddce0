use super::*;

/// A meeting turned by hand; each line lasts a second.
struct Table {
    people: People,
    senses: Senses,
    done: Vec<(u64, Deed)>,
}

const HEAD: &str = "title = \"t\"\nmode = \"answer-on-ask\"\nding = \"room\"\n\
    [[people]]\nname = \"Ann\"\nvoice = \"rms\"\nwhere = \"room\"\nbearing_deg = 10\n\
    [[people]]\nname = \"Zoe\"\nvoice = \"kal16\"\nwhere = \"remote\"\n";

fn table(beats: &str) -> Table {
    let script = Script::parse(&format!("{HEAD}{beats}")).unwrap();
    let lines =
        script.beats.iter().map(|b| if matches!(b.act, Act::Say { .. }) { 1000 } else { 0 }).collect();
    let senses = Senses { now_ms: 0, light: LightPattern::Listening, prim_speaks: false, ding: false };
    Table { people: People::new(Arc::new(script), lines), senses, done: Vec::new() }
}

impl Table {
    fn until(&mut self, ms: u64) -> &mut Self {
        while self.senses.now_ms < ms {
            self.senses.now_ms += 10;
            let now = self.senses.now_ms;
            self.done.extend(self.people.tick(&self.senses).into_iter().map(|d| (now, d)));
            self.senses.ding = false;
        }
        self
    }

    fn light(&mut self, light: LightPattern) -> &mut Self {
        self.senses.light = light;
        self
    }

    fn prim(&mut self, speaks: bool) -> &mut Self {
        self.senses.prim_speaks = speaks;
        self
    }

    fn ding(&mut self) -> &mut Self {
        self.senses.ding = true;
        self
    }
}

fn say(beat: usize) -> Deed {
    Deed::Say { beat, attempt: 0 }
}

#[test]
fn lines_follow_each_other_with_a_pause() {
    let mut t = table(
        "[[beat]]\nwho = \"Ann\"\nsay = \"one\"\n[[beat]]\nwho = \"Zoe\"\nsay = \"two\"\nwhen = { gap_ms = 500 }\n",
    );
    t.until(4000);
    assert_eq!(t.done, [(910, say(0)), (2410, say(1)), (3410, Deed::Finished)]);
    assert!(t.people.finished());
}

#[test]
fn a_question_without_an_answer_is_repeated_once_and_counted() {
    let question = "[[beat]]\nwho = \"Ann\"\nsay = \"prim?\"\nquestion = true\nexpect = { prim = \"speaks\", within_s = 2 }\n";
    let mut t = table(question);
    t.until(10_000);
    let again = Deed::Say { beat: 0, attempt: 1 };
    assert_eq!(
        t.done,
        [
            (910, say(0)),
            (3910, Deed::Repeat { beat: 0 }),
            (3910, again),
            (6910, Deed::Ignored { beat: 0 }),
            (6910, Deed::Finished)
        ]
    );

    let mut t = table(question);
    t.until(2500).prim(true).until(4000);
    assert_eq!(t.done, [(910, say(0)), (2510, Deed::Finished)], "answered: not repeated");
}

#[test]
fn what_prim_said_before_answers_no_question() {
    let mut t = table(
        "[[beat]]\nwho = \"Ann\"\nsay = \"prim?\"\nexpect = { prim = \"speaks\", within_s = 1, repeats = 0 }\n",
    );
    t.prim(true).until(5000);
    assert_eq!(t.done.last(), Some(&(2910, Deed::Finished)));
    assert!(t.done.contains(&(2910, Deed::Ignored { beat: 0 })));
}

#[test]
fn a_press_waits_for_the_ding_of_the_request_that_shows_and_is_let_go() {
    let press = "[[beat]]\nwho = \"Ann\"\npress_ms = 150\nmeans = \"allow\"\nwhen = { ding = true, gap_ms = 800, within_s = 20, otherwise = \"skip\" }\n";
    let mut t = table(press);
    // A ding from before this request does not count.
    t.ding()
        .until(1000)
        .light(LightPattern::Asking)
        .until(5000)
        .ding()
        .until(5010)
        .light(LightPattern::Dinged)
        .until(7000);
    let edge = |pressed| Deed::Edge { beat: 0, pressed, means: Meaning::Allow };
    assert_eq!(t.done, [(5810, edge(true)), (5960, edge(false)), (5960, Deed::Finished)]);

    let mut t = table(press);
    t.until(21_000);
    assert_eq!(t.done, [(20_000, Deed::Missed { beat: 0, skipped: true }), (20_000, Deed::Finished)]);
}

#[test]
fn talking_over_prim_needs_prim_to_be_still_speaking() {
    let over = "[[beat]]\nwho = \"Ann\"\nsay = \"wait\"\nwhen = { prim = \"speaks\", gap_ms = 900, within_s = 5, otherwise = \"skip\" }\n";
    let mut t = table(over);
    t.until(500).prim(true).until(1000).prim(false).until(2000).prim(true).until(3500);
    assert_eq!(t.done[0], (2910, say(0)), "the first 500 ms were too short");
}

#[test]
fn stops_means_stopped_since_the_last_act_began() {
    let beats = "[[beat]]\nwho = \"Ann\"\nsay = \"prim?\"\nexpect = { prim = \"speaks\", within_s = 4 }\n\
                 [[beat]]\nwho = \"Ann\"\nsay = \"thanks\"\nwhen = { prim = \"stops\", gap_ms = 600, within_s = 9 }\n";
    let mut t = table(beats);
    t.until(200).prim(true).until(600).prim(false).until(2200).prim(true).until(4000).prim(false).until(6000);
    assert_eq!(t.done, [(910, say(0)), (4610, say(1)), (5610, Deed::Finished)]);
}

#[test]
fn a_pause_after_a_named_beat_counts_from_its_end() {
    let beats = "[[beat]]\nname = \"cut\"\nlink = \"cut\"\n[[beat]]\nwho = \"Ann\"\nsay = \"on\"\n\
                 [[beat]]\nlink = \"restore\"\nwhen = { after = \"cut\", gap_ms = 22000, within_s = 60 }\n";
    let mut t = table(beats);
    t.until(30_000);
    assert_eq!(t.done[0], (910, Deed::Link { cut: true }));
    assert_eq!(t.done[2], (22_910, Deed::Link { cut: false }));
}

#[test]
fn silence_is_prims_and_peoples() {
    let mut t = table(
        "[[beat]]\nwho = \"Ann\"\nsay = \"one\"\n[[beat]]\nwho = \"Zoe\"\nhand = \"up\"\nwhen = { silence_ms = 1500, gap_ms = 0 }\n",
    );
    t.until(2500).prim(true).until(3000).prim(false).until(3200).ding().until(6000);
    assert_eq!(
        t.done[1],
        (4710, Deed::Hand { who: 1, raised: true }),
        "1.5 s after the ding, the last sound"
    );
}

#[test]
fn a_hold_is_answered_by_the_light() {
    let mut t = table(
        "[[beat]]\nwho = \"Ann\"\nhold_ms = 1200\nmeans = \"mute\"\nexpect = { light = [\"muted\"], within_s = 3 }\n",
    );
    t.until(1000).light(LightPattern::Pressed).until(1950).light(LightPattern::Muted).until(3000);
    let edge = |pressed| Deed::Edge { beat: 0, pressed, means: Meaning::Mute };
    assert_eq!(t.done, [(910, edge(true)), (2110, edge(false)), (2110, Deed::Finished)]);
}
