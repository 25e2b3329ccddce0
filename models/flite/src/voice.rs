//! A voice of flite behind the [`Tts`] seam. All unsafe code of the crate is here and in [`crate::ffi`].
#![expect(unsafe_code, reason = "the engine is a C library")]

use std::any::Any;
use std::ffi::{CString, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::{Mutex, PoisonError};

use prim_audio::{Frames, SPEECH_RATE, SampleRate};
use prim_models::{Flow, Spoken, Tts, TtsError};

use crate::ffi;
use crate::speakable::{MAX_CHARS, speakable};

const ENGINE: &str = "flite";

/// Samples per chunk: 20 ms at 16 kHz, so that the first is early and a stop is honoured soon.
const CHUNK_FRAMES: c_int = 320;

/// Where the noise in each utterance begins: what a process that said nothing before would draw.
const SEED: c_uint = 1;

/// The library keeps voices and their features in static memory: one call at a time in the whole process.
static FLITE: Mutex<()> = Mutex::new(());

/// The voices of Debian's flite that speak at 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// A woman, US English, statistical.
    Slt,
    /// A man, US English, statistical.
    Rms,
    /// A man, Scottish English, statistical.
    Awb,
    /// A man, US English, diphones.
    Kal16,
}

impl Voice {
    /// Every voice.
    pub const ALL: [Self; 4] = [Self::Slt, Self::Rms, Self::Awb, Self::Kal16];

    /// The voice of this name, as in the manifest.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Slt => "slt",
            Self::Rms => "rms",
            Self::Awb => "awb",
            Self::Kal16 => "kal16",
        }
    }
}

/// An opened voice. Any number may be open; they speak one after the other.
pub struct Flite {
    which: Voice,
    voice: NonNull<ffi::cst_voice>,
}

// SAFETY: the voice lives in static memory for the life of the process and is only touched under `FLITE`.
unsafe impl Send for Flite {}

impl std::fmt::Debug for Flite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flite").field("voice", &self.which).finish_non_exhaustive()
    }
}

impl Flite {
    /// Opens a voice; it stays loaded for the life of the process.
    ///
    /// # Errors
    /// [`TtsError::Engine`] when the library does not give it.
    pub fn open(which: Voice) -> Result<Self, TtsError> {
        let _turn = FLITE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: under the lock; `flite_init` may be called again, registering a voice again returns the same one,
        // and a null folder means the voice's data inside the library.
        let voice = unsafe {
            ffi::flite_init();
            match which {
                Voice::Slt => ffi::register_cmu_us_slt(ptr::null()),
                Voice::Rms => ffi::register_cmu_us_rms(ptr::null()),
                Voice::Awb => ffi::register_cmu_us_awb(ptr::null()),
                Voice::Kal16 => ffi::register_cmu_us_kal16(ptr::null()),
            }
        };
        NonNull::new(voice).map(|voice| Self { which, voice }).ok_or_else(|| TtsError::Engine {
            engine: ENGINE,
            why: format!("the voice {} does not load; reinstall libflite1", which.name()),
        })
    }

    /// Which voice it is.
    #[must_use]
    pub fn voice(&self) -> Voice {
        self.which
    }
}

/// What the callback sees of one call to [`Tts::synthesise`].
struct Listener<'a> {
    sink: &'a mut dyn FnMut(&[i16]) -> Flow,
    frames: u64,
    stopped: bool,
    finished: bool,
    wrong_rate: Option<c_int>,
    panicked: Option<Box<dyn Any + Send>>,
}

impl Tts for Flite {
    fn rate(&self) -> SampleRate {
        SPEECH_RATE
    }

