//! Links Debian's flite and its four 16 kHz voices. The package carries no pkg-config file.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=FLITE_LIB_DIR");
    let target = std::env::var("TARGET").unwrap_or_default();
    // Debian's folder of a target: x86_64-unknown-linux-gnu lies in x86_64-linux-gnu.
    let multiarch = target.replace("-unknown-", "-").replace("-pc-", "-");
    let chosen = std::env::var("FLITE_LIB_DIR").ok();
    let folders = match &chosen {
        Some(folder) => vec![folder.clone()],
        None => vec![format!("/usr/lib/{multiarch}"), "/usr/lib".to_owned(), "/usr/local/lib".to_owned()],
    };
    let has = |folder: &String, name: &str| Path::new(folder).join(name).exists();
    match folders.iter().find(|f| has(f, "libflite.so") || has(f, "libflite.a")) {
        Some(folder) => println!("cargo::rustc-link-search=native={folder}"),
        None => println!(
            "cargo::error=link flite: libflite is not in {}; install Debian package flite1-dev: apt-get install flite1-dev",
            folders.join(", ")
        ),
    }
    for library in [
        "flite_cmu_us_slt",
        "flite_cmu_us_rms",
        "flite_cmu_us_awb",
        "flite_cmu_us_kal16",
        "flite_usenglish",
        "flite_cmulex",
        "flite",
    ] {
        println!("cargo::rustc-link-lib=dylib={library}");
    }
}
