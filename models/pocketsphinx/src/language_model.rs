//! Statistical language models: the big one of the package, a small one of the meeting, and their mixture.
#![expect(unsafe_code, reason = "the engine is a C library")]

use std::ptr::NonNull;

use crate::decoder::DecoderError;
use crate::ffi;

/// An owned reference to a model.
pub(crate) struct LanguageModel {
    raw: NonNull<ffi::ngram_model_t>,
}

// SAFETY: a model has no thread affinity. Its reference count is not atomic and look-ups write to its caches, so all
// owners of one model stay on one thread at a time: the crate keeps a model beside the only decoder that uses it.
unsafe impl Send for LanguageModel {}

impl LanguageModel {
    /// Takes over a reference.
    ///
    /// # Safety
    /// `raw` is null or a model whose reference the caller gives up.
    pub(crate) unsafe fn own(raw: *mut ffi::ngram_model_t) -> Result<Self, DecoderError> {
        NonNull::new(raw)
            .map(|raw| Self { raw })
            .ok_or(DecoderError::Refused { what: "read a language model" })
    }

    pub(crate) fn raw(&self) -> *mut ffi::ngram_model_t {
        self.raw.as_ptr()
    }

    /// A mixture of two models with these weights.
    ///
    /// # Safety
    /// `config` is a valid configuration.
    pub(crate) unsafe fn interpolated(
        config: *mut ffi::config_t,
        main: &Self,
        extra: &Self,
        weights: [f32; 2],
    ) -> Result<Self, DecoderError> {
        let mut models = [main.raw(), extra.raw()];
        let mut names = [c"main".as_ptr().cast_mut(), c"meeting".as_ptr().cast_mut()];
        // SAFETY: three arrays of two; names are copied, and the set takes its own reference to each model.
        let set = unsafe {
            ffi::ngram_model_set_init(config, models.as_mut_ptr(), names.as_mut_ptr(), weights.as_ptr(), 2)
        };
        NonNull::new(set).map(|raw| Self { raw }).ok_or(DecoderError::Refused { what: "mix language models" })
    }
}

impl Drop for LanguageModel {
    fn drop(&mut self) {
        // SAFETY: the reference is owned and not used again.
        unsafe { ffi::ngram_model_free(self.raw.as_ptr()) };
    }
}
