//! prim-models-earshot
