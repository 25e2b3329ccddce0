//! prim-identity
