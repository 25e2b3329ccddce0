use proptest::prelude::*;

use super::*;

const SAID: &[&str] =
    &["budget", "has", "used", "its", "two", "minutes", "shall", "we", "go", "on", "with", "hiring"];

fn kept(text: &str) -> String {
    sift(text, SAID).text
}

#[test]
fn an_echo_is_nobodys_speech_however_it_was_misheard() {
    for echo in [
        "budget has used its two minutes shall we go on with hiring",
        "but has used its to minutes",
        "bucket has used two minutes shell we go on with hiring",
        "minutes",
        "two minutes",
        "shall we gone with hiring",
    ] {
        assert_eq!(kept(echo), "", "{echo}");
    }
}

#[test]
fn what_a_person_says_behind_an_echo_is_kept_as_said() {
    assert_eq!(kept("budget has used its, wait we are not done yet"), "wait we are not done yet");
    assert_eq!(
        kept("Budget has used its two minutes. No, I need three more days!"),
        "No, I need three more days!"
    );
    assert_eq!(kept("sorry to cut in but budget has used its two minutes"), "sorry to cut in but");
}

#[test]
fn one_word_of_prims_within_a_persons_sentence_stays() {
    let said = "I think the budget is fine as it is";
    assert_eq!(sift(said, SAID), Sifted { text: said.to_owned(), own: 0 });
}

#[test]
fn an_order_is_a_persons_even_where_prim_says_that_word() {
    let said = ["shall", "we", "stop", "now", "or", "not", "now", "yes", "allow", "prim", "no"];
    for order in [
        "stop",
        "Prim, stop",
        "stop Prim",
        "yes",
        "Yes.",
        "allow",
        "not now",
        "no",
        "Prim, not now",
        "yes Prim",
    ] {
        assert_eq!(sift(order, &said), Sifted { text: order.to_owned(), own: 0 }, "{order}");
    }
    assert_eq!(kept("budget has used its two minutes prim stop"), "prim stop");
    assert_eq!(kept("budget has used its two minutes stop"), "stop");
    assert_eq!(kept("no budget has used its two minutes"), "no");
}

#[test]
fn every_phrase_of_the_commands_that_are_given_over_prim_is_an_order() {
    let said =
        ["you", "may", "speak", "that", "is", "enough", "no", "thanks", "be", "quiet", "mute", "yourself"];
    for command in ORDERS {
        for phrase in intents::phrases(command) {
            assert_eq!(sift(phrase, &said).own, 0, "{phrase}");
            let with_echo = format!("budget has used its two minutes {phrase}");
            assert_eq!(kept(&with_echo), *phrase, "{with_echo}");
        }
    }
}

#[test]
fn whatever_ends_a_sentence_of_prims_goes_with_it_and_a_persons_own_signs_stay() {
    for sign in ["!", "?", " …", " -", ".", ",", ")"] {
        let behind = format!("Budget has used its two minutes{sign} I need three more days for it!");
        assert_eq!(kept(&behind), "I need three more days for it!");
        let before = format!("But I need three more days, budget has used its two minutes{sign}");
        assert_eq!(kept(&before), "But I need three more days");
    }
    assert_eq!(kept("¿I need three more days? Budget has used its two minutes."), "¿I need three more days");
}

#[test]
fn an_order_within_prims_own_sentence_is_prims() {
    assert_eq!(sift("the work has to stop", &["the", "work", "has", "to", "stop"]).text, "");
}

#[test]
fn words_of_prims_are_heard_once_and_in_their_order() {
    let said = ["there", "is", "little", "left", "for", "the", "budget"];
    let heard = "for the budget I think we should double the budget and publish the budget by May";
    let kept = sift(heard, &said);
    assert_eq!(
        (kept.own, kept.text.as_str()),
        (3, "I think we should double the budget and publish the budget by May")
    );
}

#[test]
fn without_a_word_of_prims_nothing_is_touched() {
    assert_eq!(sift("  Um, well … ", SAID).text, "  Um, well … ");
    assert_eq!(sift("budget", &[]).text, "budget");
    assert_eq!(sift("", SAID).own, 0);
}

fn at(ms: u64) -> MonoTime {
    MonoTime::from_millis(ms)
}

fn voice() -> OwnVoice {
    let clauses = ["Budget has used its 2 minutes.", "Shall we go on with Hiring?"].map(str::to_owned);
    let mut voice = OwnVoice::default();
    voice.begins(SayId(1), &clauses, &[2_000, 2_000], at(10_000));
    voice
}

#[test]
fn who_repeats_prim_after_it_has_spoken_is_a_person() {
    let own = |started, ended, text| voice().sift(Ear::Room, at(started), at(ended), text).own;
    assert_eq!(own(10_000, 12_000, "budget has used its two minutes"), 6);
    assert_eq!(own(14_700, 16_000, "budget has used its two minutes"), 0);
    // Within the tail only Prim's last words can be an echo.
    assert_eq!(own(14_200, 15_500, "budget has used its two minutes"), 0);
    assert_eq!(own(14_100, 14_500, "hiring"), 1);
}

