//! The words of a text that may be ids: of erased persons only marks are kept, and a mark can be
//! compared with whole words alone.
//!
//! What a word is depends on how ids look: `C0042` in `ref-C0042`, but `FAM-000123` as a whole. So
//! the text is cut in several ways, from every sign being an end to only spaces being one.

use super::decoded::layers;
use super::forms::is_distinctive;

/// Signs that do not end a word, one way of cutting after the other.
const INSIDE: [&[u8]; 6] = [b"", b"-_", b"-_.", b"-_.@+", b"-_./:", b"-_./:@+#&=%~!$*?"];

/// The longest text that is taken for one word as a whole.
const MOST_WHOLE: usize = 128;

/// Where words stand that are ids, with every escape undone as well; only ids peculiar enough to be
/// searched as text are asked for.
pub(super) fn places(bytes: &[u8], is_meant: &dyn Fn(&str) -> bool) -> Vec<(usize, usize)> {
    let mut found = in_layer(bytes, is_meant);
    for layer in layers(bytes) {
        let below = in_layer(&layer.bytes, is_meant).into_iter();
        found.extend(below.filter_map(|place| layer.origin(place)));
    }
    found
}

/// Where words stand that are ids.
fn in_layer(bytes: &[u8], is_meant: &dyn Fn(&str) -> bool) -> Vec<(usize, usize)> {
    let mut asked: Vec<Vec<(usize, usize)>> = Vec::new();
    let mut found = Vec::new();
    let whole = (bytes.len() <= MOST_WHOLE).then(|| trimmed(bytes, (0, bytes.len())));
    let ways = INSIDE.iter().map(|inside| words(bytes, inside));
    for places in ways.chain([whole.into_iter().collect()]) {
        let is_known = |place: &&(usize, usize)| {
            let known = |places: &Vec<(usize, usize)>| places.binary_search(place).is_ok();
            !asked.iter().any(known)
        };
        for (start, end) in places.iter().filter(is_known) {
            let word = bytes.get(*start..*end).unwrap_or_default();
            let word = std::str::from_utf8(word).unwrap_or_default();
            if is_distinctive(word) && is_meant(word) {
                found.push((*start, *end));
            }
        }
        asked.push(places);
    }
    found
}

/// Where words stand when these signs do not end one.
fn words(bytes: &[u8], inside: &[u8]) -> Vec<(usize, usize)> {
    let is_inside =
        |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || inside.contains(byte);
    let mut found = Vec::new();
    let mut start = 0;
    for word in bytes.split(|byte| !is_inside(byte)) {
        let end = start + word.len();
        let place = trimmed(bytes, (start, end));
        if place.0 < place.1 {
            found.push(place);
        }
        start = end + 1;
    }
    found
}

/// A part without the signs around it that are neither letter nor digit.
fn trimmed(bytes: &[u8], (start, end): (usize, usize)) -> (usize, usize) {
    let word = bytes.get(start..end).unwrap_or_default();
    let Ok(word) = std::str::from_utf8(word) else {
        return (start, end);
    };
    let is_around = |sign: char| !sign.is_alphanumeric();
    let from = start + word.len() - word.trim_start_matches(is_around).len();
    (from, from + word.trim_matches(is_around).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a text that are one of these ids.
    fn found<'t>(text: &'t str, ids: &[&str]) -> Vec<&'t str> {
        let mut places = places(text.as_bytes(), &|word| ids.contains(&word));
        places.sort_unstable();
        let words = places.into_iter().map(|(start, end)| &text[start..end]);
        words.collect()
    }

    #[test]
    fn an_id_is_recognized_in_whatever_stands_around_it() {
        for text in [
            "see C0042.",
            "(C0042)",
            "ref-C0042",
            "\"C0042\":1",
            "/persons/C0042?x=1",
            "—C0042—",
        ] {
            assert_eq!(found(text, &["C0042"]), ["C0042"], "{text}");
        }
        assert_eq!(found("C00421 C0042è", &["C0042"]), [""; 0]);
        let mail = "mario.rossi+1950@x.it";
        assert_eq!(found(&format!("<{mail}>, see"), &[mail]), [mail]);
        assert_eq!(
            found("see mario.rossi%2b1950%40x.it", &[mail]),
            ["mario.rossi%2b1950%40x.it"]
        );
        assert_eq!(found(r"C00\u00342\n", &["C0042"]), [r"C00\u00342"]);
        assert_eq!(
            found("Mario Rossi 1950 ", &["Mario Rossi 1950"]),
            ["Mario Rossi 1950"]
        );
        assert_eq!(found("paid 12 euro", &["12"]), [""; 0]);
    }
}
