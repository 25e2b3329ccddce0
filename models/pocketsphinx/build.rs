//! Finds Debian's PocketSphinx and tells the crate which of its two interfaces it has.
//!
//! Debian 12 carries 0.8+5prealpha (`cmd_ln_t`, `ps_set_search`), later releases carry 5.x (`ps_config_t`,
//! `ps_activate_search`): `cfg(sphinx5)` is the latter.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(sphinx5)");
    println!("cargo::rerun-if-changed=build.rs");
    match pkg_config::Config::new().probe("pocketsphinx") {
        Ok(library) => {
            if !(library.version.contains("prealpha") || library.version.starts_with("0.")) {
                println!("cargo::rustc-cfg=sphinx5");
            }
        }
        Err(why) => {
            println!(
                "cargo::error=link PocketSphinx: install Debian packages libpocketsphinx-dev and pkg-config: apt-get install libpocketsphinx-dev pkg-config"
            );
            println!("cargo::error={}", why.to_string().lines().next().unwrap_or_default());
        }
    }
}
