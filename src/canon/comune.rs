//! Finding a comune by what people write: an Istat code, a catastal code or a name.
//!
//! A name is compared without accents, apostrophes, hyphens and capitals. A sigla or provincia
//! after it, `Lodi (LO)`, only tells namesakes apart. Abbreviations are resolved when exactly one
//! comune fits, and refused otherwise: nothing is guessed.
//!
//! ```text
//! "S. Colombano al L."  → san colombano al l… → San Colombano al Lambro
//! "B.go S. Giovanni"    → b…go, san|santo|…   → Borgo San Giovanni
//! "C. Lodigiano"        → Caselle? Castelnuovo? → ambiguous_comune
//! ```

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::text::Reason;

/// What `S.` may stand for.
const SAINTS: [&str; 5] = ["san", "sant", "santa", "santo", "santi"];

/// Siglas of the province in the order of their Istat codes, from 001; 104–107 are the Sardinian
/// ones of 2005–2016.
const SIGLAS: [&str; 111] = [
    "TO", "VC", "NO", "CN", "AT", "AL", "AO", "IM", "SV", "GE", "SP", "VA", "CO", "SO", "MI", "BG",
    "BS", "PV", "CR", "MN", "BZ", "TN", "VR", "VI", "BL", "TV", "VE", "PD", "RO", "UD", "GO", "TS",
    "PC", "PR", "RE", "MO", "BO", "FE", "RA", "FC", "PU", "AN", "MC", "AP", "MS", "LU", "PT", "FI",
    "LI", "PI", "AR", "SI", "GR", "PG", "TR", "VT", "RI", "RM", "LT", "FR", "CE", "BN", "NA", "AV",
    "SA", "AQ", "TE", "PE", "CH", "CB", "FG", "BA", "TA", "BR", "LE", "PZ", "MT", "CS", "CZ", "RC",
    "TP", "PA", "ME", "AG", "CL", "EN", "CT", "RG", "SR", "SS", "NU", "CA", "PN", "IS", "OR", "BI",
    "LC", "LO", "RN", "PO", "KR", "VV", "VB", "OT", "OG", "VS", "CI", "MB", "FM", "BT", "SU",
];

/// One comune of the reference list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComuneRow {
    /// Istat code, six digits.
    pub(crate) code: String,
    /// Official name; both names, divided by `/`, where there are two.
    pub(crate) name: String,
    /// Name of the provincia, or its sigla.
    pub(crate) provincia: String,
    /// Catastal code, one letter and three digits.
    pub(crate) codice_catastale: String,
}

/// One name of a comune, ready to compare.
#[derive(Debug)]
struct Name {
    /// Normalized words.
    words: Vec<String>,
    /// Place of the comune in the list.
    place: usize,
}

/// The reference list, by everything a comune can be called.
#[derive(Debug, Default)]
pub(crate) struct ComuneIndex {
    /// The list itself.
    rows: Vec<ComuneRow>,
    /// Places by Istat code.
    by_code: BTreeMap<String, usize>,
    /// Places by the number that a code of six digits is, one more than they are; zero for none.
    by_number: Vec<u32>,
    /// Places by catastal code.
    by_catastale: BTreeMap<String, usize>,
    /// Places by normalized name.
    by_name: BTreeMap<String, Vec<usize>>,
    /// All names, by number of words, for abbreviations.
    by_length: BTreeMap<usize, Vec<Name>>,
}

impl ComuneIndex {
    /// Indexes the rows of the reference list.
    pub(crate) fn new(rows: impl IntoIterator<Item = ComuneRow>) -> Self {
        let mut index = Self::default();
        for row in rows {
            index.add(row);
        }
        index
    }

    /// Adds one comune under its codes and names.
    fn add(&mut self, row: ComuneRow) {
        let place = self.rows.len();
        self.by_code.insert(row.code.clone(), place);
        if let Some(number) = six_digits(&row.code) {
            if self.by_number.is_empty() {
                self.by_number = vec![0; 1_000_000];
            }
            if let Some(slot) = self.by_number.get_mut(number) {
                *slot = u32::try_from(place + 1).unwrap_or(0);
            }
        }
        let catastale = row.codice_catastale.to_ascii_uppercase();
        self.by_catastale.insert(catastale, place);
        for name in row.name.split('/').chain([row.name.as_str()]) {
            let words = words(name);
            let places = self.by_name.entry(words.join(" ")).or_default();
            if !places.contains(&place) {
                places.push(place);
                let names = self.by_length.entry(words.len()).or_default();
                names.push(Name { words, place });
            }
        }
        self.rows.push(row);
    }

    /// Istat code of the comune that `text` names.
    #[cfg(test)]
    pub(crate) fn find(&self, text: &str) -> Result<&str, Reason> {
        self.place(text).map(|place| self.code_at(place))
    }

