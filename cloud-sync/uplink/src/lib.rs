//! prim-uplink
