//! What this program says to the person at the terminal: short lines, colour only where a terminal shows it.
use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};

/// Colour for a terminal; nothing at all when the output goes to a file or a pipe, or `NO_COLOR` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
    White,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
            Self::Magenta => "35",
            Self::Cyan => "36",
            Self::White => "97",
        }
    }
}

pub(crate) fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

pub(crate) fn inked(ink: Ink, text: impl Display) -> String {
    if colours() { format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code()) } else { text.to_string() }
}

/// One line to the person. A closed terminal is no reason to die: the work goes on.
pub(crate) fn line(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

pub(crate) fn step(text: impl Display) {
    line(format_args!("{} {text}", inked(Ink::Cyan, "▸")));
}

pub(crate) fn good(text: impl Display) {
    line(format_args!("{} {text}", inked(Ink::Green, "✓")));
}

pub(crate) fn bad(text: impl Display) {
    line(format_args!("{} {text}", inked(Ink::Red, "✗")));
}

/// Something odd that stops nothing.
pub(crate) fn warn(text: impl Display) {
    line(format_args!("{} {text}", inked(Ink::Yellow, "!")));
}

pub(crate) fn hint(text: impl Display) {
    line(inked(Ink::Dim, format_args!("  {text}")));
}

/// Ask before changing the machine. With nobody at the keyboard the answer is no, and the text says how
/// to give it beforehand.
pub(crate) fn agreed(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        line(format_args!("{question} — nobody is at the keyboard to ask: run again with --yes"));
        return false;
    }
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{question} [Y/n] ");
    let _ = out.flush();
    let mut answer = String::new();
    if std::io::stdin().lock().read_line(&mut answer).is_err() {
        return false;
    }
    matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes")
}
