//! prim-adapter
