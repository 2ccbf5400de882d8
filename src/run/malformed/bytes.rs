//! Chance for malformed pages: strange values, changed bytes, envelopes.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use zip::write::SimpleFileOptions;

/// Texts that something has stumbled over somewhere.
const STRANGE: [&str; 44] = [
    "",
    " ",
    "-",
    "0",
    "-1",
    "1e308",
    "1E+15",
    "-0",
    "NaN",
    "inf",
    "007",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999999",
    "1.234,50",
    "1,234.50",
    "1,2,3",
    "12,345",
    ",",
    ";",
    "\"",
    "\"\"",
    "a\"b",
    "'",
    "^",
    "#",
    "\\",
    "\\\"",
    "\n",
    "\r\n",
    "a\rb",
    "\t",
    "\0",
    "\u{1f}",
    "\u{feff}",
    "\u{202e}abc",
    "è",
    "日本",
    "🏠🏠",
    "31/02/2024",
    "29/02/2024",
    "2024-02-29T25:61:61Z",
    "mario@example.org",
    "tel 347 1234567",
];

/// Pieces of syntax that are put where they do not belong.
const PIECES: [&[u8]; 22] = [
    b"\"",
    b"\n",
    b"\r",
    b",",
    b"^",
    b"#",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\u",
    b"\\",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\0",
    b"<",
    b"/>",
    b"</c>",
    b"&amp",
    b"null",
    b"1e999",
];

/// A stream of chance.
pub(super) struct Draws {
    /// The generator behind it.
    generator: ChaCha8Rng,
}

impl Draws {
    /// The stream of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            generator: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// A whole number below `n`; zero if `n` is.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let drawn = self.generator.next_u64() % (n as u64).max(1);
        usize::try_from(drawn).unwrap()
    }

    /// One of the items.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Random bytes.
    pub(super) fn noise(&mut self, n_bytes: usize) -> Vec<u8> {
        let mut bytes = vec![0; n_bytes];
        self.generator.fill_bytes(&mut bytes);
        bytes
    }

    /// The value of a column: mostly a good one, sometimes a strange one.
    pub(super) fn value(&mut self, column: usize) -> String {
        if self.below(12) == 0 {
            return self.strange();
        }
        match column {
            0 => self.below(400).to_string(),
            1 => self.below(5).to_string(),
            2 => self
                .pick(&["", "", "", "sì", "no", "true", "forse"])
                .to_owned(),
            3 => self
                .pick(&["ciao", "due parole", "a, b; c", "è qui"])
                .to_owned(),
            4 => self.pick(&["CERCO", "OFFRO", "-", "ALTRO"]).to_owned(),
            5 => format!("{:02}/{:02}/2024", 1 + self.below(29), 1 + self.below(12)),
            6 => format!("{},{:02}", self.below(1000), self.below(100)),
            _ => self
                .pick(&["Lodi", "098031", "E648", "Lodi (LO)"])
                .to_owned(),
        }
    }

    /// A strange value.
    fn strange(&mut self) -> String {
        match self.below(40) {
            0 => "x".repeat(self.below(3000)),
            1 => String::from_utf8_lossy(&self.noise(12)).into_owned(),
            _ => self.pick(&STRANGE).to_owned(),
        }
    }

    /// Changes some bytes in place.
    pub(super) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len() + 1);
            let length = self.below(40).min(bytes.len() - at);
            let (with, n_out) = match self.below(16) {
                0..4 => (self.flipped(bytes.get(at)), usize::from(at < bytes.len())),
                4..6 => (self.noise(length), length),
                6..11 => (self.pick(&PIECES).to_vec(), 0),
                11..13 => (Vec::new(), length),
                13..15 => (bytes[at..at + length].to_vec(), 0),
                _ if self.below(4) == 0 => (Vec::new(), bytes.len() - at),
                _ => (Vec::new(), 0),
            };
            bytes.splice(at..at + n_out, with);
        }
    }

    /// A byte with one bit changed.
    fn flipped(&mut self, byte: Option<&u8>) -> Vec<u8> {
        let bit = self.below(8);
        byte.map(|byte| byte ^ (1 << bit)).into_iter().collect()
    }

    /// Bytes in an envelope, which is sometimes damaged itself.
    pub(super) fn wrapped(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut wrapped = match self.below(3) {
            0 => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            1 => zstd::stream::encode_all(bytes, 1).unwrap(),
            _ => zipped(&[("dati", bytes)]),
        };
        if self.below(5) == 0 {
            self.mutate(&mut wrapped);
        }
        wrapped
    }
}

/// Files as a zip archive without compression.
pub(super) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in files {
        archive.start_file(*name, stored).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
