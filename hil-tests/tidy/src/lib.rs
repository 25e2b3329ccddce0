//! prim-tidy