    fn synthesise(&mut self, clause: &str, sink: &mut dyn FnMut(&[i16]) -> Flow) -> Result<Spoken, TtsError> {
        let chars = clause.chars().count();
        if chars > MAX_CHARS {
            return Err(TtsError::TooLong { chars, limit: MAX_CHARS });
        }
        let plain = speakable(clause).ok_or(TtsError::NothingToSay)?;
        let text = CString::new(plain).map_err(|_| TtsError::NothingToSay)?;
        let mut listener =
            Listener { sink, frames: 0, stopped: false, finished: false, wrong_rate: None, panicked: None };
        let whole = self.speak(&text, &mut listener);
        if let Some(panic) = listener.panicked.take() {
            resume_unwind(panic);
        }
        if let Some(hz) = listener.wrong_rate {
            return Err(TtsError::Engine {
                engine: ENGINE,
                why: format!("it speaks at {hz} Hz, not at 16000"),
            });
        }
        if !whole && !listener.stopped {
            return Err(TtsError::Engine { engine: ENGINE, why: "it gives no utterance".to_owned() });
        }
        let complete = listener.finished || !listener.stopped;
        Ok(Spoken { frames: Frames(listener.frames), complete, cached: false })
    }
}

impl Flite {
    /// Runs one synthesis; false when the library gives no utterance. A clause always sounds the same, whatever was
    /// said before it.
    fn speak(&mut self, text: &CString, listener: &mut Listener<'_>) -> bool {
        let _turn = FLITE.lock().unwrap_or_else(PoisonError::into_inner);
        let name = c"streaming_info";
        // SAFETY: under the lock. The streaming info is owned by the value that holds it, which the voice's features
        // own until `flite_feat_remove` deletes both; the listener outlives them, because the feature is removed
        // before this function returns. The utterance is ours and deleted.
        unsafe {
            let info = ffi::new_audio_streaming_info();
            if info.is_null() {
                return false;
            }
            (*info).min_buffsize = CHUNK_FRAMES;
            (*info).asc = Some(on_chunk);
            (*info).userdata = ptr::from_mut(listener).cast::<c_void>();
            let features = (*self.voice.as_ptr()).features;
            ffi::flite_feat_set(features, name.as_ptr(), ffi::audio_streaming_info_val(info));
            ffi::srand(SEED);
            let utterance = ffi::flite_synth_text(text.as_ptr(), self.voice.as_ptr());
            if !utterance.is_null() {
                ffi::delete_utterance(utterance);
            }
            ffi::flite_feat_remove(features, name.as_ptr());
            !utterance.is_null()
        }
    }
}

/// Called by flite for each chunk.
///
/// # Safety
/// `wave` and `info` are valid for the call and `info.userdata` is the [`Listener`] of the running synthesis.
unsafe extern "C" fn on_chunk(
    wave: *const ffi::cst_wave,
    start: c_int,
    size: c_int,
    last: c_int,
    info: *mut ffi::cst_audio_streaming_info,
) -> c_int {
    // SAFETY: see above; the listener is borrowed mutably by nobody else while flite runs.
    let (wave, listener) = unsafe { (&*wave, &mut *(*info).userdata.cast::<Listener<'_>>()) };
    if listener.stopped {
        return ffi::CST_AUDIO_STREAM_STOP;
    }
    let bounds = |v: c_int| usize::try_from(v).unwrap_or(0);
    let (start, end) =
        (bounds(start), bounds(start).saturating_add(bounds(size)).min(bounds(wave.num_samples)));
    if !wave.samples.is_null() && start < end {
        if i64::from(wave.sample_rate) != i64::from(SPEECH_RATE.hz()) || wave.num_channels != 1 {
            listener.wrong_rate = Some(wave.sample_rate);
            listener.stopped = true;
            return ffi::CST_AUDIO_STREAM_STOP;
        }
        // SAFETY: `start..end` lies inside the wave's samples.
        let chunk = unsafe { slice::from_raw_parts(wave.samples.add(start), end - start) };
        // A panic must not cross C frames: it is carried to the caller.
        match catch_unwind(AssertUnwindSafe(|| (listener.sink)(chunk))) {
            Ok(flow) => {
                listener.frames += chunk.len() as u64;
                listener.stopped = flow == Flow::Stop;
            }
            Err(panic) => {
                listener.panicked = Some(panic);
                listener.stopped = true;
            }
        }
    }
    listener.finished = last == 1 && !listener.stopped;
    if listener.stopped { ffi::CST_AUDIO_STREAM_STOP } else { ffi::CST_AUDIO_STREAM_CONT }
}
