//! A secret, found however a text wrote it.
//!
//! Servers repeat what they were sent: raw, percent-coded in an address, escaped in JSON, as
//! entities in XML, each character in a way of its own.

use std::fmt::Write;

use regex::bytes::{Captures, Regex};

/// The shortest secret that is looked for in bodies: a shorter one would be found by chance.
const SHORTEST: usize = 6;

/// Finds a secret in texts.
#[derive(Clone)]
pub(crate) struct Mask(Regex);

impl std::fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[mask]")
    }
}

impl Mask {
    /// The mask of a secret; none for one so short that it would be found by chance.
    pub(crate) fn of(secret: &str) -> Option<Self> {
        if secret.len() < SHORTEST {
            return None;
        }
        let mut pattern = "(?s-u)".to_owned();
        for character in secret.chars() {
            add(character, &mut pattern);
        }
        // A very long secret is looked for as it is.
        let found = Regex::new(&pattern).or_else(|_| Regex::new(&regex::escape(secret)));
        found.ok().map(Self)
    }

    /// Whether the secret stands in the bytes.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// The text with three stars for each time that the secret stands there.
    pub(crate) fn hide(&self, text: &str) -> String {
        if !self.is_in(text.as_bytes()) {
            return text.to_owned();
        }
        let hidden = self.0.replace_all(text.as_bytes(), b"***".as_slice());
        String::from_utf8_lossy(&hidden).into_owned()
    }

    /// The bytes with as many stars as the secret takes, so that nothing moves.
    pub(crate) fn star(&self, bytes: &[u8]) -> Vec<u8> {
        let stars = |found: &Captures<'_>| vec![b'*'; found.get(0).map_or(0, |found| found.len())];
        self.0.replace_all(bytes, stars).into_owned()
    }
}

/// Adds every way to write a character.
fn add(character: char, pattern: &mut String) {
    let mut bytes = [0; 4];
    let bytes = character.encode_utf8(&mut bytes).as_bytes();
    pattern.push_str("(?:");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _written = write!(pattern, "\\x{byte:02x}");
    }
    pattern.push_str("|(?i:");
    for byte in bytes {
        let _written = write!(pattern, "%{byte:02x}");
    }
    pattern.push(')');
    pattern.push_str("|(?i:");
    for unit in character.encode_utf16(&mut [0; 2]) {
        let _written = write!(pattern, r"\\+u{unit:04x}");
    }
    let code = u32::from(character);
    let _written = write!(pattern, "|&#0*{code};|&#x0*{code:x};)");
    let others: &[&str] = match character {
        ' ' => &[r"\+"],
        '/' => &[r"\\+/"],
        '\\' => &[r"\\\\"],
        '"' => &[r#"\\+""#, "&quot;"],
        '\'' => &[r"\\+'", "&apos;"],
        '&' => &["&amp;"],
        '<' => &["&lt;"],
        '>' => &["&gt;"],
        '\n' => &[r"\\+n", r"\\+r\\+n", "\r\n"],
        '\t' => &[r"\\+t"],
        _ => &[],
    };
    for other in others {
        pattern.push('|');
        pattern.push_str(other);
    }
    pattern.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let mask = Mask::of("a&b+c/\"è z").unwrap();
        for written in [
            "a&b+c/\"è z",
            "a%26b%2Bc%2F%22%C3%A8%20z",
            "a%26b%2bc%2f%22%c3%a8+z",
            "a&b%2Bc/%22è%20z",
            r#"a&b+c\/\"è z"#,
            r"a\u0026b\u002Bc\u002f\u0022\u00e8\u0020z",
            r#"a\\u0026b+c\\/\\"è z"#,
            "a&amp;b+c/&quot;è z",
            "a&#38;b&#x2B;c&#x2f;&#034;&#232; z",
            "%61&b+c/\"è z",
        ] {
            let text = format!("x={written};y");
            assert_eq!(mask.hide(&text), "x=***;y", "{written}");
            let starred = mask.star(text.as_bytes());
            assert_eq!(starred.len(), text.len());
            assert!(!mask.is_in(&starred));
        }
        assert_eq!(mask.hide("a&b+c"), "a&b+c");
    }

    #[test]
    fn a_secret_of_any_length_has_a_mask() {
        assert!(Mask::of("short").is_none());
        let key = "/+aB9=\n".repeat(1500);
        let mask = Mask::of(&key).unwrap();
        assert_eq!(mask.hide(&format!("key: {key}")), "key: ***");
    }
}
