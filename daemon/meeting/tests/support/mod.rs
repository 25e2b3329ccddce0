//! A random meeting with an unreliable shell, and a watcher that knows only the promises, not the code.

pub(crate) mod driver;
pub(crate) mod plan;
pub(crate) mod watcher;
