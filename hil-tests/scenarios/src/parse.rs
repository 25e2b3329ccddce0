//! The language. One line, one fact; `#` begins a comment.

use std::time::Duration;

use prim_meeting::{Command, ConsentRule, DingSetting, Mode, Peripheral, Place, Role, command_for};

/// A whole script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Policy mode at the start.
    pub mode: Mode,
    /// Where dings sound at the start.
    pub ding: DingSetting,
    /// How consent is reached.
    pub consent: ConsentRule,
    /// `grant nudges`: a timebox nudge needs no Allow.
    pub nudges_granted: bool,
    /// `grant drift`: drift may ask for the floor.
    pub drift_may_ask: bool,
    /// Questions go outside first.
    pub ask_outside: bool,
    /// Parts that are not there from the start.
    pub without: Vec<Peripheral>,
    /// The agenda: title and length (zero: no limit).
    pub agenda: Vec<(String, Duration)>,
    /// Who is here at the start.
    pub people: Vec<Guest>,
    /// What happens when.
    pub lines: Vec<Line>,
    /// When the script ends.
    pub until: Duration,
}

/// Somebody as a script names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// First name; one word.
    pub name: String,
    /// Where.
    pub place: Place,
    /// Host or member.
    pub role: Role,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, from the meeting's start.
    pub at: Duration,
    /// The words of the script, for the transcript.
    pub words: String,
    /// What.
    pub act: Act,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Somebody makes speech sounds; no text comes of it.
    Speaks {
        /// Who.
        who: String,
        /// For how long.
        long: Duration,
    },
    /// Somebody says words that the dictation gets.
    Says {
        /// Who; `Somebody` is a voice that is not recognised.
        who: String,
        /// What the recogniser made of it.
        text: String,
        /// For how long, if not by the number of words.
        long: Option<Duration>,
        /// The keyphrase spotter heard the name.
        called: bool,
    },
    /// Somebody says the name and a command; the command grammar hears it at the end of the words.
    Commands {
        /// Who.
        who: String,
        /// Which.
        command: Command,
        /// What the dictation makes of the same speech.
        dictated: String,
    },
    /// The button goes down.
    ButtonDown,
    /// The button comes up.
    ButtonUp,
    /// Down, and up after this long.
    ButtonPressed {
        /// How long.
        long: Duration,
    },
    /// The hardware switch.
    MuteSwitch {
        /// Cut or not.
        on: bool,
    },
    /// A remote hand.
    Hand {
        /// Whose.
        who: String,
        /// Up or down.
        raised: bool,
    },
    /// Somebody comes in.
    Joins {
        /// Who.
        guest: Guest,
    },
    /// Somebody leaves.
    Leaves {
        /// Who.
        who: String,
    },
    /// Consent.
    Agrees {
        /// Who.
        who: String,
        /// Yes or no.
        yes: bool,
    },
    /// A panel.
    Panel {
        /// What.
        press: PanelPress,
    },
    /// A part fails, is slow, or works again.
    Part {
        /// Which.
        which: Peripheral,
        /// How.
        how: PartState,
    },
    /// The outside answer to the next free question; none means that there is no answer.
    Knows {
        /// The words.
        text: Option<String>,
    },
    /// `primd` is killed and started again.
    Restart,
    /// The meeting ends.
    Ends,
}

/// What a panel sends; requests are meant by "the one at the head of the queue".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PanelPress {
    /// Allow.
    Allow,
    /// Not now.
    NotNow,
    /// Stop.
    Stop,
    /// Mode.
    Mode(Mode),
    /// Ding.
    Ding(DingSetting),
    /// Next item.
    NextItem,
    /// More time.
    Extend(Duration),
    /// Words to say.
    Say(String),
    /// Mute.
    Mute(bool),
    /// A typed note.
    Note(String),
    /// A typed decision.
    Decision(String),
    /// A typed action.
    Action(String),
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartState {
    /// Works.
    Works,
    /// Slow.
    Slow,
    /// Fails.
    Fails,
}

/// Why a script cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read line {line} of the scenario, {text:?}: {why}")]
pub struct ParseScenarioError {
    line: usize,
    text: String,
    why: String,
}

/// Reads a script.
///
/// # Errors
/// With the line and what was expected there.
pub fn parse(text: &str) -> Result<Scenario, ParseScenarioError> {
    let mut scenario = Scenario {
        mode: Mode::AnswerOnAsk,
        ding: DingSetting::Room,
        consent: ConsentRule::Given,
        nudges_granted: false,
        drift_may_ask: false,
        ask_outside: true,
        without: Vec::new(),
        agenda: Vec::new(),
        people: Vec::new(),
        lines: Vec::new(),
        until: Duration::ZERO,
    };
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        statement(line, &mut scenario).map_err(|why| ParseScenarioError {
            line: at + 1,
            text: line.to_owned(),
            why,
        })?;
    }
    scenario.lines.sort_by_key(|line| line.at);
    let last = scenario.lines.last().map_or(Duration::ZERO, |line| line.at);
    scenario.until = scenario.until.max(last + Duration::from_secs(1));
    Ok(scenario)
}

