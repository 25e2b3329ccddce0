//! prim-gateway
