//! The terminal: lines that scroll, and below them a few that are drawn again and again. Where there is no
//! terminal only the scrolling lines appear.
use std::io::{IsTerminal, Write};

/// Switches line wrapping off and on: a status line is cut at the edge instead of breaking the drawing.
const NO_WRAP: &str = "\u{1b}[?7l";
const WRAP: &str = "\u{1b}[?7h";
/// From the cursor to the end of the screen.
const CLEAR_BELOW: &str = "\u{1b}[J";

#[derive(Debug)]
pub(crate) struct Screen {
    live: bool,
    drawn: usize,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { live: std::io::stdout().is_terminal(), drawn: 0 }
    }

    /// A status can be drawn.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// A line that stays.
    pub(crate) fn line(&mut self, text: &str) {
        let back = self.back();
        self.put(&format!("{back}{text}\n"));
    }

    /// Draw the status anew below what stays.
    pub(crate) fn status(&mut self, lines: &[String]) {
        if !self.live {
            return;
        }
        let back = self.back();
        let rule = crate::say::inked(crate::say::Ink::Dim, "─".repeat(72));
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.put(&format!("{back}{NO_WRAP}{rule}\n{body}{WRAP}"));
        self.drawn = lines.len() + 1;
    }

    /// Take the status away: something else has the terminal now.
    pub(crate) fn clear(&mut self) {
        let back = self.back();
        self.put(&back);
    }

    fn back(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            rows => format!("\u{1b}[{rows}A\r{CLEAR_BELOW}"),
        }
    }

    fn put(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.drawn = 0;
        if self.live {
            self.put(WRAP);
        }
    }
}
