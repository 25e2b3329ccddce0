//! Postgres and Mosquitto as guarded processes.
