//! prim-adapter-room
