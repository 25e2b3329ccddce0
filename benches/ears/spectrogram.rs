//! A picture of sound at 16 kHz: time to the right in 10 ms, frequency up to 8 kHz, bright is loud.
use std::path::Path;

use realfft::RealFftPlanner;

const SIZE: usize = 512;
const HOP: usize = 160;
const ROWS: usize = SIZE / 2 + 1;
/// Dark and bright, dB of a full sine.
const DARK: f32 = -95.0;
const BRIGHT: f32 = -40.0;

pub(crate) fn write(path: &Path, x: &[f32]) {
    let (pixels, width) = picture(x);
    let file = std::fs::File::create(path).expect("the folder takes a picture");
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), width as u32, ROWS as u32);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("the picture has a size");
    writer.write_image_data(&pixels).expect("the folder takes a picture");
}

/// Rows from the highest frequency down, and how wide each is.
fn picture(x: &[f32]) -> (Vec<u8>, usize) {
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(SIZE);
    let mut spectrum = fft.make_output_vec();
    let width = x.len().saturating_sub(SIZE) / HOP + 1;
    let mut pixels = vec![0; width * ROWS];
    let mut frame = vec![0.0; SIZE];
    for column in 0..width {
        for (i, s) in frame.iter_mut().enumerate() {
            let window = 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / SIZE as f32).cos();
            *s = window * x.get(column * HOP + i).copied().unwrap_or(0.0);
        }
        fft.process(&mut frame, &mut spectrum).expect("lengths fit");
        for (row, bin) in spectrum.iter().rev().enumerate() {
            // A full sine gives a quarter of the window's length.
            let level = 20.0 * (bin.norm() * 4.0 / SIZE as f32 + 1e-9).log10();
            let shade = 255.0 * (level - DARK) / (BRIGHT - DARK);
            pixels[row * width + column] = shade.clamp(0.0, 255.0) as u8;
        }
    }
    (pixels, width)
}
