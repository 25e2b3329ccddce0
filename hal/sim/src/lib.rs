//! prim-hal-sim
