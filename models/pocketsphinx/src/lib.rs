//! prim-models-pocketsphinx
