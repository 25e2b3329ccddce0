//! prim-spool
