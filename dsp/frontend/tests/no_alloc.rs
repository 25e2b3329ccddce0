//! Nothing of the chain allocates after construction: the law of `prim-audio` holds for whoever calls it.
#![expect(unsafe_code, reason = "a counting allocator has to implement an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use prim_audio::{DEVICE_BLOCK, JitterBuffer, ReferenceLine, SampleTime, block_ring};
use prim_dsp::{
    BargeIn, BargeInConfig, Frontend, FrontendBlock, FrontendConfig, Limiter, Reframer, RemoteBlock,
    RemoteEar, SegmentBearing, SegmenterConfig, Turns,
};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system allocator unchanged; the counter is a thread-local `Cell` without
// a destructor, so that counting neither allocates nor touches another thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn ten_seconds_of_talk_over_prim_allocate_nothing_on_four_microphones() {
    talk_over_prim::<4>();
}

#[test]
fn ten_seconds_of_talk_over_prim_allocate_nothing_on_eight_microphones() {
    talk_over_prim::<8>();
}

/// A ring of `N` microphones, one of which is unplugged for two seconds.
fn talk_over_prim<const N: usize>() {
    let mics: [[f32; 3]; N] = std::array::from_fn(|m| {
        let (sin, cos) = (std::f32::consts::TAU * m as f32 / N as f32).sin_cos();
        [35.0 * cos, 35.0 * sin, 0.0]
    });
    let mut frontend = Frontend::new(&FrontendConfig::new(&mics)).expect("a board that fits");
    let mut out = FrontendBlock::default();
    let mut turns = Turns::new(SegmenterConfig::default());
    let mut bearing = SegmentBearing::default();
    let mut barge_in = BargeIn::new(BargeInConfig::default());
    let mut reframer = Reframer::new(256);
    let mut limiter = Limiter::new(0.9);
    let mut remote = RemoteEar::new().expect("it is built");
    let mut remote_out = RemoteBlock::default();
    let mut line = ReferenceLine::new(50);
    let mut jitter = JitterBuffer::<DEVICE_BLOCK>::new(20, 3);
    let (mut tx, mut rx) = block_ring::<i16>(4, N * DEVICE_BLOCK);
    let mut mic = vec![0_i16; N * DEVICE_BLOCK];
    let mut popped = mic.clone();
    let mut mono = [0_i16; DEVICE_BLOCK];
    let mut events = 0;
    let mut seed = 1_u64;
    let mut noise = move |below: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((seed >> 40) as i64 % below) as i16
    };
    let before = COUNT.with(Cell::get);
    for b in 0..1_000_u64 {
        // Two seconds loud, one silent; Prim plays every other second.
        let loud = if b % 300 < 200 { 3_000 } else { 2 };
        for (m, frame) in mono.iter_mut().zip(mic.chunks_exact_mut(N)) {
            let voice = noise(loud);
            *m = if b % 200 < 100 { noise(loud) } else { 0 };
            frame.iter_mut().for_each(|s| *s = voice + *m / 2 + noise(4));
            if (350..550).contains(&b) {
                frame[0] = 0;
            }
        }
        let at = SampleTime(b * DEVICE_BLOCK as u64);
        tx.push(at, &mic);
        rx.pop(&mut popped);
        line.push(at, &mono);
        line.read(at, &mut mono);
        frontend.process(&popped, &mono, &mut out).expect("a block that fits");
        let p = reframer.push(&out.voice, |f| f[0].abs().min(1.0) + if b % 300 < 200 { 0.8 } else { 0.0 });
        // Two people, who take over from each other within what is loud.
        let fresh = (b % 10 == 9).then_some(if b % 150 < 75 { 30.0 } else { 150.0 });
        events += usize::from(turns.push(SampleTime(b * 160), &out.voice, p, fresh).is_some());
        bearing.push(&out);
        barge_in.push(&out, p);
        jitter.push(at, &mono);
        jitter.pull(&mut mono);
        remote.process(&mono, &mut remote_out);
        limiter.process(&mut out.voice);
        if b == 500 {
            frontend.hole(prim_audio::Frames(480));
        }
    }
    let after = COUNT.with(Cell::get);
    assert!(events >= 8, "the turns were exercised: {events}");
    assert_eq!(after - before, 0, "allocations in 1000 blocks");
}
