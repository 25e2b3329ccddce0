//! One stored sample as a number in −1.0..=1.0 (floats may lie beyond).

use crate::Encoding;

/// `bytes`: exactly one sample of this encoding; anything else is silence.
pub(crate) fn decode(encoding: Encoding, bytes: &[u8]) -> f32 {
    match (encoding, bytes) {
        (Encoding::U8, [a]) => (f32::from(*a) - 128.0) / 128.0,
        (Encoding::I16, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
        (Encoding::I24, [a, b, c]) => i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0,
        (Encoding::I32, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0,
        (Encoding::F32, [a, b, c, d]) => f32::from_le_bytes([*a, *b, *c, *d]),
        (Encoding::F64, bytes) => {
            <[u8; 8]>::try_from(bytes).map_or(0.0, |bytes| f64::from_le_bytes(bytes) as f32)
        }
        (Encoding::ALaw, [a]) => f32::from(a_law(*a)) / 32_768.0,
        (Encoding::MuLaw, [a]) => f32::from(mu_law(*a)) / 32_768.0,
        (
            Encoding::U8
            | Encoding::I16
            | Encoding::I24
            | Encoding::I32
            | Encoding::F32
            | Encoding::ALaw
            | Encoding::MuLaw,
            _,
        ) => 0.0,
    }
}

/// ITU-T G.711, table 1: sign, three bits of segment, four of step; every other bit turned.
fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let step = i16::from(byte & 0x0f) << 4;
    let size = match (byte & 0x70) >> 4 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if byte & 0x80 == 0 { -size } else { size }
}

/// ITU-T G.711, table 2: the same with a bias of 33 steps, all bits turned.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let size = (((i16::from(byte & 0x0f) << 3) + 0x84) << ((byte & 0x70) >> 4)) - 0x84;
    if byte & 0x80 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_middle_of_both_laws_are_those_of_the_standard() {
        assert_eq!([0xd5, 0x55, 0xaa, 0x2a].map(a_law), [8, -8, 32_256, -32_256]);
        assert_eq!([0xff, 0x7f, 0x80, 0x00].map(mu_law), [0, 0, 32_124, -32_124]);
    }

    #[test]
    fn both_laws_rise_evenly_from_silence_to_full_scale_on_both_sides() {
        for (law, quiet) in [(a_law as fn(u8) -> i16, 0xd5_u8), (mu_law, 0xff)] {
            let mut last = -1;
            for n in 0..=127 {
                // Louder codes count down in µ-law and up (before turning) in A-law.
                let code = if quiet == 0xff { quiet - n } else { (n | 0x80) ^ 0x55 };
                let (up, down) = (law(code), law(code ^ 0x80));
                assert!(up > last && down == -up, "{code:#x}: {up} after {last}, {down} below");
                last = up;
            }
        }
    }

    #[test]
    fn full_scale_is_full_scale_at_every_depth() {
        let close = |encoding, bytes: &[u8], want: f32| {
            let got = decode(encoding, bytes);
            assert!((got - want).abs() < 0.01, "{encoding:?}: {got}");
        };
        close(Encoding::U8, &[0], -1.0);
        close(Encoding::U8, &[255], 1.0);
        close(Encoding::U8, &[128], 0.0);
        close(Encoding::I16, &[0, 0x80], -1.0);
        close(Encoding::I24, &[0xff, 0xff, 0x7f], 1.0);
        close(Encoding::I32, &[0, 0, 0, 0x80], -1.0);
        close(Encoding::F32, &0.5_f32.to_le_bytes(), 0.5);
        close(Encoding::F64, &(-0.5_f64).to_le_bytes(), -0.5);
        assert!(decode(Encoding::F64, &1e300_f64.to_le_bytes()).is_infinite());
    }
}
