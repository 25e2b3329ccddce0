//! The order of a board's microphones is nobody's business: swapped together with their positions they hear the same.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Heard, RING_MM, Room, active_rms, add_noise, hear, place, scale, si_sdr, voice};
use prim_dsp::FrontendConfig;

/// What is heard of the same person when the microphones are told in this order.
fn in_order(mics: &[Vec<f32>], order: [usize; 4], dereverb: bool) -> Heard {
    let board = FrontendConfig::new(&order.map(|m| RING_MM[m]));
    let board = FrontendConfig { dereverb: board.dereverb.filter(|_| dereverb), ..board };
    hear(&board, &order.map(|m| mics[m].clone()), &[])
}

#[test]
fn microphones_swapped_together_with_their_positions_hear_the_same_bearing_and_the_same_voice() {
    let room = Room::huddle(0.3);
    let mut mics = place(&room, room.at(65.0, 1.2, 0.3), &voice(55, 4.0, 130.0));
    let g = 0.025 / active_rms(&mics[0]);
    scale(&mut mics, g);
    add_noise(&mut mics, 0.0005, 2);
    for dereverb in [false, true] {
        let straight = in_order(&mics, [0, 1, 2, 3], dereverb);
        for order in [[1, 0, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1]] {
            let swapped = in_order(&mics, order, dereverb);
            let bearings = straight.blocks.iter().zip(&swapped.blocks).map(|(a, b)| (a.bearing, b.bearing));
            let mut most: f32 = 0.0;
            for (a, b) in bearings {
                assert_eq!(a.is_some(), b.is_some(), "{order:?}");
                let off =
                    a.zip(b).map_or(0.0, |(a, b)| (a.degrees - b.degrees + 180.0).rem_euclid(360.0) - 180.0);
                most = most.max(off.abs());
            }
            // Before the first bearing the first microphone is all that is heard.
            let at = 16_000..4 * 16_000;
            let same = si_sdr(&swapped.recogniser[at.clone()], &straight.recogniser[at], 1);
            assert!(most < 0.5, "{order:?}: {most} degrees");
            // Dereverberation's murmur is another with another order.
            let bound = if dereverb { 38.0 } else { 100.0 };
            assert!(same > bound, "{order:?}: the same within {same:.1} dB");
        }
    }
}
