//! The few C functions this crate calls, declared by hand from Debian's headers.
//!
//! Two sets: 0.8+5prealpha (`pocketsphinx.h`, `ps_search.h`, `sphinxbase/{cmd_ln,ngram_model,logmath,err}.h`) and
//! 5.x (`pocketsphinx.h`, `pocketsphinx/{search,model,logmath,err}.h`). What differs is renamed here, so that the
//! rest of the crate sees one interface.
#![expect(unsafe_code, reason = "the engine is a C library")]

use std::ffi::{c_char, c_double, c_int, c_void};

/// Declares an opaque C type.
macro_rules! opaque {
    ($($name:ident),*) => {$(
        #[repr(C)]
        pub(crate) struct $name { _private: [u8; 0] }
    )*};
}

opaque!(ps_decoder_t, ps_seg_t, config_t, ngram_model_t, logmath_t);

/// `NGRAM_AUTO`: the type of a language model by its file name.
pub(crate) const NGRAM_AUTO: c_int = 0;

unsafe extern "C" {
    pub(crate) fn ps_init(config: *mut config_t) -> *mut ps_decoder_t;
    pub(crate) fn ps_free(ps: *mut ps_decoder_t) -> c_int;
    pub(crate) fn ps_add_word(
        ps: *mut ps_decoder_t,
        word: *const c_char,
        phones: *const c_char,
        update: c_int,
    ) -> c_int;
    pub(crate) fn ps_lookup_word(ps: *mut ps_decoder_t, word: *const c_char) -> *mut c_char;
    pub(crate) fn ps_start_stream(ps: *mut ps_decoder_t) -> c_int;
    pub(crate) fn ps_start_utt(ps: *mut ps_decoder_t) -> c_int;
    pub(crate) fn ps_process_raw(
        ps: *mut ps_decoder_t,
        data: *const i16,
        samples: usize,
        no_search: c_int,
        full_utt: c_int,
    ) -> c_int;
    pub(crate) fn ps_end_utt(ps: *mut ps_decoder_t) -> c_int;
    pub(crate) fn ps_get_hyp(ps: *mut ps_decoder_t, score: *mut i32) -> *const c_char;
    pub(crate) fn ps_seg_iter(ps: *mut ps_decoder_t) -> *mut ps_seg_t;
    pub(crate) fn ps_seg_next(seg: *mut ps_seg_t) -> *mut ps_seg_t;
    pub(crate) fn ps_seg_word(seg: *mut ps_seg_t) -> *const c_char;
    pub(crate) fn ps_seg_frames(seg: *mut ps_seg_t, first: *mut c_int, last: *mut c_int);
    pub(crate) fn ps_seg_prob(
        seg: *mut ps_seg_t,
        acoustic: *mut i32,
        language: *mut i32,
        backoff: *mut i32,
    ) -> i32;
    pub(crate) fn ps_get_logmath(ps: *mut ps_decoder_t) -> *mut logmath_t;
    pub(crate) fn logmath_exp(lmath: *mut logmath_t, log: c_int) -> c_double;

    pub(crate) fn ngram_model_read(
        config: *mut config_t,
        file: *const c_char,
        kind: c_int,
        lmath: *mut logmath_t,
    ) -> *mut ngram_model_t;
    pub(crate) fn ngram_model_free(model: *mut ngram_model_t) -> c_int;
    pub(crate) fn ngram_model_set_init(
        config: *mut config_t,
        models: *mut *mut ngram_model_t,
        names: *mut *mut c_char,
        weights: *const f32,
        count: i32,
    ) -> *mut ngram_model_t;

    pub(crate) fn err_set_callback(
        callback: Option<unsafe extern "C" fn(*mut c_void, c_int, *const c_char)>,
        user_data: *mut c_void,
    );

    pub(crate) fn err_set_logfp(stream: *mut c_void);

    pub(crate) fn free(memory: *mut c_void);
}

#[cfg(not(sphinx5))]
mod by_release {
    use super::{c_char, c_int, c_void, config_t, ngram_model_t, ps_decoder_t};

    unsafe extern "C" {
        pub(crate) fn ps_args() -> *const c_void;
        pub(crate) fn cmd_ln_parse_r(
            into: *mut config_t,
            definitions: *const c_void,
            argc: i32,
            argv: *mut *mut c_char,
            strict: i32,
        ) -> *mut config_t;
        #[link_name = "cmd_ln_free_r"]
        pub(crate) fn free_config(config: *mut config_t) -> c_int;
        #[link_name = "ps_set_search"]
        pub(crate) fn activate_search(ps: *mut ps_decoder_t, name: *const c_char) -> c_int;
        #[link_name = "ps_set_lm"]
        pub(crate) fn add_lm(ps: *mut ps_decoder_t, name: *const c_char, lm: *mut ngram_model_t) -> c_int;
        #[link_name = "ps_set_kws"]
        pub(crate) fn add_kws(ps: *mut ps_decoder_t, name: *const c_char, file: *const c_char) -> c_int;
        #[link_name = "ps_set_jsgf_string"]
        pub(crate) fn add_jsgf(ps: *mut ps_decoder_t, name: *const c_char, text: *const c_char) -> c_int;
    }
}

#[cfg(sphinx5)]
mod by_release {
    use super::{c_char, c_int, config_t, ngram_model_t, ps_decoder_t};

    unsafe extern "C" {
        pub(crate) fn ps_config_parse_json(config: *mut config_t, json: *const c_char) -> *mut config_t;
        #[link_name = "ps_config_free"]
        pub(crate) fn free_config(config: *mut config_t) -> c_int;
        #[link_name = "ps_activate_search"]
        pub(crate) fn activate_search(ps: *mut ps_decoder_t, name: *const c_char) -> c_int;
        #[link_name = "ps_add_lm"]
        pub(crate) fn add_lm(ps: *mut ps_decoder_t, name: *const c_char, lm: *mut ngram_model_t) -> c_int;
        #[link_name = "ps_add_kws"]
        pub(crate) fn add_kws(ps: *mut ps_decoder_t, name: *const c_char, file: *const c_char) -> c_int;
        #[link_name = "ps_add_jsgf_string"]
        pub(crate) fn add_jsgf(ps: *mut ps_decoder_t, name: *const c_char, text: *const c_char) -> c_int;
    }
}

pub(crate) use by_release::*;
