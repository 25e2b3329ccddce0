//! primd
