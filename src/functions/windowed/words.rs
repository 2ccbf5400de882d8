//! Words that were not there before.

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use datafusion::error::Result;

use super::super::Entry;
use super::panels::{DISTRICT, MONTH, N, Names, Span, months};
use super::{Argument, Cell, Kind, Part, Partition, Shape, Windowed};
use crate::stats::novelty::{
    Candidate, N_JUDGED_MONTHS, N_SILENT_MONTHS, Novelty, NoveltyRule, novelty, still_new,
};

/// The functions of this file.
pub(super) const ENTRIES: &[Entry<Windowed>] = &[Entry {
    name: "new_word",
    call: "new_word(district, month, n, first_month) → struct(observed, expected, p, n_districts, is_new, is_still_new)",
    it: "Se una parola, con una partizione per parola, compare di colpo: gli usi negli ultimi tre mesi in tutti gli ambiti contro quelli di tutti i mesi prima. I mesi senza riga sono zeri a partire da first_month, il primo mese dei dati; si giudica da quando c'è un anno prima dei tre mesi. is_still_new resta vero per sei mesi. Il mese è il primo giorno o un numero.",
    en: "Whether a word, one partition per word, appears all at once: its uses in the last three months in all districts against those of all months before. Months without a row are zeros from first_month on, the first month of the data; judged once there is a year before the three months. is_still_new stays true for six months. A month is its first day or a number.",
    source: "Gamma-Poisson prediction with a Gamma(1/2) prior on the monthly rate",
    run: Windowed {
        arguments: &[DISTRICT, MONTH, N, Argument::new("first_month", Kind::Time)],
        n_optional: 0,
        shape: Shape::Struct(&[
            ("observed", Part::Whole),
            ("expected", Part::Number),
            ("p", Part::Number),
            ("n_districts", Part::Whole),
            ("is_new", Part::Flag),
            ("is_still_new", Part::Flag),
        ]),
        run: new_word,
    },
}];

/// The uses of one word.
struct Uses {
    /// Uses of each district, month by month from the first month of the data.
    by_district: Vec<Vec<u64>>,
    /// The month of each row; none for one without a district or a month.
    places: Vec<Option<usize>>,
}

/// Judges the word in every month that has a row.
fn new_word(partition: &Partition) -> Result<ArrayRef> {
    let uses = uses(partition)?;
    let n_months = uses.by_district.first().map_or(0, Vec::len);
    let found: Vec<Option<Novelty>> = (0..n_months).map(|month| uses.judged(month)).collect();
    let is_alert = |found: &Option<Novelty>| found.is_some_and(|found| found.is_new);
    let kept = still_new(&found.iter().map(is_alert).collect::<Vec<_>>());
    let rows = uses.places.iter().map(|place| {
        let month = (*place)?;
        let found = found.get(month).copied().flatten()?;
        Some(vec![
            Cell::count(found.observed),
            Cell::Number(found.expected),
            Cell::Number(found.p),
            Cell::len(found.n_districts),
            Cell::Flag(found.is_new),
            Cell::Flag(kept.get(month).copied().unwrap_or(false)),
        ])
    });
    partition.structs(&rows.collect::<Vec<_>>())
}

/// The uses of the word, with zeros for the months without a row.
fn uses(partition: &Partition) -> Result<Uses> {
    let (districts, months, counts) = (
        partition.texts(0)?,
        months(partition, 1)?,
        partition.counts(2)?,
    );
    let span = span(partition, &months)?;
    let names = Names::of(&districts);
    partition.check_size(&[names.len(), span.n_months])?;
    let mut uses = Uses {
        by_district: vec![vec![0; span.n_months]; names.len()],
        places: Vec::with_capacity(partition.n_rows()),
    };
    let mut seen: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let rows = districts.iter().zip(months).zip(counts).enumerate();
    for (row, ((district, month), count)) in rows {
        let place = names.place(*district).zip(span.place(month));
        uses.places.push(place.map(|(_district, month)| month));
        let Some((district, month)) = place else {
            continue;
        };
        if seen.insert((district, month), row).is_some() {
            return Err(partition.repeated(row, &[0, 1]));
        }
        let of_district = uses.by_district.get_mut(district);
        if let Some(cell) = of_district.and_then(|uses| uses.get_mut(month)) {
            *cell = count.unwrap_or(0);
        }
    }
    Ok(uses)
}

/// The months from the first of the data to the last of the word.
fn span(partition: &Partition, given: &[Option<i64>]) -> Result<Span> {
    let firsts = months(partition, 3)?;
    let first = firsts.first().copied().flatten();
    if firsts
        .iter()
        .any(|month| month.is_none() || *month != first)
    {
        let fault = "is absent or differs between the rows of a partition";
        return Err(partition.refusal(3, fault, "give one month"));
    }
    if partition.is_dated(1) != partition.is_dated(3) {
        let fault = "is not of the same type as `month`";
        return Err(partition.refusal(3, fault, "give both as dates or both as numbers"));
    }
    if given.iter().flatten().min().copied() < first && given.iter().any(Option::is_some) {
        let fault = "is later than a row of the partition";
        return Err(partition.refusal(3, fault, "give the first month of the data"));
    }
    Span::of(partition, 1, &[given, &[first]].concat())
}

