//! The few C functions this crate calls, declared by hand from `flite.h`, `cst_voice.h`, `cst_wave.h` and
//! `cst_audio.h` of flite 2.2.
#![expect(unsafe_code, reason = "the engine is a C library")]
#![expect(non_camel_case_types, reason = "the names are those of the C headers")]

use std::ffi::{c_char, c_int, c_uint, c_void};

/// Declares an opaque C type.
macro_rules! opaque {
    ($($name:ident),*) => {$(
        #[repr(C)]
        pub(crate) struct $name { _private: [u8; 0] }
    )*};
}

opaque!(cst_features, cst_val, cst_utterance, cst_item);

/// The head of `cst_voice`; what follows is never touched.
#[repr(C)]
pub(crate) struct cst_voice {
    pub(crate) name: *const c_char,
    pub(crate) features: *mut cst_features,
}

#[repr(C)]
pub(crate) struct cst_wave {
    pub(crate) kind: *const c_char,
    pub(crate) sample_rate: c_int,
    pub(crate) num_samples: c_int,
    pub(crate) num_channels: c_int,
    pub(crate) samples: *const i16,
}

pub(crate) type cst_audio_stream_callback = unsafe extern "C" fn(
    wave: *const cst_wave,
    start: c_int,
    size: c_int,
    last: c_int,
    info: *mut cst_audio_streaming_info,
) -> c_int;

#[repr(C)]
pub(crate) struct cst_audio_streaming_info {
    pub(crate) min_buffsize: c_int,
    pub(crate) asc: Option<cst_audio_stream_callback>,
    pub(crate) utt: *const cst_utterance,
    pub(crate) item: *const cst_item,
    pub(crate) userdata: *mut c_void,
}

pub(crate) const CST_AUDIO_STREAM_STOP: c_int = -1;
pub(crate) const CST_AUDIO_STREAM_CONT: c_int = 0;

unsafe extern "C" {
    pub(crate) fn flite_init() -> c_int;
    pub(crate) fn register_cmu_us_slt(voxdir: *const c_char) -> *mut cst_voice;
    pub(crate) fn register_cmu_us_rms(voxdir: *const c_char) -> *mut cst_voice;
    pub(crate) fn register_cmu_us_awb(voxdir: *const c_char) -> *mut cst_voice;
    pub(crate) fn register_cmu_us_kal16(voxdir: *const c_char) -> *mut cst_voice;
    pub(crate) fn new_audio_streaming_info() -> *mut cst_audio_streaming_info;
    pub(crate) fn audio_streaming_info_val(info: *const cst_audio_streaming_info) -> *mut cst_val;
    pub(crate) fn flite_feat_set(features: *mut cst_features, name: *const c_char, value: *const cst_val);
    pub(crate) fn flite_feat_remove(features: *mut cst_features, name: *const c_char) -> c_int;
    pub(crate) fn flite_synth_text(text: *const c_char, voice: *mut cst_voice) -> *mut cst_utterance;
    pub(crate) fn delete_utterance(utterance: *mut cst_utterance);
    /// Of the C library: flite's statistical voices draw their breath from `rand`.
    pub(crate) fn srand(seed: c_uint);
}
