use proptest::prelude::*;

use super::*;

/// Two seconds of somebody who speaks a minute after everything else.
fn label(speakers: &mut Speakers, bearing_deg: Option<u16>, voice: Option<u32>) -> Option<u8> {
    let latest = speakers.people.iter().filter_map(|speaker| speaker.last).map(|(_, until)| until).max();
    let started = latest.unwrap_or(MonoTime::ZERO) + Duration::from_secs(60);
    let ended = started + Duration::from_secs(2);
    speakers.of(Traits { bearing_deg, voice, started, ended }).map(SpeakerLabel::number)
}

/// Two seconds from then on.
fn at(speakers: &mut Speakers, second: u64, bearing: u16, voice: u32) -> Option<u8> {
    let started = MonoTime::from_millis(1_000 * second);
    let ended = started + Duration::from_secs(2);
    let traits = Traits { bearing_deg: Some(bearing), voice: Some(voice), started, ended };
    speakers.of(traits).map(SpeakerLabel::number)
}

/// By the direction alone.
fn number(speakers: &mut Speakers, bearing_deg: u16) -> Option<u8> {
    label(speakers, Some(bearing_deg), None)
}

/// From there, by a voice that is certain.
fn voice(speakers: &mut Speakers, bearing_deg: u16, voice: u32) -> Option<u8> {
    label(speakers, Some(bearing_deg), Some(voice))
}

#[test]
fn three_people_are_three_voices_in_the_order_in_which_they_spoke() {
    let mut speakers = Speakers::default();
    let heard: Vec<_> = [35, 145, 260, 38, 141, 262, 33].map(|b| number(&mut speakers, b)).into();
    assert_eq!(heard, [1, 2, 3, 1, 2, 3, 1].map(Some));
}

#[test]
fn the_front_has_no_seam() {
    let mut speakers = Speakers::default();
    assert_eq!(number(&mut speakers, 355), Some(1));
    assert_eq!(number(&mut speakers, 5), Some(1));
}

#[test]
fn between_two_voices_nobody_is_told_apart_and_a_cough_founds_none() {
    let mut speakers = Speakers::default();
    let ended = MonoTime::from_millis(300);
    let cough = Traits { bearing_deg: Some(90), ended, ..Traits::default() };
    assert_eq!(speakers.of(cough), None);
    assert_eq!(number(&mut speakers, 90), Some(1));
    assert_eq!(speakers.of(cough).map(SpeakerLabel::number), Some(1));
    assert_eq!(number(&mut speakers, 114), None);
    assert_eq!(number(&mut speakers, 130), Some(2));
}

#[test]
fn a_label_follows_a_person_who_moves_her_chair() {
    let mut speakers = Speakers::default();
    for bearing in 90..150 {
        assert_eq!(number(&mut speakers, bearing), Some(1));
    }
}

#[test]
fn a_restart_knows_the_last_seats_again_and_no_voice() {
    let mut speakers = Speakers::default();
    for (bearing, who) in [(35, 1), (145, 2), (358, 3), (220, 1)] {
        voice(&mut speakers, bearing, who);
    }
    label(&mut speakers, None, Some(4));
    assert_eq!(speakers.bearings(), [Some(220), Some(145), Some(358), None]);
    let mut again = Speakers::restored(&speakers.bearings());
    assert_eq!([147, 359, 221].map(|b| number(&mut again, b)), [2, 3, 1].map(Some));
    assert_eq!(voice(&mut again, 220, 2), Some(1), "a number of before says nothing");
    assert_eq!(number(&mut again, 36), Some(5), "the seats of one person are tied together no more");
}

#[test]
fn who_walks_to_another_seat_keeps_the_label_where_the_voice_is_certain() {
    let mut speakers = Speakers::default();
    assert_eq!(voice(&mut speakers, 40, 1), Some(1));
    assert_eq!(voice(&mut speakers, 200, 1), Some(1));
    assert_eq!(number(&mut speakers, 201), Some(1), "nobody else was ever heard from there");
    assert_eq!(number(&mut speakers, 41), Some(1), "and nobody else from here");
}

