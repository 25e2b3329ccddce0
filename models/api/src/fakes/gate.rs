//! A gate that a test opens: what waits at it is stalled until then.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Shared by the test and the stalled fake.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    inner: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self::default()
    }

    /// Lets everyone through, now and later.
    pub fn open(&self) {
        *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.inner.1.notify_all();
    }

    /// Waits until the gate is open.
    pub fn wait(&self) {
        let mut open = self.inner.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self.inner.1.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
