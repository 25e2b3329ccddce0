//! prim-meeting