#[test]
fn an_echo_over_the_link_comes_late() {
    let own = |ear| voice().sift(ear, at(11_800), at(13_800), "budget has used its two minutes").own;
    assert_eq!(own(Ear::Remote), 6);
    assert!(own(Ear::Room) < 6);
}

#[test]
fn what_prim_was_kept_from_saying_is_a_persons_when_it_is_said() {
    let mut voice = voice();
    voice.falls_silent(SayId(1), at(11_500));
    let own = |text| voice.sift(Ear::Room, at(11_300), at(13_000), text).own;
    assert_eq!(own("shall we go on with hiring"), 0);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut voice = OwnVoice::default();
    for say in 0..100 {
        voice.begins(SayId(say), &["one two three four five six seven".to_owned()], &[3_000], at(say.into()));
    }
    assert_eq!(voice.said.len(), REMEMBERED);
}

/// Words that are no order, and no hesitation: of those Prim has none.
fn word() -> impl Strategy<Value = String> {
    "[a-z]{1,9}".prop_filter("a word, and no order", |word| {
        tokens(word).len() == 1 && !is_prim(word) && !orders().flatten().any(|of| of.word == *word)
    })
}

#[derive(Debug, Clone)]
enum Error {
    Replaced(String),
    LeftOut,
    PutIn(String),
}

fn error() -> impl Strategy<Value = Error> {
    prop_oneof![word().prop_map(Error::Replaced), Just(Error::LeftOut), word().prop_map(Error::PutIn)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prims_own_words_with_two_errors_in_five_are_dropped(
        said in prop::collection::vec(word(), 1..20),
        before in prop::collection::vec(word(), 0..3),
        behind in prop::collection::vec(word(), 0..3),
        errors in prop::collection::vec((any::<prop::sample::Index>(), error()), 0..8),
    ) {
        let mut heard: Vec<Vec<String>> = said.iter().map(|word| vec![word.clone()]).collect();
        for (place, error) in errors.into_iter().take(said.len() * WRONG_OF_FIVE / 5) {
            let here = &mut heard[place.index(said.len())];
            match error {
                Error::Replaced(word) if !here.is_empty() => here[0] = word,
                Error::LeftOut if !here.is_empty() => { here.remove(0); }
                Error::PutIn(word) | Error::Replaced(word) => here.push(word),
                Error::LeftOut => {}
            }
        }
        let text = heard.concat().join(" ");
        let around = [before, said, behind].concat();
        let said: Vec<&str> = around.iter().map(String::as_str).collect();
        prop_assert_eq!(sift(&text, &said).text, "", "{} while Prim said {:?}", text, said);
    }

    #[test]
    fn a_persons_sentence_loses_at_most_the_runs_it_shares_with_prim(
        said in prop::collection::vec(word(), 1..20),
        sentence in prop::collection::vec((word(), prop::option::of(any::<prop::sample::Index>())), 3..15),
    ) {
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let mut shared = 0;
        let mut words: Vec<String> = Vec::new();
        for (word, take) in sentence {
            // Every second word at most is one of Prim's.
            let theirs = take.filter(|_| (shared + 1) * 2 <= words.len() + 1);
            shared += usize::from(theirs.is_some());
            words.push(theirs.map_or(word, |place| said[place.index(said.len())].to_owned()));
        }
        let common = |word: &str| said.iter().any(|of| sounds_alike(of, word));
        prop_assume!(words.iter().filter(|word| common(word)).count() * 2 <= words.len());
        let sifted = sift(&words.join(" "), &said);
        let kept: Vec<&str> = sifted.text.split_whitespace().collect();
        // What is missing, in order: shared, or a single word between two that are.
        let mut left = kept.iter().peekable();
        let gone: Vec<bool> = words.iter().map(|word| left.next_if(|next| **next == word).is_none()).collect();
        prop_assert_eq!(left.next(), None, "only words as said are kept, in order");
        for (i, word) in words.iter().enumerate().filter(|(i, _)| gone[*i]) {
            let near = |at: Option<usize>| {
                at.and_then(|at| words.get(at)).is_some_and(|word| common(word))
            };
            let between = near(i.checked_sub(1)) && near(Some(i + 1));
            prop_assert!(common(word) || between, "{word} of {words:?} was taken while Prim said {said:?}");
        }
    }

    #[test]
    fn any_text_and_any_words_are_sifted(text in ".{0,80}", said in prop::collection::vec(".{0,6}", 0..6)) {
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let sifted = sift(&text, &said);
        prop_assert!(sifted.text.len() <= text.len());
    }
}