#[test]
fn who_walks_to_another_seat_and_is_not_certain_is_a_new_voice_there() {
    let mut speakers = Speakers::default();
    voice(&mut speakers, 40, 1);
    assert_eq!(number(&mut speakers, 200), Some(2));
}

#[test]
fn two_people_who_swap_seats_keep_their_labels_and_what_is_not_certain_is_nobodys() {
    let mut speakers = Speakers::default();
    assert_eq!([(40, 1), (200, 2)].map(|(b, v)| voice(&mut speakers, b, v)), [Some(1), Some(2)]);
    assert_eq!([(40, 2), (200, 1)].map(|(b, v)| voice(&mut speakers, b, v)), [Some(2), Some(1)]);
    assert_eq!([40, 200].map(|b| number(&mut speakers, b)), [None, None]);
    assert_eq!([(42, 2), (198, 1)].map(|(b, v)| voice(&mut speakers, b, v)), [Some(2), Some(1)]);
}

#[test]
fn two_people_in_one_direction_are_two_labels_where_the_voices_are_certain() {
    let mut speakers = Speakers::default();
    assert_eq!(voice(&mut speakers, 90, 1), Some(1));
    assert_eq!(voice(&mut speakers, 94, 2), Some(2));
    assert_eq!(number(&mut speakers, 92), None, "the direction no longer says who");
    assert_eq!([1, 2].map(|v| voice(&mut speakers, 92, v)), [Some(1), Some(2)]);
}

#[test]
fn a_voice_that_becomes_certain_is_that_of_whoever_sits_there() {
    let mut speakers = Speakers::default();
    assert_eq!(number(&mut speakers, 90), Some(1));
    assert_eq!(voice(&mut speakers, 91, 7), Some(1));
    assert_eq!(voice(&mut speakers, 270, 7), Some(1), "and goes with them");
}

#[test]
fn a_new_voice_between_two_seats_is_somebodys_own_only_where_both_neighbours_are_certain() {
    let mut speakers = Speakers::default();
    voice(&mut speakers, 90, 1);
    number(&mut speakers, 130);
    assert_eq!(voice(&mut speakers, 110, 3), None, "it may be who sits at 130 degrees");
    voice(&mut speakers, 130, 2);
    assert_eq!(voice(&mut speakers, 110, 3), Some(3));
}

#[test]
fn one_microphone_tells_people_apart_by_certain_voices_and_by_nothing_else() {
    let mut speakers = Speakers::default();
    let heard = [Some(1), Some(2), None, Some(1)].map(|voice| label(&mut speakers, None, voice));
    assert_eq!(heard, [Some(1), Some(2), None, Some(1)]);
}

#[test]
fn without_a_direction_a_new_voice_may_be_that_of_somebody_who_was_heard_from_one() {
    let mut speakers = Speakers::default();
    number(&mut speakers, 90);
    assert_eq!(label(&mut speakers, None, Some(1)), None);
}

#[test]
fn a_voice_in_two_places_with_no_time_to_walk_is_two_people_and_does_not_count() {
    let mut speakers = Speakers::default();
    assert_eq!(at(&mut speakers, 0, 40, 1), Some(1));
    assert_eq!(at(&mut speakers, 60, 200, 1), Some(1), "may have walked");
    assert_eq!(at(&mut speakers, 64, 40, 1), Some(1), "cannot have, so it is who first sat here");
    assert_eq!(at(&mut speakers, 120, 200, 1), Some(2), "and somebody else there");
    assert_eq!(at(&mut speakers, 180, 40, 1), Some(1));
}

/// The voice is heard from there, each time a minute later.
fn often(speakers: &mut Speakers, times: usize, bearing: u16, number: u32) -> Vec<Option<u8>> {
    (0..times).map(|_| voice(speakers, bearing, number)).collect()
}

