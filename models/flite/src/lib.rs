//! prim-models-flite
