//! prim-proto
