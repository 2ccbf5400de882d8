//! Delimited text and lines of JSON: lines leave, all other lines stay byte for byte.

use ::csv::{ByteRecord, QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};
use encoding_rs::Encoding;

use super::json::{self, Outcome, blank_inside, person_inside};
use super::{Error, Rewritten};
use crate::erase::subjects::{Judge, Person, Verdict};
use crate::spec::format::{CsvFormat, CsvMarks, Ragged};

/// Rewrites lines of JSON objects.
pub(super) fn ndjson(judge: &Judge<'_>, bytes: &[u8]) -> Rewritten {
    let mut done = Rewritten::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line).ok();
        let is_json = |text: &&str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let outcome = match text.filter(is_json) {
            Some(text) => json::outcome(judge, text),
            None if judge.names_a_subject(&String::from_utf8_lossy(line)) => Outcome::Gone,
            None => Outcome::Same,
        };
        match outcome {
            Outcome::Same => done.bytes.extend_from_slice(line),
            Outcome::Gone => done.n_dropped += 1,
            Outcome::Blanked(new) => {
                done.n_blanked += 1;
                done.bytes.extend_from_slice(new.as_bytes());
            }
            Outcome::Scrubbed(new, n_mentions) => {
                done.n_mentions += n_mentions;
                done.bytes.extend_from_slice(new.as_bytes());
            }
        }
    }
    done
}

/// Rewrites delimited text with a header line, whose delimiters are ASCII.
pub(super) fn csv(
    options: &CsvFormat,
    encoding: &'static Encoding,
    judge: &Judge<'_>,
    all: &[u8],
) -> Result<Rewritten, Error> {
    let failed = |_cut| Error::unreadable("has a line that cannot be read");
    let marks = options
        .marks()
        .ok_or_else(|| Error::unreadable("has a delimiter that is not ASCII"))?;
    let (titles, bytes) = all.split_at(titles_end(options, all));
    let mut reader = ReaderBuilder::new()
        .delimiter(marks.delimiter)
        .quoting(marks.quote.is_some())
        .quote(marks.quote.unwrap_or(b'"'))
        .double_quote(marks.escape.is_none())
        .escape(marks.escape)
        .comment(marks.comment)
        .terminator(Terminator::CRLF)
        .flexible(true)
        .has_headers(false)
        .from_reader(bytes);
    let mut lines: Vec<(usize, ByteRecord)> = Vec::new();
    let mut line = ByteRecord::new();
    while reader.read_byte_record(&mut line).map_err(failed)? {
        let start = line.position().map_or(0, ::csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        // The reader may stand on the line ends before the line.
        let before = bytes.get(start..).unwrap_or_default().iter();
        let n_ends = before
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        lines.push((start + n_ends, line.clone()));
    }
    let mut done = Rewritten::default();
    let Some((first, header)) = lines.first() else {
        return Ok(done);
    };
    done.bytes.extend_from_slice(titles);
    done.bytes
        .extend_from_slice(bytes.get(..*first).unwrap_or_default());
    let names: Vec<String> = header
        .iter()
        .map(|name| {
            let name = name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name);
            let (name, _) = encoding.decode_without_bom_handling(name);
            name.trim().to_owned()
        })
        .collect();
    let table = Lines {
        marks,
        ragged: options.ragged,
        encoding,
        names,
        judge,
    };
    for (place, (start, line)) in lines.iter().enumerate() {
        let end = lines.get(place + 1).map_or(bytes.len(), |(next, _)| *next);
        let span = bytes.get(*start..end).unwrap_or_default();
        match place {
            0 => done.bytes.extend_from_slice(span),
            _ => table.take(line, span, &mut done),
        }
    }
    Ok(done)
}

/// Where the titles above the header end.
fn titles_end(options: &CsvFormat, bytes: &[u8]) -> usize {
    let n_titles = usize::try_from(options.header_row.saturating_sub(1)).unwrap_or(usize::MAX);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.take(n_titles).map(<[u8]>::len).sum()
}

