//! The peers that are not Rust: they get waves as files of raw 32-bit floats and give theirs back.
use std::cell::Cell;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

/// Names the Python that has them; `cargo xtask bench ears` sets it.
const VARIABLE: &str = "PRIM_PEERS";

pub(crate) struct Peers {
    python: Option<PathBuf>,
    folder: tempfile::TempDir,
    count: Cell<usize>,
}

/// One answer: `out` planar, what `peers.py` says in `facts`.
pub(crate) struct Answer {
    pub(crate) out: Vec<Vec<f32>>,
    pub(crate) facts: Value,
}

impl Answer {
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.facts.get(key).and_then(Value::as_f64)
    }
}

impl Peers {
    pub(crate) fn find() -> Self {
        let python = std::env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
        let folder = tempfile::tempdir().expect("a folder for waves");
        Self { python, folder, count: Cell::new(0) }
    }

    /// Lets the peer `kind` work on planar `input`; `None` when it is not installed or fails (it says why itself).
    pub(crate) fn ask(&self, kind: &str, input: &[Vec<f32>], more: Value) -> Option<Answer> {
        let python = self.python.as_ref()?;
        let number = self.count.replace(self.count.get() + 1);
        let file = |what: &str| self.folder.path().join(format!("{number}.{what}"));
        let bytes: Vec<u8> = input.iter().flatten().flat_map(|s| s.to_le_bytes()).collect();
        std::fs::write(file("in"), bytes).expect("the folder takes a wave");
        let job = json!({
            "kind": kind, "in": file("in"), "channels": input.len(), "out": file("out"), "with": more,
        });
        std::fs::write(file("json"), job.to_string()).expect("the folder takes a job");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ears/peers.py");
        let output = Command::new(python)
            .arg(script)
            .arg(file("json"))
            // One thread, as everything here.
            .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"].map(|k| (k, "1")))
            .stderr(std::process::Stdio::inherit())
            .output()
            .ok()?;
        let facts: Value = serde_json::from_slice(&output.stdout).ok()?;
        let channels = facts.get("channels").and_then(Value::as_u64).unwrap_or(1).max(1) as usize;
        let bytes = std::fs::read(file("out")).unwrap_or_default();
        let samples: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let out = samples.chunks((samples.len() / channels).max(1)).map(<[f32]>::to_vec).collect();
        for what in ["in", "out", "json"] {
            let _ = std::fs::remove_file(file(what));
        }
        Some(Answer { out, facts })
    }
}