#[test]
fn one_wrong_bearing_is_healed_by_five_turns_from_one_place_and_the_voice_goes_with_its_person_again() {
    let mut speakers = Speakers::default();
    assert_eq!(at(&mut speakers, 0, 40, 1), Some(1));
    assert_eq!(at(&mut speakers, 3, 200, 1), Some(2), "a reflection: the direction alone would say so too");
    assert_eq!(often(&mut speakers, 4, 40, 1), [Some(1); 4]);
    assert_eq!(voice(&mut speakers.clone(), 300, 1), Some(3), "four are too few");
    assert_eq!(often(&mut speakers, 1, 42, 1), [Some(1)]);
    assert_eq!(voice(&mut speakers, 300, 1), Some(1));
}

#[test]
fn a_turn_from_elsewhere_begins_the_count_anew_and_one_from_nowhere_or_from_between_counts_for_nothing() {
    let mut speakers = Speakers::default();
    at(&mut speakers, 0, 40, 1);
    at(&mut speakers, 3, 200, 1);
    often(&mut speakers, 4, 40, 1);
    often(&mut speakers, 1, 200, 1);
    often(&mut speakers, 4, 40, 1);
    assert_eq!([Some(64), None].map(|bearing| label(&mut speakers, bearing, Some(1))), [None, None]);
    assert_eq!(voice(&mut speakers.clone(), 300, 1), Some(3), "still in doubt");
    often(&mut speakers, 1, 40, 1);
    assert_eq!(label(&mut speakers, None, Some(1)), Some(1));
}

#[test]
fn each_further_contradiction_asks_for_twice_as_many_turns() {
    let mut speakers = Speakers::default();
    for needed in [5, 10, 20, 40, 80, 80] {
        voice(&mut speakers, 40, 1);
        let last = speakers.people[0].last.unwrap().1;
        let second = last.as_millis() / 1_000 + 1;
        assert_eq!(at(&mut speakers, second, 200, 1), Some(2));
        often(&mut speakers, needed - 1, 40, 1);
        assert_eq!(label(&mut speakers.clone(), None, Some(1)), None, "{needed} are needed");
        often(&mut speakers, 1, 40, 1);
        assert_eq!(label(&mut speakers, None, Some(1)), Some(1));
    }
}

#[test]
fn who_moves_a_little_or_takes_the_time_to_walk_is_one_person() {
    let mut speakers = Speakers::default();
    let heard = [(0, 40), (3, 60), (9, 200), (15, 40)].map(|(s, b)| at(&mut speakers, s, b, 1));
    assert_eq!(heard, [Some(1); 4]);
}

#[test]
fn forgotten_voices_leave_each_label_its_last_seat() {
    let mut speakers = Speakers::default();
    for (bearing, who) in [(40, 1), (200, 2), (40, 2), (200, 1)] {
        voice(&mut speakers, bearing, who);
    }
    voice(&mut speakers, 300, 1);
    voice(&mut speakers, 200, 1);
    speakers.forget_voices();
    assert_eq!([40, 200].map(|bearing| number(&mut speakers, bearing)), [Some(2), Some(1)]);
    assert_eq!(voice(&mut speakers, 40, 3), Some(2), "compared anew under another number");
    assert_eq!(number(&mut speakers, 300), Some(3), "that it was once somebody's seat is forgotten");
}

/// The rules about voices once more, as a list of who was heard from where.
#[derive(Default)]
struct Told(Vec<(u8, Option<u32>)>);

