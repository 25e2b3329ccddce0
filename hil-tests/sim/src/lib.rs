//! prim-hil-sim
