//! prim-dsp
