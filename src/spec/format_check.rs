//! What the settings of a format must say to make sense.

use encoding_rs::Encoding;

use super::format::{CsvFormat, Quote, SheetFormat};
use super::source_check::{Finding, finding};

/// The settings of delimited text.
pub(super) fn check_csv(csv: &CsvFormat) -> Vec<Finding> {
    let mut findings: Vec<Finding> = marks(csv)
        .into_iter()
        .filter(|(_, mark)| !mark.is_ascii() || matches!(mark, '\n' | '\r' | '\0'))
        .map(|(name, mark)| {
            let message = format!("{name} `{}` is not an ASCII character", mark.escape_debug());
            finding(
                name,
                message,
                "use one character such as `,`, `;`, `|` or a tab",
            )
        })
        .collect();
    findings.extend(same_mark(csv));
    if !csv.is_detected() && Encoding::for_label(csv.encoding.as_bytes()).is_none() {
        let message = format!("encoding `{}` is not known", csv.encoding);
        let help = "use a WHATWG label such as `utf-8` or `windows-1252`, or `detect`";
        findings.push(finding(&csv.encoding, message, help));
    }
    if csv.header_row == 0 {
        let message = "the header cannot stand above the first line".to_owned();
        findings.push(finding("header_row", message, "lines are counted from 1"));
    }
    if csv.escape.is_some() && csv.quote == Quote::None {
        let message = "`escape` has a meaning in quoted fields only".to_owned();
        let help = "remove `escape`, or declare the quote";
        findings.push(finding("escape", message, help));
    }
    findings
}

/// The characters with a meaning and what they are called.
fn marks(csv: &CsvFormat) -> Vec<(&'static str, char)> {
    let named = [
        ("delimiter", Some(csv.delimiter)),
        ("quote", csv.quote.character()),
        ("escape", csv.escape),
        ("comment", csv.comment),
    ];
    let set = named.into_iter();
    set.filter_map(|(name, mark)| mark.map(|mark| (name, mark)))
        .collect()
}

/// Two characters with a meaning are the same.
fn same_mark(csv: &CsvFormat) -> Option<Finding> {
    let marks = marks(csv);
    let pairs = marks.iter().enumerate();
    let mut pairs =
        pairs.flat_map(|(place, one)| marks.iter().skip(place + 1).map(move |two| (one, two)));
    let ((one, mark), (two, _)) = pairs.find(|((_, one), (_, two))| one == two)?;
    let message = format!("`{one}` and `{two}` are both `{}`", mark.escape_debug());
    let help = match *two {
        "escape" => "remove `escape`: a quote that is written twice needs none",
        _ => "give each a character of its own",
    };
    Some(finding(two, message, help))
}

/// The settings of a workbook.
pub(super) fn check_sheet(sheet: &SheetFormat) -> Vec<Finding> {
    let last = sheet.header_row.unwrap_or(u32::MAX);
    let fits = last > 0 && (1..=last).contains(&sheet.header_rows);
    if fits {
        return Vec::new();
    }
    let message = "the header does not fit above its last row".to_owned();
    let help = "rows are counted from 1, and `header_rows` upwards from `header_row`";
    vec![finding("header_row", message, help)]
}

#[cfg(test)]
mod tests {
    use super::super::format::Ragged;
    use super::*;

    /// Messages about delimited text declared in TOML.
    fn messages(toml: &str) -> Vec<String> {
        let csv: CsvFormat = toml::from_str(toml).unwrap();
        let findings = check_csv(&csv).into_iter();
        findings.map(|finding| finding.message).collect()
    }

    #[test]
    fn delimited_text_is_declared_in_many_ways() {
        for toml in [
            "",
            "delimiter = \"\\t\"\nquote = \"none\"\nencoding = \"detect\"",
            "delimiter = \"|\"\nquote = { character = \"^\" }\nescape = \"\\\\\"",
            "comment = \"#\"\nheader_row = 4\nragged = \"pad\"\nquote = \"single\"",
        ] {
            assert_eq!(messages(toml), Vec::<String>::new(), "{toml}");
        }
        let padded: CsvFormat = toml::from_str("ragged = \"pad\"").unwrap();
        assert_eq!(padded.ragged, Ragged::Pad);
    }

    #[test]
    fn marks_that_cannot_be_told_apart_are_found() {
        for (toml, message) in [
            (
                "delimiter = \"·\"",
                "delimiter `·` is not an ASCII character",
            ),
            (
                "delimiter = \"\\n\"",
                "delimiter `\\n` is not an ASCII character",
            ),
            ("comment = \",\"", "`delimiter` and `comment` are both `,`"),
            ("escape = \"\\\"\"", "`quote` and `escape` are both `\\\"`"),
            (
                "header_row = 0",
                "the header cannot stand above the first line",
            ),
            ("encoding = \"klingon\"", "encoding `klingon` is not known"),
            (
                "quote = \"none\"\nescape = \"!\"",
                "`escape` has a meaning in quoted fields only",
            ),
        ] {
            assert_eq!(messages(toml), [message], "{toml}");
        }
    }

    #[test]
    fn a_header_of_a_sheet_fits_or_is_found() {
        let sheet = |toml: &str| check_sheet(&toml::from_str(toml).unwrap()).len();
        assert_eq!(sheet("sheet = 'x'"), 0);
        assert_eq!(sheet("sheet = 'x'\nheader_rows = 3"), 0);
        assert_eq!(sheet("sheet = 'x'\nheader_row = 5\nheader_rows = 2"), 0);
        assert_eq!(sheet("sheet = 'x'\nheader_row = 0"), 1);
        assert_eq!(sheet("sheet = 'x'\nheader_row = 1\nheader_rows = 2"), 1);
    }
}