impl Uses {
    /// Judges the three months that end in a month; nothing before a year has passed ahead of them.
    fn judged(&self, month: usize) -> Option<Novelty> {
        let start = (month + 1).checked_sub(N_JUDGED_MONTHS)?;
        if start < N_SILENT_MONTHS {
            return None;
        }
        let in_month = |month: usize| {
            let counts = self.by_district.iter().filter_map(|uses| uses.get(month));
            counts.sum()
        };
        let base: Vec<u64> = (0..start).map(in_month).collect();
        let months = self.by_district.iter().map(|uses| uses.get(start..=month));
        let judged = months.map(|uses| uses.unwrap_or_default().iter().sum());
        let candidate = Candidate {
            base: &base,
            judged_by_district: &judged.collect::<Vec<_>>(),
        };
        Some(novelty(candidate, NoveltyRule::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::answers::{refused, rows};

    /// The answers for the rows of a word, given as values of district, month and uses.
    async fn judged(values: &str) -> Vec<Vec<String>> {
        rows(&format!(
            "with judged as (
                 select d, m, new_word(d, m, n, date '2022-01-01') over (order by d, m) as w
                 from (values {values}) as uses (d, m, n)
             )
             select d, m, w['observed'], w['expected'], w['p'], w['n_districts'], w['is_new'],
                 w['is_still_new']
             from judged order by m, d"
        ))
        .await
    }

    const BURST: &str = "('C', date '2024-01-01', 1), ('A', date '2024-01-01', 2),
        ('A', date '2023-12-01', 1), ('B', date '2024-03-01', 2), ('A', date '2024-08-01', 1),
        ('A', date '2024-09-01', 1)";

    #[tokio::test]
    async fn a_word_never_used_in_two_years_is_new_and_stays_new_for_six_months() {
        let found = judged(BURST).await;
        let said = |row: usize, from: usize| found[row][from..].join(" ");
        // December 2023: 1 use in one district. January 2024: 4 in two districts. March: 5 in three.
        assert_eq!(said(0, 5), "1 false false");
        assert_eq!(found[1][2], "4");
        assert_eq!(said(1, 5), "2 false false");
        assert_eq!(found[3][..3], ["B", "2024-03-01", "5"]);
        assert_eq!(said(3, 5), "3 true true");
        // 24 months of base with one use, then three judged ones: 3 (1 + ½)/(24 + 1).
        assert_eq!(found[3][3], "0.18");
        let plain = novelty(
            Candidate {
                base: &[[0; 23].as_slice(), &[1]].concat(),
                judged_by_district: &[2, 2, 1],
            },
            NoveltyRule::default(),
        );
        assert_eq!(found[3][4].parse(), Ok(plain.p));
        // New in March 2024, so still new up to September.
        assert_eq!(said(4, 6), "false true");
        assert_eq!(found[5][1], "2024-09-01");
        assert_eq!(said(5, 6), "false true");
        let later = judged(&format!("{BURST}, ('A', date '2024-10-01', 1)")).await;
        assert_eq!(later[6][6..].join(" "), "false false");
    }

    #[tokio::test]
    async fn the_order_of_the_rows_does_not_matter_and_whole_numbers_are_months_too() {
        let sql = |from: &str| {
            format!(
                "select d, m, new_word(d, m, n, 1) over ({from}) from (values
                     ('A', 27, 2), ('B', 26, 2), ('C', 25, 1), ('C', 29, null), (null, 26, 9)
                 ) as uses (d, m, n) order by m, d"
            )
        };
        let found = rows(&sql("order by m desc, n")).await;
        assert_eq!(found, rows(&sql("order by d")).await);
        assert!(
            found[3][2].contains("observed: 5, expected: 0.06"),
            "{found:?}"
        );
        assert!(
            found[3][2].contains("is_new: true, is_still_new: true"),
            "{found:?}"
        );
        // Without a district there is no answer; an absent number of uses is none.
        let absent = found.iter().find(|row| row[0] == "NULL").unwrap();
        assert_eq!(absent[2], "NULL");
        assert!(found[4][2].contains("observed: 2,"), "{found:?}");
    }

    #[tokio::test]
    async fn the_first_year_of_the_data_is_not_judged() {
        let found = judged(
            "('A', date '2023-02-01', 5), ('B', date '2023-02-01', 5), ('C', date '2023-02-01', 5),
             ('C', date '2023-03-01', 5)",
        )
        .await;
        assert_eq!(found[0][2..], ["NULL"; 6]);
        assert_eq!(found[3][6..].join(" "), "true true");
    }

    #[tokio::test]
    async fn a_first_month_after_a_use_and_a_repeated_row_are_refused() {
        let of = |arguments: &str| {
            format!(
                "select new_word({arguments}) over () from (values
                     ('A', date '2024-01-01', 3), ('A', date '2024-02-01', 1)) as uses (d, m, n)"
            )
        };
        let late = refused(&of("d, m, n, date '2024-02-01'")).await;
        assert!(
            late.contains("argument `first_month` is later than a row"),
            "{late}"
        );
        let numbered = refused(&of("d, m, n, 1")).await;
        assert!(
            numbered.contains("is not of the same type as `month`"),
            "{numbered}"
        );
        let varying = refused(&of("d, m, n, m")).await;
        assert!(varying.contains("differs between the rows"), "{varying}");
        let twice = refused(&of("d, date '2024-02-01', n, date '2024-01-01'")).await;
        assert!(
            twice.contains("two rows of district `A`, month `2024-02-01`"),
            "{twice}"
        );
    }
}
