//! The caller's command grammar (JSGF), made safe to listen for behind the keyphrase.
//!
//! A bare command grammar must explain everything it hears with a command: ungated it fired on 7 of 8 ordinary
//! sentences (DEPENDENCIES). Here it starts with the keyphrase itself and competes with a loop over all phones, so
//! that other words have somewhere to go; what follows a command goes there too.

use std::collections::BTreeSet;

use crate::letters::spelled;
use crate::vocabulary::PRIM;

/// The phones of the CMU dictionary; as words of the loop they are written `_aa`.
pub(crate) const PHONES: [&str; 39] = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY",
    "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y",
    "Z", "ZH",
];

/// The loop's words with their sounds.
pub(crate) fn loop_words() -> impl Iterator<Item = (String, &'static str)> {
    PHONES.iter().map(|p| (loop_word(p), *p))
}

fn loop_word(phone: &str) -> String {
    format!("_{}", phone.to_lowercase())
}

/// True for a word of the loop: not part of a command.
pub(crate) fn is_loop_word(word: &str) -> bool {
    word.starts_with('_')
}

/// A grammar ready for the decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commands {
    /// With keyphrase and loop.
    pub(crate) jsgf: String,
    /// Every word that needs a pronunciation.
    pub(crate) words: BTreeSet<String>,
    /// Every run of words that stands together: what people are likely to say behind the keyphrase.
    pub(crate) phrases: Vec<Vec<String>>,
}

/// Wraps the public rules of `jsgf`; the reason when it is not understood.
pub(crate) fn wrap(jsgf: &str) -> Result<Commands, String> {
    let text = without_comments(jsgf);
    let text = text.trim().strip_prefix("#JSGF").ok_or("it does not begin with #JSGF V1.0;")?;
    let mut rules = String::new();
    let mut public = Vec::new();
    let (mut words, mut phrases) = (BTreeSet::new(), Vec::new());
    let mut statements = text.split(';').map(str::trim);
    statements.next();
    for statement in statements.filter(|s| !s.is_empty()) {
        if statement.starts_with("grammar ") {
            continue;
        }
        if statement.starts_with("import ") {
            return Err(
                "it imports another grammar, which is not supported: write its rules into this one".into()
            );
        }
        let (head, body) =
            statement.split_once('=').ok_or_else(|| format!("the rule {statement:.40} has no ="))?;
        let (is_public, name) = match head.trim().strip_prefix("public") {
            Some(name) => (true, name.trim()),
            None => (false, head.trim()),
        };
        let inner = name.strip_prefix('<').and_then(|n| n.strip_suffix('>'));
        let Some(inner) =
            inner.filter(|n| !n.is_empty() && n.chars().all(|c| c.is_alphanumeric() || c == '_'))
        else {
            return Err(format!("{name:.40} is not a rule name in angle brackets"));
        };
        if matches!(inner, "prim_addressed" | "prim_loop") {
            return Err(format!("the rule name {inner} is taken"));
        }
        rules.push_str(&format!("<{inner}> = {};\n", lower_words(body, &mut words, &mut phrases)?));
        if is_public {
            public.push(format!("<{inner}>"));
        }
    }
    if public.is_empty() {
        return Err("it has no public rule".to_owned());
    }
    // The loop stands in one place only: the library joins the loops of two.
    let phones: Vec<_> = PHONES.iter().map(|p| loop_word(p)).collect();
    let jsgf = format!(
        "#JSGF V1.0;\ngrammar prim;\n{rules}<prim_loop> = ( {} )+;\n\
         public <prim_addressed> = {PRIM} [ {} ] [ <prim_loop> ];\n",
        phones.join(" | "),
        public.join(" | "),
    );
    Ok(Commands { jsgf, words, phrases })
}

