//! Delimited text and lines of JSON: lines leave, all other lines stay byte for byte.

use std::collections::BTreeMap;

use ::csv::{ByteRecord, ReaderBuilder, Terminator};
use encoding_rs::Encoding;

use super::json::{self, Outcome, blank_inside, person_inside};
use super::records::{places, written};
use super::{Error, Rewritten};
use crate::erase::subjects::{Judge, Person, Verdict};
use crate::spec::format::{CsvFormat, CsvMarks, Ragged};

/// Rewrites lines of JSON objects.
pub(super) fn ndjson(judge: &Judge<'_>, bytes: &[u8]) -> Rewritten {
    let mut done = Rewritten::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line).ok();
        let outcome = match text.filter(|text| json::is_json(text)) {
            Some(text) => json::outcome(judge, text),
            None if is_of_a_subject(judge, &String::from_utf8_lossy(line)) => Outcome::Gone,
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

/// Whether a broken line of JSON names a person to take out: where it would have to be, or by an id
/// that is searched for as text.
fn is_of_a_subject(judge: &Judge<'_>, line: &str) -> bool {
    let is_there = |person: &Person| {
        let name = person.field.rsplit('.').next().unwrap_or_default();
        let name = format!("\"{name}\"");
        line.match_indices(&name).any(|(place, found)| {
            let rest = line.get(place + found.len()..).unwrap_or_default();
            let value = rest.trim_start().strip_prefix(':').unwrap_or_default();
            let value = value.trim_start();
            let value = value.strip_prefix('"').unwrap_or(value);
            let id = value.split(['"', ',', '}', ']']).next();
            judge.is_subject(&person.domain, id.unwrap_or_default().trim())
        })
    };
    judge.names_a_subject(line) || judge.persons.iter().any(is_there)
}

/// A record and where it begins.
type Line = (usize, ByteRecord);

/// The records of delimited text, the header first.
fn records(marks: CsvMarks, bytes: &[u8]) -> Result<Vec<Line>, Error> {
    let failed = |_cut| Error::unreadable("has a line that cannot be read");
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
    let mut lines: Vec<Line> = Vec::new();
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
    Ok(lines)
}

/// Rewrites delimited text with a header line, whose delimiters are ASCII.
///
/// # Errors
/// [`Error::Changed`] where a record of another would no longer be read as it was.
pub(super) fn csv(
    options: &CsvFormat,
    encoding: &'static Encoding,
    judge: &Judge<'_>,
    all: &[u8],
) -> Result<Rewritten, Error> {
    let marks = options
        .marks()
        .ok_or_else(|| Error::unreadable("has a delimiter that is not ASCII"))?;
    let (titles, bytes) = all.split_at(titles_end(options, all));
    let lines = records(marks, bytes)?;
    let mut done = Rewritten::default();
    let Some((first, header)) = lines.first() else {
        return Ok(done);
    };
    let table = Lines {
        marks,
        ragged: options.ragged,
        encoding,
        names: names(encoding, header),
        judge,
    };
    table.between(titles, &mut done);
    let titles = done.bytes.len();
    table.between(bytes.get(..*first).unwrap_or_default(), &mut done);
    let mut kept: Vec<&ByteRecord> = Vec::with_capacity(lines.len());
    let mut changed: BTreeMap<usize, ByteRecord> = BTreeMap::new();
    for (place, (start, line)) in lines.iter().enumerate() {
        let end = lines.get(place + 1).map_or(bytes.len(), |(next, _)| *next);
        let span = bytes.get(*start..end).unwrap_or_default();
        let begin = places(table.marks, span).start;
        table.between(span.get(..begin).unwrap_or_default(), &mut done);
        let span = span.get(begin..).unwrap_or_default();
        let fate = match place {
            0 => Fate::Stays,
            _ => table.fate(line, &mut done)?,
        };
        match fate {
            Fate::Leaves => continue,
            Fate::Stays => done.bytes.extend_from_slice(span),
            Fate::Changes(edits) => {
                let new = table.written(span, &edits)?;
                done.bytes.extend(new);
                let fields = line.iter().enumerate();
                let fields = fields.map(|(at, field)| edits.get(&at).map_or(field, Vec::as_slice));
                changed.insert(kept.len(), fields.collect());
            }
        }
        kept.push(line);
    }
    let new = done.bytes.get(titles..).unwrap_or_default();
    if !done.is_same() && !says(table.marks, new, (&kept, &changed)) {
        return Err(Error::Changed {
            what: "its other lines would be read differently",
        });
    }
    Ok(done)
}

/// Whether the text is read as exactly these records.
fn says(
    marks: CsvMarks,
    bytes: &[u8],
    (kept, changed): (&[&ByteRecord], &BTreeMap<usize, ByteRecord>),
) -> bool {
    let Ok(lines) = records(marks, bytes) else {
        return false;
    };
    let is_as_meant = |(place, (_, line)): (usize, &Line)| {
        let meant = changed.get(&place).or(kept.get(place).copied());
        meant == Some(line)
    };
    lines.len() == kept.len() && lines.iter().enumerate().all(is_as_meant)
}

/// Names of the header, without spaces around them.
fn names(encoding: &'static Encoding, header: &ByteRecord) -> Vec<String> {
    let name = |name: &[u8]| {
        let name = name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name);
        let (name, _) = encoding.decode_without_bom_handling(name);
        name.trim().to_owned()
    };
    header.iter().map(name).collect()
}

/// Where the titles above the header end.
fn titles_end(options: &CsvFormat, bytes: &[u8]) -> usize {
    let n_titles = usize::try_from(options.header_row.saturating_sub(1)).unwrap_or(usize::MAX);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.take(n_titles).map(<[u8]>::len).sum()
}

