//! One hash that stands for several texts, to tell whether anything of them has changed.

/// The hash of texts in their order; each ends where it ends, so that no two lists have the same.
pub(crate) fn fingerprint_of<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(text.as_ref().as_bytes());
        hasher.update(b"\0");
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart_by_where_they_end_and_by_their_order() {
        assert_ne!(fingerprint_of(["ab", "c"]), fingerprint_of(["a", "bc"]));
        assert_ne!(fingerprint_of(["a", "b"]), fingerprint_of(["b", "a"]));
        assert_eq!(fingerprint_of(["a"]), fingerprint_of([String::from("a")]));
    }
}
