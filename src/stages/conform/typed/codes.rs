//! The listed codes of a column: what the source writes, and the place of what it becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::StringArray;

/// Codes of the source and the codes they become.
#[derive(Debug)]
pub(super) struct Codes {
    /// What the source writes, by length and then sorted, and the place of what it becomes.
    sources: Vec<(String, u16)>,
    /// Where the codes of each length begin; one more length than the longest has.
    lengths: Vec<usize>,
    /// What they become, sorted, each once.
    targets: Arc<StringArray>,
}

impl Codes {
    /// Reads a declared list; `None` if there are more than places.
    pub(super) fn new(declared: &BTreeMap<String, String>) -> Option<Self> {
        let targets: BTreeSet<&String> = declared.values().collect();
        let places: BTreeMap<&String, usize> = targets.iter().copied().zip(0..).collect();
        let mut sources = Vec::with_capacity(declared.len());
        for (source, target) in declared {
            let place = places.get(target).copied().unwrap_or_default();
            sources.push((source.clone(), u16::try_from(place).ok()?));
        }
        sources.sort_by(|(one, _), (other, _)| (one.len(), one).cmp(&(other.len(), other)));
        let longest = sources.last().map_or(0, |(source, _)| source.len());
        let begin = |length: usize| sources.partition_point(|(source, _)| source.len() < length);
        Some(Self {
            lengths: (0..=longest + 1).map(begin).collect(),
            sources,
            targets: Arc::new(targets.into_iter().map(Some).collect()),
        })
    }

    /// Place of what a code of the source becomes.
    pub(super) fn find(&self, source: &str) -> Option<u16> {
        let from = *self.lengths.get(source.len())?;
        let to = *self.lengths.get(source.len() + 1)?;
        // Few codes have the same length.
        let mut alike = self.sources.get(from..to)?.iter();
        alike
            .find(|(known, _)| known == source)
            .map(|(_, target)| *target)
    }

    /// Place of a code of the table.
    pub(super) fn place_of(&self, target: &str) -> Option<u16> {
        let mut targets = self.targets.iter();
        let place = targets.position(|known| known == Some(target))?;
        u16::try_from(place).ok()
    }

    /// The code at a place.
    pub(super) fn text(&self, place: u16) -> &str {
        let mut targets = self.targets.iter();
        targets
            .nth(usize::from(place))
            .flatten()
            .unwrap_or_default()
    }

    /// All codes of the table, by place.
    pub(super) fn targets(&self) -> &Arc<StringArray> {
        &self.targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_source_become_places_of_codes() {
        let list = [("CERCO", "need"), ("OFFRO", "offer"), ("CERCASI", "need")];
        let list = list.map(|(source, target)| (source.to_owned(), target.to_owned()));
        let codes = Codes::new(&list.into()).unwrap();
        assert_eq!(codes.find("CERCASI"), codes.find("CERCO"));
        assert_eq!(
            codes.find("OFFRO").map(|place| codes.text(place)),
            Some("offer")
        );
        assert_eq!(codes.find("BOH"), None);
        assert_eq!(codes.place_of("need"), Some(0));
    }
}
