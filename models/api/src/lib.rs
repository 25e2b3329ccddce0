//! prim-models
