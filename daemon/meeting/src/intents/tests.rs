use super::*;

#[test]
fn every_phrase_of_the_table_is_read_back_as_its_command() {
    for (command, phrases) in PHRASES {
        for phrase in *phrases {
            assert_eq!(command_for(phrase), Some(*command), "{phrase}");
            let read = read(&format!("prim {phrase}"));
            if takes_words(*command) {
                assert_eq!(read, Heard::Content(*command, String::new()), "{phrase}");
            } else {
                assert_eq!(read, Heard::Command(*command), "{phrase}");
            }
        }
    }
}

#[test]
fn a_word_in_four_may_be_misheard() {
    for (text, command) in [
        ("prim how much tide is left", Command::TimeLeft),
        ("prim how much time is laughed", Command::TimeLeft),
        ("how much time is left for this one", Command::TimeLeft),
        ("prim what did he decide", Command::Decisions),
        ("prim what are they open actions", Command::Actions),
        ("prim who spoke how lung", Command::SpeakingTime),
        ("yes prim go ahead", Command::Allow),
        ("prim stop", Command::Stop),
        ("stop prim", Command::Stop),
        ("prim not now thanks", Command::NotNow),
        ("prim can you repeat it", Command::Repeat),
    ] {
        assert_eq!(read(text), Heard::Command(command), "{text}");
    }
}

#[test]
fn ordinary_talk_is_no_command() {
    for text in [
        "prim we should stop the old service before the summer",
        "the next release has no date",
        "we all agreed it was fine",
    ] {
        assert!(!matches!(read(text), Heard::Command(_)), "{text}: {:?}", read(text));
    }
}

#[test]
fn the_words_of_a_decision_follow_its_opening() {
    assert_eq!(
        read("Prim, decision: we ship on Friday."),
        Heard::Content(Command::Decision, ": we ship on Friday.".to_owned())
    );
    assert_eq!(
        read("prim note that the door is too narrow and we need more time"),
        Heard::Content(Command::Note, " the door is too narrow and we need more time".to_owned())
    );
    assert_eq!(words_of(Command::Action, "prim auction anna sends the report"), " anna sends the report");
    assert_eq!(words_of(Command::Note, "prim no bat the door is narrow"), " no bat the door is narrow");
}

#[test]
fn free_questions_are_told_from_mumbling() {
    assert_eq!(read("prim when does the lease end"), Heard::Question);
    assert_eq!(read("prim the lease and so on"), Heard::Unclear);
    assert_eq!(read("Prim?"), Heard::NameOnly);
}

#[test]
fn the_grammar_lists_every_phrase_once() {
    let grammar = grammar_jsgf();
    assert!(grammar.starts_with("#JSGF V1.0;\n"));
    for (_, phrases) in PHRASES {
        for phrase in *phrases {
            let lines = grammar.lines().filter(|line| line.trim_start_matches(['|', ' ']) == *phrase).count();
            assert_eq!(lines, 1, "{phrase}");
        }
    }
}
