//! Pages of text: delimited and JSON.

use super::bytes::Draws;
use super::{FIELDS, Harm, MadePage, Maker};

/// Rows of a page of text.
const N_ROWS: usize = 400;

/// Makes pages of delimited text.
pub(super) struct Csv {
    /// The format, in TOML.
    format: &'static str,
    /// Quote of fields that need one.
    quote: char,
    /// Lines above the header.
    titles: &'static str,
    /// Whether the page is UTF-16.
    is_wide: bool,
}

impl Csv {
    /// As everyone writes it.
    pub(super) fn plain() -> Self {
        Self {
            format: "csv = {}",
            quote: '"',
            titles: "",
            is_wide: false,
        }
    }

    /// With another quote, comments, titles and short lines.
    pub(super) fn with_settings() -> Self {
        Self {
            format: "csv = { quote = { character = '^' }, escape = '\\', comment = '#', header_row = 3, ragged = 'pad' }",
            quote: '^',
            titles: "Elenco\n\n",
            is_wide: false,
        }
    }

    /// In UTF-16, which is found out.
    pub(super) fn wide() -> Self {
        Self {
            format: "csv = { encoding = 'detect' }",
            is_wide: true,
            ..Self::plain()
        }
    }

    /// A field as it is written.
    fn field(&self, text: &str) -> String {
        if text.contains([',', self.quote, '\n', '\r', '\\']) {
            let quote = self.quote;
            let inside = text.replace('\\', "\\\\");
            let inside = if self.quote == '"' { text } else { &inside };
            let inside = inside.replace(quote, &format!("{quote}{quote}"));
            return format!("{quote}{inside}{quote}");
        }
        text.to_owned()
    }
}

impl Maker for Csv {
    fn format(&self) -> &'static str {
        self.format
    }

    fn page(&mut self, draws: &mut Draws, harm: Harm) -> MadePage {
        let end = draws.pick(&["\n", "\r\n"]);
        let mut text = format!("{}{}{end}", self.titles, FIELDS.join(","));
        for _ in 0..N_ROWS {
            let mut cells: Vec<String> = (0..FIELDS.len())
                .map(|column| self.field(&draws.value(column)))
                .collect();
            match draws.below(60) {
                0 => cells.truncate(draws.below(8)),
                1 => cells.push("di più".to_owned()),
                _ => {}
            }
            text.push_str(&cells.join(","));
            text.push_str(end);
        }
        let mut bytes = text.into_bytes();
        if harm == Harm::Bytes {
            draws.mutate(&mut bytes);
        }
        if harm == Harm::Noise {
            bytes = draws.noise(N_ROWS * 30);
        }
        if self.is_wide && harm != Harm::Noise {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            bytes.splice(0..0, [0xff, 0xfe]);
            if harm == Harm::Bytes {
                draws.mutate(&mut bytes);
            }
        }
        MadePage {
            bytes,
            n_rows: N_ROWS as u64,
        }
    }
}

/// Makes pages of JSON.
pub(super) struct Json {
    /// The format, in TOML.
    format: &'static str,
    /// What stands before, between and after the records.
    around: [&'static str; 3],
}

impl Json {
    /// One object per line.
    pub(super) fn lines() -> Self {
        Self {
            format: "ndjson = {}",
            around: ["", "\n", "\n"],
        }
    }

    /// Records in an array of a document.
    pub(super) fn documents() -> Self {
        Self {
            format: "json = { records = 'dati.righe', count = 'totale' }",
            around: [
                "{\"totale\":400,\"dati\":{\"altro\":[{}],\"righe\":[",
                ",\n",
                "]}}",
            ],
        }
    }
}

impl Maker for Json {
    fn format(&self) -> &'static str {
        self.format
    }

    fn page(&mut self, draws: &mut Draws, harm: Harm) -> MadePage {
        let records: Vec<String> = (0..N_ROWS).map(|_| record(draws)).collect();
        let [before, between, after] = self.around;
        let mut bytes = format!("{before}{}{after}", records.join(between)).into_bytes();
        match harm {
            Harm::Values => {}
            Harm::Bytes => draws.mutate(&mut bytes),
            Harm::Noise => bytes = draws.noise(N_ROWS * 30),
        }
        MadePage {
            bytes,
            n_rows: N_ROWS as u64,
        }
    }
}

/// A record, its values of any type.
fn record(draws: &mut Draws) -> String {
    if draws.below(80) == 0 {
        return draws.pick(&["7", "null", "[]", "\"x\"", "{}"]).to_owned();
    }
    let members = (0..FIELDS.len()).map(|column| {
        let name = if draws.below(80) == 0 {
            "altro"
        } else {
            FIELDS[column]
        };
        let text = draws.value(column);
        let value = match draws.below(16) {
            0 => draws
                .pick(&[
                    "null",
                    "true",
                    "1",
                    "-1.5e3",
                    "1e19",
                    "[1,\"a\"]",
                    "{\"a\":{}}",
                    "45351",
                ])
                .to_owned(),
            _ => serde_json::to_string(&text).unwrap(),
        };
        format!("\"{name}\":{value}")
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
