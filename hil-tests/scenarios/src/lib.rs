//! prim-scenarios