proptest! {
    #[test]
    fn two_people_who_sound_alike_and_answer_each_other_at_once_are_two_whatever_the_order(
        turns in prop::collection::vec((any::<bool>(), 0_u64..3_900, -8_i16..=8), 1..300)
    ) {
        let (mut speakers, mut started, mut labels) = (Speakers::default(), MonoTime::ZERO, [None; 2]);
        for (second, pause_ms, off) in turns {
            let bearing_deg = Some(if second { 200 } else { 40_u16 }.saturating_add_signed(off));
            let ended = started + Duration::from_secs(2);
            let told = speakers.of(Traits { bearing_deg, voice: Some(1), started, ended });
            prop_assert!(told.is_some());
            let label = &mut labels[usize::from(second)];
            prop_assert_eq!(*label.get_or_insert(told), told);
            prop_assert_ne!(labels[0], labels[1]);
            started = ended + Duration::from_millis(pause_ms);
        }
    }

    #[test]
    fn one_error_heals_whenever_it_comes_and_wherever_it_points(
        before in 1_usize..20, wrong in 80_u16..320, off in prop::collection::vec(-6_i16..=6, 5)
    ) {
        let mut speakers = Speakers::default();
        often(&mut speakers, before, 40, 1);
        let last = speakers.people[0].last.unwrap().1;
        at(&mut speakers, last.as_millis() / 1_000 + 2, wrong, 1);
        prop_assert_eq!(label(&mut speakers.clone(), None, Some(1)), None);
        for off in off {
            prop_assert_eq!(voice(&mut speakers, 40_u16.saturating_add_signed(off), 1), Some(1));
        }
        prop_assert_eq!(label(&mut speakers, None, Some(1)), Some(1));
    }

    #[test]
    fn who_is_known_is_whom_the_words_are_given_to(
        heard in prop::collection::vec((0_u16..360, prop::option::of(1_u32..6), 0_u64..9_000, 100_u64..6_000), 0..80)
    ) {
        let mut speakers = Speakers::default();
        let mut started = MonoTime::ZERO;
        for (bearing, voice, pause_ms, length_ms) in heard {
            started = started + Duration::from_millis(pause_ms);
            let ended = started + Duration::from_millis(length_ms);
            let traits = Traits { bearing_deg: Some(bearing), voice, started, ended };
            let (before, known) = (speakers.people.len(), speakers.known(traits));
            let told = speakers.of(traits);
            let founded = speakers.people.len() > before;
            prop_assert_eq!(known, told.filter(|_| !founded));
            started = ended;
        }
    }

    #[test]
    fn labels_are_few_and_numbered_in_order(
        heard in prop::collection::vec((prop::option::of(0_u16..360), prop::option::of(1_u32..20)), 0..200)
    ) {
        let mut speakers = Speakers::default();
        let mut most = 0;
        for (bearing, voice) in heard {
            if let Some(n) = label(&mut speakers, bearing, voice) {
                prop_assert!(n <= most + 1, "label {n} came after {most}");
                most = most.max(n);
            }
        }
        prop_assert!(usize::from(most) <= LABELS);
        prop_assert!(speakers.people.iter().all(|speaker| speaker.places.len() <= PLACES));
    }

    #[test]
    fn a_certain_voice_has_one_label_for_ever_and_a_label_one_voice(
        heard in prop::collection::vec((prop::option::of(0_u16..360), prop::option::of(1_u32..8)), 0..200)
    ) {
        let (mut speakers, mut told) = (Speakers::default(), Told::default());
        for (bearing, voice) in heard {
            let (Some(n), Some(voice)) = (label(&mut speakers, bearing, voice), voice) else { continue };
            match told.0.iter().find(|(label, of)| *label == n || *of == Some(voice)) {
                Some(known) => prop_assert_eq!(*known, (n, Some(voice))),
                None => told.0.push((n, Some(voice))),
            }
        }
    }

    #[test]
    fn without_voices_the_nearest_seat_decides(bearings in prop::collection::vec(0_u16..24, 0..60)) {
        // Seats a sixth of a circle apart, where nothing is ambiguous: the label is that of the seat.
        let (mut speakers, mut seats) = (Speakers::default(), Vec::new());
        for bearing in bearings {
            let (seat, off) = (bearing / 4, bearing % 4);
            let known = seats.iter().position(|s| *s == seat).unwrap_or_else(|| {
                seats.push(seat);
                seats.len() - 1
            });
            prop_assert_eq!(number(&mut speakers, seat * 60 + off), Some(known as u8 + 1));
        }
    }
}
