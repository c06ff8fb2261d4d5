//! What the file of a resource is called beside a server.

/// Longest name of a file without its ending, in bytes: room is left for `.rejected` and its like.
const SLUG_LIMIT_BYTES: usize = 180;

/// A name as a file name: small letters, digits, and single dashes for everything else.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() || matches!(character, '_' | '.') && !slug.is_empty() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= SLUG_LIMIT_BYTES {
            break;
        }
    }
    let slug = slug.trim_end_matches(['-', '.']);
    if slug.is_empty() { "resource".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_file_names_that_stay_inside_their_directory() {
        for (name, expected) in [
            ("Deploy a Package", "deploy-a-package"),
            ("../../etc/passwd", "etc-passwd"),
            ("Ünïcode  &  more!", "ünïcode-more"),
            ("v1.2_x", "v1.2_x"),
            (".hidden", "hidden"),
            ("///", "resource"),
        ] {
            assert_eq!(slug(name), expected);
        }
        assert!(slug(&"ü".repeat(500)).len() <= SLUG_LIMIT_BYTES + 4);
    }
}
