//! What a reviewer diffs: times from the meeting's start, ids as short names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use prim_ids::MonoTime;
use prim_meeting::{Output, log};

#[derive(Debug, Default)]
pub(crate) struct Transcript {
    text: String,
    start: MonoTime,
    names: BTreeMap<String, String>,
    numbered: usize,
}

impl Transcript {
    pub(crate) fn start(&mut self, start: MonoTime) {
        self.start = start;
    }

    pub(crate) fn name(&mut self, id: &str, name: &str) {
        self.names.insert(id.to_owned(), name.replace(' ', "-"));
    }

    pub(crate) fn text(self) -> String {
        self.text
    }

    fn stamp(&self, now: MonoTime) -> String {
        let ms = now.since(self.start).as_millis();
        format!("{}:{:02}.{:03}", ms / 60_000, ms / 1000 % 60, ms % 1000)
    }

    pub(crate) fn happened(&mut self, now: MonoTime, words: &str) {
        let stamp = self.stamp(now);
        let _ = writeln!(self.text, "\n{stamp} * {words}");
    }

    pub(crate) fn output(&mut self, now: MonoTime, output: &Output) {
        let line = log::output_line(output);
        let stamp = self.stamp(now);
        let line = match line.strip_prefix("Record { entry= { at= ") {
            Some(entry) => format!("| {}", entry.split_once(" event= ").map_or(entry, |(_, event)| event)),
            None => format!("> {line}"),
        };
        let line = self.shortened(&line);
        let _ = writeln!(self.text, "{stamp} {line}");
    }

    /// Braces go, `name= value` closes up, ids become names. Quoted text stays as it is.
    fn shortened(&mut self, line: &str) -> String {
        let mut short = String::new();
        let mut quoted = false;
        for word in line.split(' ') {
            let whole = !quoted;
            let quotes = word.matches('"').count() - word.matches("\\\"").count();
            quoted ^= quotes % 2 == 1;
            if whole && matches!(word, "{" | "}" | "+") {
                continue;
            }
            let glued = short.ends_with('=') && whole;
            if !short.is_empty() && !glued {
                short.push(' ');
            }
            if whole && is_ulid(word) { short.push_str(&self.called(word)) } else { short.push_str(word) }
        }
        short
    }

    /// Ids that the script did not name are numbered as they appear.
    fn called(&mut self, id: &str) -> String {
        if let Some(name) = self.names.get(id) {
            return name.clone();
        }
        self.numbered += 1;
        let name = format!("#{}", self.numbered);
        self.names.insert(id.to_owned(), name.clone());
        name
    }
}

fn is_ulid(word: &str) -> bool {
    word.len() == 26 && word.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}
