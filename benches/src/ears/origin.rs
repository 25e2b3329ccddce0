//! When and on what a stage was measured.
use std::process::Command;

/// The version that is measured, as git names it, with `+` when the tree is not what was committed; `None` where git or
/// the history is missing. The page that the bench writes itself counts for nothing.
#[must_use]
pub fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let short = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--", ":/", ":!README.md"])?;
    Some(short + if changed.is_empty() { "" } else { "+" })
}

/// Today in UTC, `2026-11-28`.
#[must_use]
pub fn day() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_written_from_the_year_down() {
        let day = day();
        let shape = day.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
        assert_eq!(shape, "0000-00-00");
    }

    #[test]
    fn a_version_is_short_and_says_when_it_is_not_whole() {
        // A checkout without its history has none.
        if let Some(commit) = commit() {
            let short = commit.strip_suffix('+').unwrap_or(&commit);
            assert!(short.len() >= 7 && short.chars().all(|c| c.is_ascii_hexdigit()), "{commit}");
        }
    }
}
