//! On which line of a file a key stands.

/// The line of `key` in `section` (`""` at the top; the `number`th of it, from 1, where a section stands several
/// times), or of the section itself when `key` is empty. None where the file writes it in another way.
#[must_use]
pub fn line_of(text: &str, section: &str, number: usize, key: &str) -> Option<usize> {
    let section = section.trim_end_matches("[]");
    let (mut at, mut seen) = (section.is_empty(), 0);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let name = header.trim_start_matches('[').split(']').next().unwrap_or_default();
            seen += usize::from(name.trim() == section);
            at = name.trim() == section && (number == 0 || seen == number);
            if at && key.is_empty() {
                return Some(index + 1);
            }
        } else if at
            && !key.is_empty()
            && let Some((name, _)) = line.split_once('=')
            && name.trim().trim_matches('"') == key
        {
            return Some(index + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_own_section_only() {
        let text = "name = 1\n[a]\nname = 2 # x\n[[b]]\nname = 3\n[[b]]\n\"name\" = 4\n";
        assert_eq!(line_of(text, "", 0, "name"), Some(1));
        assert_eq!(line_of(text, "a", 0, "name"), Some(3));
        assert_eq!(line_of(text, "b[]", 2, "name"), Some(7));
        assert_eq!(line_of(text, "a", 0, ""), Some(2));
        assert_eq!(line_of(text, "a", 0, "other"), None);
    }
}