/// The expansion with its words in the dictionary's spelling; collects words and phrases.
fn lower_words(
    body: &str,
    words: &mut BTreeSet<String>,
    phrases: &mut Vec<Vec<String>>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut run = Vec::new();
    let mut rest = body.trim();
    while let Some(c) = rest.chars().next() {
        let (token, is_word) = match c {
            '<' => (upto(rest, '>')?, false),
            '{' => (upto(rest, '}')?, false),
            '/' => (
                rest.get(..=1 + rest.get(1..).and_then(|r| r.find('/')).ok_or("a weight has no end")?)
                    .unwrap_or(rest),
                false,
            ),
            '(' | ')' | '[' | ']' | '|' | '*' | '+' => (rest.get(..1).unwrap_or(rest), false),
            _ => {
                let end =
                    rest.find(|c: char| c.is_whitespace() || "<{/()[]|*+".contains(c)).unwrap_or(rest.len());
                (rest.get(..end).unwrap_or(rest), true)
            }
        };
        if is_word {
            let word =
                spelled(token).ok_or_else(|| format!("the word {token:.40} has no letters to pronounce"))?;
            out.push_str(&word);
            words.insert(word.clone());
            run.push(word);
        } else {
            if !run.is_empty() {
                phrases.push(std::mem::take(&mut run));
            }
            // Tags say what a command means to someone else; the recogniser reports words.
            if c != '{' {
                out.push_str(token);
            }
        }
        out.push(' ');
        rest = rest.get(token.len()..).unwrap_or_default().trim_start();
    }
    if !run.is_empty() {
        phrases.push(run);
    }
    Ok(out.trim().to_owned())
}

fn upto(text: &str, close: char) -> Result<&str, String> {
    let end = text.find(close).ok_or_else(|| format!("a {close} is missing"))?;
    Ok(text.get(..end + close.len_utf8()).unwrap_or(text))
}

fn without_comments(jsgf: &str) -> String {
    let mut out = String::new();
    let mut rest = jsgf;
    while let Some(at) = rest.find("/*") {
        out.push_str(rest.get(..at).unwrap_or_default());
        let tail = rest.get(at..).unwrap_or_default();
        rest = tail.find("*/").and_then(|end| tail.get(end + 2..)).unwrap_or_default();
    }
    out.push_str(rest);
    out.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GRAMMAR: &str = "#JSGF V1.0;\ngrammar prim; // comment\n<polite> = [ please ];\n\
        public <command> = <polite> ( how much time is left {time} | /0.5/ Let's move on | stop );";

    #[test]
    fn public_rules_stand_behind_the_keyphrase_beside_the_loop() {
        let commands = wrap(GRAMMAR).unwrap();
        assert!(commands.jsgf.contains("public <prim_addressed> = prim [ <command> ] [ <prim_loop> ];"));
        assert_eq!(commands.jsgf.matches("public").count(), 1);
        assert!(commands.jsgf.contains("/0.5/ let's move on"));
        assert!(!commands.jsgf.contains('{'));
    }

    #[test]
    fn words_and_phrases_are_collected() {
        let commands = wrap(GRAMMAR).unwrap();
        assert!(commands.words.contains("let's") && commands.words.contains("please"));
        assert!(commands.phrases.contains(&vec![
            "how".into(),
            "much".into(),
            "time".into(),
            "is".into(),
            "left".into()
        ]));
    }

    #[test]
    fn a_bad_grammar_is_refused_with_the_reason() {
        for (grammar, reason) in [
            ("", "does not begin with #JSGF"),
            ("#JSGF V1.0; grammar x; <a> = b;", "no public rule"),
            ("#JSGF V1.0; public a = b;", "angle brackets"),
            ("#JSGF V1.0; public <a> = <b;", "> is missing"),
            ("#JSGF V1.0; import <x.y>; public <a> = b;", "imports"),
            ("#JSGF V1.0; public <a> = 42;", "no letters"),
            ("#JSGF V1.0; public <a> = /3 b;", "weight has no end"),
        ] {
            let why = wrap(grammar).unwrap_err();
            assert!(why.contains(reason), "{grammar}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(#JSGF V1.0;)?\\PC{0,120}") {
            let _ = wrap(&text);
        }

        #[test]
        fn no_grammar_like_text_makes_the_reader_panic(text in "#JSGF;( ?(public )?<a?>|=|;|\\(|\\)|/|\\{|\\}|ü|b|\\*){0,30}") {
            let _ = wrap(&text);
        }
    }
}
