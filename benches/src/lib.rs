//! prim-benches
