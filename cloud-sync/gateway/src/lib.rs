//! The gateway: takes what devices send, stores it exactly once, acknowledges it after commit, and makes the
//! meeting's files from it.
//!
//! **Who calls it:** its own binary `prim-gateway` (`serve`, `ingest`, `worker`, `migrate`, `seed`, `export`),
//! `benches`. **What it never does:** hold state that a second copy would need (any number of equal copies run side
//! by side; the row locks of Postgres keep them apart), acknowledge before a commit, trust a topic further than the
//! batch's signature, or log what people said.
//!
//! The way of a batch: [`ingest::mqtt`](ingest) receives it → [`ingest::check`] (topic against registry, size,
//! version, signature; pure) → [`ingest::Store::commit`] (one transaction: [`ingest::judge`] against the locked
//! cursor, COPY, what the records mean, counter-signed heads) → acknowledgement.

pub mod backoff;
pub mod clock;
pub mod complaint;
pub mod config;
pub mod db;
pub mod export;
pub mod fault;
pub mod health;
pub mod http;
pub mod ingest;
pub mod migrate;
pub mod numbers;
pub mod run;
pub mod seed;
pub mod worker;