    /// Istat code of the comune at a place of the list; empty beyond its end.
    pub(crate) fn code_at(&self, place: usize) -> &str {
        self.rows.get(place).map_or("", |row| row.code.as_str())
    }

    /// Number of comuni in the list.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Place in the list of the comune with an Istat code, as the list writes it.
    pub(crate) fn place_of_code(&self, code: &str) -> Option<usize> {
        self.by_code.get(code).copied()
    }

    /// Place in the list of the comune that `text` names.
    pub(crate) fn place(&self, text: &str) -> Result<usize, Reason> {
        if let Some(number) = six_digits(text) {
            let place = self.by_number.get(number).copied().unwrap_or(0);
            let place = place
                .checked_sub(1)
                .and_then(|place| usize::try_from(place).ok());
            return place.ok_or(Reason::UnknownComune);
        }
        let text = text.trim();
        let place = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            self.by_code.get(&format!("{text:0>6}")).copied()
        } else if is_catastale(text) {
            self.by_catastale.get(&text.to_ascii_uppercase()).copied()
        } else {
            Some(self.find_name(text)?)
        };
        place.ok_or(Reason::UnknownComune)
    }

    /// Place of the comune with this name, abbreviated or not, in this provincia if one is given.
    fn find_name(&self, text: &str) -> Result<usize, Reason> {
        let (name, provincia) = split_provincia(text);
        let words = words(name);
        let exact = self.by_name.get(&words.join(" "));
        let found = match exact {
            Some(places) => places.clone(),
            None => self.find_abbreviated(&words),
        };
        self.only_one(found, provincia)
    }

    /// Places of the comuni an abbreviated name may stand for.
    fn find_abbreviated(&self, words: &[String]) -> Vec<usize> {
        if !words.iter().any(|word| word.contains('.')) {
            return Vec::new();
        }
        let names = self.by_length.get(&words.len()).into_iter().flatten();
        let fits = |name: &&Name| {
            let mut pairs = words.iter().zip(&name.words);
            pairs.all(|(written, whole)| stands_for(written, whole))
        };
        let mut places: Vec<usize> = names.filter(fits).map(|name| name.place).collect();
        places.dedup();
        places
    }

    /// The one place left after the provincia is looked at.
    ///
    /// A wrong provincia of the list is forgiven where the name is nobody else's: people write
    /// `San Colombano al Lambro (LO)`. One the list lacks is not: its comuni are not known here.
    fn only_one(&self, places: Vec<usize>, provincia: Option<&str>) -> Result<usize, Reason> {
        let there = provincia.map(|provincia| self.in_provincia(&places, provincia));
        let left = match there {
            None => places,
            Some(there) if !there.is_empty() => there,
            Some(_) if self.covers(provincia.unwrap_or_default()) => places,
            Some(_) => Vec::new(),
        };
        match left.as_slice() {
            [] => Err(Reason::UnknownComune),
            [place] => Ok(*place),
            _ => Err(Reason::AmbiguousComune),
        }
    }

    /// Those of the places that are in a provincia.
    fn in_provincia(&self, places: &[usize], provincia: &str) -> Vec<usize> {
        let wanted = words(provincia);
        let is_there = |place: &&usize| {
            self.rows
                .get(**place)
                .is_some_and(|row| is_in(row, &wanted))
        };
        places.iter().filter(is_there).copied().collect()
    }

    /// Whether the list has a comune in a provincia.
    fn covers(&self, provincia: &str) -> bool {
        let wanted = words(provincia);
        self.rows.iter().any(|row| is_in(row, &wanted))
    }
}

/// Whether a comune is in the provincia with this name or sigla.
fn is_in(row: &ComuneRow, wanted: &[String]) -> bool {
    let sigla = sigla(&row.code).map(str::to_lowercase);
    wanted == sigla.as_slice() || words(&row.provincia) == wanted
}

/// Sigla of the provincia, by the first three digits of the Istat code.
fn sigla(code: &str) -> Option<&'static str> {
    let number: usize = code.get(..3)?.parse().ok()?;
    SIGLAS.get(number.checked_sub(1)?).copied()
}

/// The number that six digits write; `None` for any other text.
fn six_digits(text: &str) -> Option<usize> {
    let digits: &[u8; 6] = text.as_bytes().try_into().ok()?;
    let are_digits = digits.iter().all(u8::is_ascii_digit);
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + usize::from(digit & 0x0f));
    are_digits.then_some(number)
}

/// Whether a text is one letter and three digits.
fn is_catastale(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 4
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().skip(1).all(u8::is_ascii_digit)
}

