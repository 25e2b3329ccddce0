//! For tests: an example file, the list of keys and what is read are the same.

use prim_settings::Key;

/// The example with what it shows commented out (`# key = value`, nothing else on the line) switched on.
pub(crate) fn uncommented(example: &str) -> String {
    let shown = |line: &str| {
        let key = line.strip_prefix("# ")?.split_once(" = ")?.0;
        key.chars().all(|c| c.is_ascii_lowercase() || c == '_').then(|| line[2..].to_owned())
    };
    example.lines().map(|line| shown(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

/// Every key is in the example, and serde knows no key in any of its sections that is not in the list.
pub(crate) fn assert_same_keys<T: serde::de::DeserializeOwned + std::fmt::Debug>(
    example: &str,
    keys: &[Key],
) {
    let table: toml::Table = example.parse().expect("the example is TOML");
    for key in keys {
        let mut at = Some(&toml::Value::Table(table.clone())).cloned();
        for step in key.name.split('.') {
            at = at.and_then(|value| match step.strip_suffix("[]") {
                Some(step) => value.get(step)?.get(0).cloned(),
                None => value.get(step).cloned(),
            });
        }
        assert!(at.is_some(), "the example does not show {}", key.name);
        let (section, _) = key.parts();
        let stray = match section {
            "" => format!("zz = 1\n{example}"),
            section => {
                let header = match section.strip_suffix("[]") {
                    Some(section) => format!("[[{section}]]\n"),
                    None => format!("[{section}]\n"),
                };
                example.replacen(&header, &format!("{header}zz = 1\n"), 1)
            }
        };
        let said = toml::from_str::<T>(&stray).expect_err("zz is no key").to_string();
        let known = said.split_once("expected ").expect("serde lists what it knows").1;
        for name in known.split('`').skip(1).step_by(2) {
            let full = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let listed = keys.iter().any(|key| {
                key.name == full
                    || key.name.starts_with(&format!("{full}."))
                    || key.name.starts_with(&format!("{full}[]."))
            });
            assert!(listed || full == "hal.kind", "{full} is read and not listed: {said}");
        }
    }
}
