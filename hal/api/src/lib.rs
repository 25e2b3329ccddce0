//! prim-hal