fn statement(line: &str, scenario: &mut Scenario) -> Result<(), String> {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    match first {
        "mode" => scenario.mode = mode(rest)?,
        "ding" => scenario.ding = ding(rest)?,
        "consent" => {
            scenario.consent = match rest {
                "given" => ConsentRule::Given,
                "asked of everyone" => ConsentRule::AskEveryone,
                "never" => ConsentRule::Never,
                _ => return Err("consent is `given`, `asked of everyone` or `never`".to_owned()),
            }
        }
        "grant" => match rest {
            "nudges" => scenario.nudges_granted = true,
            "drift" => scenario.drift_may_ask = true,
            _ => return Err("what can be granted is `nudges` or `drift`".to_owned()),
        },
        "without" if rest == "outside answers" => scenario.ask_outside = false,
        "without" => scenario.without.push(part(rest)?),
        "agenda" => {
            let (title, length) = quoted(rest)?;
            let length = if length.is_empty() { Duration::ZERO } else { duration(length)? };
            scenario.agenda.push((title, length));
        }
        "person" => scenario.people.push(guest(rest)?),
        "until" => scenario.until = moment(rest)?,
        "at" => {
            let (when, what) = rest.split_once(' ').ok_or("a time and what happens then")?;
            let line = Line { at: moment(when)?, words: what.to_owned(), act: act(what)? };
            scenario.lines.push(line);
        }
        _ => {
            return Err(
                "a line begins with mode, ding, consent, grant, without, agenda, person, at or until"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

fn mode(words: &str) -> Result<Mode, String> {
    match words {
        "coach only" => Ok(Mode::CoachOnly),
        "answer on ask" => Ok(Mode::AnswerOnAsk),
        "proactive timekeeper" => Ok(Mode::ProactiveTimekeeper),
        _ => Err("a mode is `coach only`, `answer on ask` or `proactive timekeeper`".to_owned()),
    }
}

fn ding(words: &str) -> Result<DingSetting, String> {
    match words {
        "room" => Ok(DingSetting::Room),
        "host" => Ok(DingSetting::Host),
        "off" => Ok(DingSetting::Off),
        _ => Err("a ding is `room`, `host` or `off`".to_owned()),
    }
}

fn part(words: &str) -> Result<Peripheral, String> {
    match words {
        "microphones" => Ok(Peripheral::Microphones),
        "link" => Ok(Peripheral::RemoteLink),
        "speaker" => Ok(Peripheral::Speaker),
        "light" => Ok(Peripheral::Light),
        "button" => Ok(Peripheral::Button),
        "recogniser" => Ok(Peripheral::Stt),
        "voice" => Ok(Peripheral::Tts),
        "language model" => Ok(Peripheral::LanguageModel),
        "uplink" => Ok(Peripheral::Uplink),
        "disk" => Ok(Peripheral::Disk),
        _ => Err(
            "a part is microphones, link, speaker, light, button, recogniser, voice, language model, uplink \
                  or disk"
                .to_owned(),
        ),
    }
}

fn guest(words: &str) -> Result<Guest, String> {
    let (name, place) = words.split_once(' ').ok_or("a name and `in the room` or `remote`")?;
    let (place, role) = match place.strip_suffix(", host") {
        Some(place) => (place, Role::Host),
        None => (place, Role::Member),
    };
    let place = match place {
        "in the room" => Place::Room,
        "remote" => Place::Remote,
        _ => return Err("a place is `in the room` or `remote`".to_owned()),
    };
    Ok(Guest { name: name.to_owned(), place, role })
}

/// `m:ss` or `m:ss.mmm`.
fn moment(words: &str) -> Result<Duration, String> {
    let wrong = || "a time is minutes:seconds, such as 2:06.7".to_owned();
    let (minutes, seconds) = words.split_once(':').ok_or_else(wrong)?;
    let minutes: u64 = minutes.parse().map_err(|_| wrong())?;
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if whole.len() != 2 || part.len() > 3 || part.is_empty() {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let millis: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
    if minutes > 100_000 || whole > 59 {
        return Err(wrong());
    }
    Ok(Duration::from_millis(minutes * 60_000 + whole * 1_000 + millis))
}

/// `2 minutes`, `1 minute`, `0.25 seconds`.
fn duration(words: &str) -> Result<Duration, String> {
    let wrong = || "a length is a number and seconds or minutes, such as 0.2 seconds".to_owned();
    let (number, unit) = words.split_once(' ').ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    if part.len() > 3 || part.is_empty() || whole > 1_000_000 {
        return Err(wrong());
    }
    let thousandths: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
    let millis = whole * 1_000 + thousandths;
    match unit {
        "second" | "seconds" => Ok(Duration::from_millis(millis)),
        "minute" | "minutes" => Ok(Duration::from_millis(millis * 60)),
        _ => Err(wrong()),
    }
}

/// A text in quotes and what follows it.
fn quoted(words: &str) -> Result<(String, &str), String> {
    let wrong = || "a text in double quotes".to_owned();
    let words = words.strip_prefix('"').ok_or_else(wrong)?;
    let (text, rest) = words.split_once('"').ok_or_else(wrong)?;
    Ok((text.to_owned(), rest.trim_start()))
}

fn act(words: &str) -> Result<Act, String> {
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (first, rest) {
        ("button", "down") => Ok(Act::ButtonDown),
        ("button", "up") => Ok(Act::ButtonUp),
        ("button", rest) => {
            let long = rest
                .strip_prefix("pressed for ")
                .ok_or("`button down`, `button up` or `button pressed for …`")?;
            Ok(Act::ButtonPressed { long: duration(long)? })
        }
        ("mute", "switch on") => Ok(Act::MuteSwitch { on: true }),
        ("mute", "switch off") => Ok(Act::MuteSwitch { on: false }),
        ("panel", rest) => panel(rest).map(|press| Act::Panel { press }),
        ("meeting", "ends") => Ok(Act::Ends),
        ("primd", "restarts") => Ok(Act::Restart),
        ("outside", "knows nothing") => Ok(Act::Knows { text: None }),
        ("outside", rest) => {
            let text =
                rest.strip_prefix("knows ").ok_or("`outside knows \"…\"` or `outside knows nothing`")?;
            Ok(Act::Knows { text: Some(quoted(text)?.0) })
        }
        ("the", rest) => part_state(rest),
        (who, rest) => person(who.to_owned(), rest),
    }
}

fn part_state(words: &str) -> Result<Act, String> {
    let (which, how) = words.rsplit_once(' ').ok_or("`the <part> fails`, `is slow` or `works`")?;
    let (which, how) = match how {
        "works" | "work" => (which, PartState::Works),
        "fails" | "fail" => (which, PartState::Fails),
        "slow" => (which.trim_end_matches(" is").trim_end_matches(" are"), PartState::Slow),
        _ => return Err("a part fails, is slow or works".to_owned()),
    };
    Ok(Act::Part { which: part(which)?, how })
}

fn person(who: String, words: &str) -> Result<Act, String> {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (verb, rest) {
        ("speaks", rest) => {
            let long = rest.strip_prefix("for ").ok_or("`speaks for … seconds`")?;
            Ok(Act::Speaks { who, long: duration(long)? })
        }
        ("says", rest) => {
            let (text, rest) = quoted(rest)?;
            let (called, rest) = match rest.strip_suffix("and the name is missed") {
                Some(rest) => (false, rest.trim_end()),
                None => (text.to_lowercase().contains("prim"), rest),
            };
            let long = match rest.strip_prefix("for ") {
                Some(long) => Some(duration(long)?),
                None if rest.is_empty() => None,
                None => return Err("nothing, or `for … seconds`, after what is said".to_owned()),
            };
            Ok(Act::Says { who, text, long, called })
        }
        ("commands", rest) => {
            let (phrase, rest) = quoted(rest)?;
            let command = command_for(&phrase).ok_or("a phrase of the command grammar")?;
            let dictated = match rest.strip_prefix("dictated as ") {
                Some(rest) => quoted(rest)?.0,
                None => format!("prim {phrase}"),
            };
            Ok(Act::Commands { who, command, dictated })
        }
        ("raises", "a hand") => Ok(Act::Hand { who, raised: true }),
        ("lowers", "the hand") => Ok(Act::Hand { who, raised: false }),
        ("joins", rest) => Ok(Act::Joins { guest: guest(&format!("{who} {rest}"))? }),
        ("leaves", "") => Ok(Act::Leaves { who }),
        ("agrees", "") => Ok(Act::Agrees { who, yes: true }),
        ("refuses", "") => Ok(Act::Agrees { who, yes: false }),
        _ => {
            Err("somebody speaks, says, commands, raises, lowers, joins, leaves, agrees or refuses"
                .to_owned())
        }
    }
}

fn panel(words: &str) -> Result<PanelPress, String> {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (verb, rest) {
        ("allows", "") => Ok(PanelPress::Allow),
        ("declines", "") => Ok(PanelPress::NotNow),
        ("stops", "") => Ok(PanelPress::Stop),
        ("mutes", "") => Ok(PanelPress::Mute(true)),
        ("unmutes", "") => Ok(PanelPress::Mute(false)),
        ("goes", "on") => Ok(PanelPress::NextItem),
        ("sets", rest) => match rest.split_once(' ') {
            Some(("mode", words)) => mode(words).map(PanelPress::Mode),
            Some(("ding", words)) => ding(words).map(PanelPress::Ding),
            Some(_) | None => Err("`panel sets mode …` or `panel sets ding …`".to_owned()),
        },
        ("adds", rest) => duration(rest).map(PanelPress::Extend),
        ("says", rest) => quoted(rest).map(|(text, _)| PanelPress::Say(text)),
        ("notes", rest) => quoted(rest).map(|(text, _)| PanelPress::Note(text)),
        ("decides", rest) => quoted(rest).map(|(text, _)| PanelPress::Decision(text)),
        ("orders", rest) => quoted(rest).map(|(text, _)| PanelPress::Action(text)),
        _ => Err("a panel allows, declines, stops, mutes, unmutes, goes on, sets, adds, says, notes, decides or orders"
            .to_owned()),
    }
}