/// What the lines of a page have in common.
struct Lines<'j> {
    /// Bytes that give a line its parts.
    marks: CsvMarks,
    /// What a line with too few fields is.
    ragged: Ragged,
    /// Of the fields.
    encoding: &'static Encoding,
    /// Of the columns.
    names: Vec<String>,
    /// Decides.
    judge: &'j Judge<'j>,
}

impl Lines<'_> {
    /// Puts one line where it belongs.
    fn take(&self, line: &ByteRecord, span: &[u8], done: &mut Rewritten) {
        let is_short = line.len() < self.names.len() && self.ragged == Ragged::Pad;
        if line.len() != self.names.len() && !is_short {
            let is_named = line
                .iter()
                .any(|field| self.judge.names_a_subject(&self.decoded(field)));
            if is_named {
                done.n_dropped += 1;
            } else {
                done.bytes.extend_from_slice(span);
            }
            return;
        }
        let mut fields: Vec<String> = line.iter().map(|field| self.decoded(field)).collect();
        let persons = &self.judge.persons;
        let values: Vec<Option<String>> = persons
            .iter()
            .map(|person| self.value(person, &fields))
            .collect();
        let verdict = self.judge.verdict(&values);
        if verdict == Verdict::Drop {
            done.n_dropped += 1;
            return;
        }
        if let Verdict::Blank(places) = &verdict {
            done.n_blanked += 1;
            let blanked = places.iter().filter_map(|place| persons.get(*place));
            blanked.for_each(|person| self.blank(person, &mut fields));
        }
        let n_mentions = self.scrub(&mut fields);
        done.n_mentions += n_mentions;
        if verdict == Verdict::Keep && n_mentions == 0 {
            done.bytes.extend_from_slice(span);
        } else {
            done.bytes.extend(self.written(&fields, span));
        }
    }

    /// A field as text; what the encoding does not know is kept as a sign for it.
    fn decoded(&self, field: &[u8]) -> String {
        self.encoding
            .decode_without_bom_handling(field)
            .0
            .into_owned()
    }

    /// The person of a column.
    fn value(&self, person: &Person, fields: &[String]) -> Option<String> {
        let place = self.names.iter().position(|name| *name == person.field)?;
        let text = fields.get(place)?;
        match &person.json {
            None => Some(text.clone()),
            Some(path) => person_inside(self.judge, &person.domain, text, path),
        }
    }

    /// Takes a person out of its field.
    fn blank(&self, person: &Person, fields: &mut [String]) {
        let place = self.names.iter().position(|name| *name == person.field);
        if let Some(field) = place.and_then(|place| fields.get_mut(place)) {
            *field = match &person.json {
                None => String::new(),
                Some(path) => blank_inside(field, path),
            };
        }
    }

    /// Takes ids out of the other texts; in how many they were.
    fn scrub(&self, fields: &mut [String]) -> u64 {
        let mut n_mentions = 0;
        for (name, field) in self.names.iter().zip(fields) {
            if let Some(new) = self.judge.scrubbed(name, field) {
                *field = new;
                n_mentions += 1;
            }
        }
        n_mentions
    }

    /// A line with these fields, ended as it was.
    fn written(&self, fields: &[String], before: &[u8]) -> Vec<u8> {
        let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let tail = before.iter().rev().take_while(is_end).count();
        let encoded: Vec<Vec<u8>> = fields
            .iter()
            .map(|field| self.encoding.encode(field).0.into_owned())
            .collect();
        let mut writer = WriterBuilder::new()
            .delimiter(self.marks.delimiter)
            .quote_style(match self.marks.quote {
                Some(_) => QuoteStyle::Necessary,
                None => QuoteStyle::Never,
            })
            .quote(self.marks.quote.unwrap_or(b'"'))
            .double_quote(self.marks.escape.is_none())
            .escape(self.marks.escape.unwrap_or(b'\\'))
            .from_writer(Vec::new());
        // Writing into memory cannot fail.
        let _written = writer.write_record(&encoded);
        let mut line = writer.into_inner().unwrap_or_default();
        while line.last().is_some_and(|byte| is_end(&byte)) {
            line.pop();
        }
        line.extend_from_slice(before.get(before.len() - tail..).unwrap_or_default());
        line
    }
}