/// What becomes of a line.
enum Fate {
    /// It stays as it is.
    Stays,
    /// It leaves.
    Leaves,
    /// It stays with other fields, by their place.
    Changes(Edits),
}

/// New contents of fields, by their place.
type Edits = BTreeMap<usize, Vec<u8>>;

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
    /// Puts what stands between records, such as comments, without ids.
    fn between(&self, bytes: &[u8], done: &mut Rewritten) {
        match self.judge.scrubbed_bytes(bytes) {
            Some(new) => {
                done.n_mentions += 1;
                done.bytes.extend(new);
            }
            None => done.bytes.extend_from_slice(bytes),
        }
    }

    /// What becomes of a line.
    fn fate(&self, line: &ByteRecord, done: &mut Rewritten) -> Result<Fate, Error> {
        let is_short = line.len() < self.names.len() && self.ragged == Ragged::Pad;
        if line.len() != self.names.len() && !is_short {
            if self.is_of_a_subject(line) {
                done.n_dropped += 1;
                return Ok(Fate::Leaves);
            }
            return Ok(Fate::Stays);
        }
        let persons = &self.judge.persons;
        let values: Vec<Option<String>> = persons
            .iter()
            .map(|person| self.value(person, line))
            .collect();
        let mut edits = Edits::new();
        match self.judge.verdict(&values) {
            Verdict::Keep => {}
            Verdict::Drop => {
                done.n_dropped += 1;
                return Ok(Fate::Leaves);
            }
            Verdict::Blank(places) => {
                done.n_blanked += 1;
                let blanked = places.iter().filter_map(|place| persons.get(*place));
                for person in blanked {
                    self.blank(person, line, &mut edits)?;
                }
            }
        }
        done.n_mentions += self.scrub(line, &mut edits)?;
        Ok(if edits.is_empty() {
            Fate::Stays
        } else {
            Fate::Changes(edits)
        })
    }

    /// Whether a line that is no record names a person to take out: where it would have to be, or
    /// by an id that is searched for as text.
    fn is_of_a_subject(&self, line: &ByteRecord) -> bool {
        let is_there = |person: &Person| {
            let id = self.value(person, line);
            id.is_some_and(|id| self.judge.is_subject(&person.domain, id.trim()))
        };
        self.judge.persons.iter().any(is_there)
            || line
                .iter()
                .any(|field| self.judge.names_a_subject(&self.decoded(field)))
    }

    /// A field as text; what the encoding does not know is kept as a sign for it.
    fn decoded(&self, field: &[u8]) -> String {
        self.encoding
            .decode_without_bom_handling(field)
            .0
            .into_owned()
    }

    /// A text as a field.
    fn encoded(&self, text: &str) -> Result<Vec<u8>, Error> {
        let (bytes, _, is_lossy) = self.encoding.encode(text);
        if is_lossy {
            return Err(Error::Changed {
                what: "a field has a sign that its encoding does not know",
            });
        }
        Ok(bytes.into_owned())
    }

    /// Place of a column of a person.
    fn place(&self, person: &Person) -> Option<usize> {
        self.names.iter().position(|name| *name == person.field)
    }

    /// The person of a column.
    fn value(&self, person: &Person, line: &ByteRecord) -> Option<String> {
        let text = self.decoded(line.get(self.place(person)?)?);
        match &person.json {
            None => Some(text),
            Some(path) => person_inside(self.judge, &person.domain, &text, path),
        }
    }

    /// Takes a person out of its field.
    fn blank(&self, person: &Person, line: &ByteRecord, edits: &mut Edits) -> Result<(), Error> {
        let place = self.place(person);
        let Some((place, field)) = place.and_then(|place| Some((place, line.get(place)?))) else {
            return Ok(());
        };
        let new = match &person.json {
            None => Vec::new(),
            Some(path) => {
                let before = match edits.get(&place) {
                    Some(earlier) => self.decoded(earlier),
                    None => self.decoded(field),
                };
                self.encoded(&blank_inside(&before, path))?
            }
        };
        edits.insert(place, new);
        Ok(())
    }

    /// Takes ids out of the other texts; in how many they were.
    fn scrub(&self, line: &ByteRecord, edits: &mut Edits) -> Result<u64, Error> {
        let mut n_mentions = 0;
        for (place, (name, field)) in self.names.iter().zip(line).enumerate() {
            let field = edits.get(&place).map_or(field, Vec::as_slice);
            let (text, is_lossy) = self.encoding.decode_without_bom_handling(field);
            let Some(new) = self.judge.scrubbed(name, &text) else {
                continue;
            };
            // Bytes that are no text stay what they are, so that the record is refused as before.
            let new = match self.judge.scrubbed_bytes(field).filter(|_| is_lossy) {
                Some(bytes) => bytes,
                None => self.encoded(&new)?,
            };
            edits.insert(place, new);
            n_mentions += 1;
        }
        Ok(n_mentions)
    }

    /// A line with other fields; every other byte stays.
    fn written(&self, span: &[u8], edits: &Edits) -> Result<Vec<u8>, Error> {
        let fields = places(self.marks, span).fields;
        let mut out = Vec::with_capacity(span.len());
        let mut at = 0;
        for (place, content) in edits {
            let Some(field) = fields.get(*place) else {
                continue;
            };
            let before = span.get(field.clone()).unwrap_or_default();
            let new = written(self.marks, before, content).ok_or(Error::Changed {
                what: "a field would have to be quoted and the contract has no quotes",
            })?;
            out.extend_from_slice(span.get(at..field.start).unwrap_or_default());
            out.extend(new);
            at = field.end;
        }
        out.extend_from_slice(span.get(at..).unwrap_or_default());
        Ok(out)
    }
}
