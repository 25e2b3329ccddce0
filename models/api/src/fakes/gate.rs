//! A gate that a test opens: what waits at it is stalled until then.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Shared by the test and the stalled fake.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    inner: Arc<(Mutex<Door>, Condvar)>,
}

#[derive(Debug, Default)]
struct Door {
    open: bool,
    arrived: bool,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self::default()
    }

    /// Lets everyone through, now and later.
    pub fn open(&self) {
        self.door().open = true;
        self.inner.1.notify_all();
    }

    /// Waits until the gate is open.
    pub fn wait(&self) {
        let mut door = self.door();
        door.arrived = true;
        self.inner.1.notify_all();
        while !door.open {
            door = self.inner.1.wait(door).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until someone stands, or stood, at the gate.
    pub fn wait_for_arrival(&self) {
        let mut door = self.door();
        while !door.arrived {
            door = self.inner.1.wait(door).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