/// Takes the provincia off the end of `Lodi (LO)`.
fn split_provincia(text: &str) -> (&str, Option<&str>) {
    let inside = text
        .strip_suffix(')')
        .and_then(|open| open.rsplit_once('('));
    match inside {
        Some((name, provincia)) => (name, Some(provincia)),
        None => (text, None),
    }
}

/// Words of a name without accents, apostrophes, hyphens and capitals; a word that was cut short
/// keeps its point.
fn words(name: &str) -> Vec<String> {
    let mut plain = String::with_capacity(name.len());
    for letter in name.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            '\'' | '’' | '‘' | '`' | '´' | '-' | '/' | ',' => plain.push(' '),
            _ => plain.extend(letter.to_lowercase()),
        }
    }
    plain.split_whitespace().flat_map(split_points).collect()
}

/// Divides `s.angelo` into `s.` and `angelo`, but leaves the contraction `b.go` whole.
fn split_points(word: &str) -> Vec<String> {
    match word.split_once('.') {
        Some((start, end)) if end.chars().count() > 3 => {
            vec![format!("{start}."), end.to_owned()]
        }
        _ => vec![word.to_owned()],
    }
}

/// Whether a written word is, or abbreviates, a whole one.
fn stands_for(written: &str, whole: &str) -> bool {
    match written.split_once('.') {
        None => written == whole,
        Some(("s" | "ss", "")) => SAINTS.contains(&whole),
        Some((start, end)) => {
            whole.len() > start.len() + end.len()
                && whole.starts_with(start)
                && whole.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small list with namesakes, saints and accents.
    fn index() -> ComuneIndex {
        let rows = [
            ("098031", "Lodi", "Lodi", "E648"),
            ("015191", "San Colombano al Lambro", "MI", "H803"),
            ("098004", "Borgo San Giovanni", "LO", "A995"),
            ("098012", "Caselle Lurani", "LO", "B961"),
            ("098050", "Sant'Angelo Lodigiano", "Lodi", "I274"),
            ("098051", "Santo Stefano Lodigiano", "LO", "I362"),
            ("098048", "San Fiorano", "LO", "H844"),
            ("098017", "Castelnuovo Lodigiano", "LO", "C001"),
            ("098018", "Casaletto Lodigiano", "LO", "B887"),
            ("108034", "Muggiò", "MB", "F797"),
            ("013130", "Livo", "Como", "E623"),
            ("022106", "Livo", "TN", "E624"),
            ("021008", "Bolzano/Bozen", "BZ", "A952"),
            ("001001", "Agliè", "TO", "A074"),
        ];
        ComuneIndex::new(rows.map(|(code, name, provincia, catastale)| ComuneRow {
            code: code.to_owned(),
            name: name.to_owned(),
            provincia: provincia.to_owned(),
            codice_catastale: catastale.to_owned(),
        }))
    }

    #[test]
    fn a_comune_is_found_by_code_or_name() {
        let index = index();
        for (text, code) in [
            ("098031", "098031"),
            ("98031", "098031"),
            ("1001", "001001"),
            ("e648", "098031"),
            ("LODI", "098031"),
            ("Lodi (LO)", "098031"),
            ("  lodi  ", "098031"),
            ("Muggio'", "108034"),
            ("Muggio", "108034"),
            ("Agliè", "001001"),
            ("Sant’Angelo  Lodigiano", "098050"),
            ("Livo (TN)", "022106"),
            ("Lodi (lodi)", "098031"),
            ("San Colombano al Lambro (LO)", "015191"),
            ("Livo (Como)", "013130"),
            ("Bozen", "021008"),
            ("Bolzano/Bozen", "021008"),
        ] {
            assert_eq!(index.find(text), Ok(code), "{text}");
        }
    }

    #[test]
    fn an_abbreviation_is_resolved_when_one_comune_fits() {
        let index = index();
        for (text, code) in [
            ("S. Colombano al L.", "015191"),
            ("S.Colombano al Lambro", "015191"),
            ("S. Angelo L.no", "098050"),
            ("S. Angelo Lodigiano", "098050"),
            ("B.go S. Giovanni", "098004"),
            ("s. stefano lodigiano", "098051"),
            ("S. FIORANO", "098048"),
            ("Caselle L.", "098012"),
        ] {
            assert_eq!(index.find(text), Ok(code), "{text}");
        }
    }

    #[test]
    fn what_fits_several_or_none_is_refused() {
        let index = index();
        assert_eq!(index.find("Livo"), Err(Reason::AmbiguousComune));
        assert_eq!(index.find("Cas. Lodigiano"), Err(Reason::AmbiguousComune));
        for text in [
            "Borgo Immaginario",
            "Lodi (ZZ)",
            "999999",
            "Z999",
            "",
            "S. Nessuno",
            "Lod",
        ] {
            assert_eq!(index.find(text), Err(Reason::UnknownComune), "{text}");
        }
    }
}
