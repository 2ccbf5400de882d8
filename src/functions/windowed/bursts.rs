//! Words in use that are suddenly used far more.

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use datafusion::error::Result;

use super::super::Entry;
use super::panels::{MONTH, N, Names, Span, months};
use super::{Argument, Cell, Kind, Part, Partition, Shape, Windowed};
use crate::stats::burst::{Burst, BurstRule, PlatformUses, burst};

/// The functions of this file.
pub(super) const ENTRIES: &[Entry<Windowed>] = &[Entry {
    name: "word_burst",
    call: "word_burst(platform, month, n, n_all) → struct(observed, expected, ratio, p, is_burst)",
    it: "Se una parola in uso, con una partizione per parola, è usata di colpo molto di più: la sua quota delle richieste con parole (n_all) negli ultimi tre mesi contro i due anni prima e contro la stessa stagione un anno prima. Un mese senza riga è un mese senza richieste; una piattaforma conta dopo un anno di richieste.",
    en: "Whether a word in use, one partition per word, is suddenly used far more: its share of the requests with words (n_all) in the last three months against the two years before and against the same season a year before. A month without a row is one without requests; a platform counts after a year of requests.",
    source: "Gamma-Poisson prediction; Kleinberg 2003, Data Min. Knowl. Discov. 7:373",
    run: Windowed {
        arguments: &[
            Argument::new("platform", Kind::Text),
            MONTH,
            N,
            Argument::new("n_all", Kind::Whole),
        ],
        n_optional: 0,
        shape: Shape::Struct(&[
            ("observed", Part::Whole),
            ("expected", Part::Number),
            ("ratio", Part::Number),
            ("p", Part::Number),
            ("is_burst", Part::Flag),
        ]),
        run: word_burst,
    },
}];

/// Uses of a word and requests with any word, month by month, of one platform.
type Counts = (Vec<u64>, Vec<u64>);

/// Judges the word in every month that has a row.
fn word_burst(partition: &Partition) -> Result<ArrayRef> {
    let months = months(partition, 1)?;
    let span = Span::of(partition, 1, &months)?;
    let counts = counts(partition, &months, span)?;
    let found: Vec<Option<Burst>> = (1..=span.n_months)
        .map(|end| judged(&counts, end))
        .collect();
    let rows = months.iter().map(|month| {
        let found = found.get(span.place(*month)?).copied().flatten()?;
        Some(vec![
            Cell::count(found.observed),
            Cell::Number(found.expected),
            Cell::Number(found.ratio),
            Cell::Number(found.p),
            Cell::Flag(found.is_burst),
        ])
    });
    partition.structs(&rows.collect::<Vec<_>>())
}

/// Judges the three months before the month at `end`.
fn judged(counts: &[Counts], end: usize) -> Option<Burst> {
    let platforms: Vec<PlatformUses<'_>> = counts
        .iter()
        .filter_map(|(uses, worded)| {
            Some(PlatformUses {
                uses: uses.get(..end)?,
                worded: worded.get(..end)?,
            })
        })
        .collect();
    burst(&platforms, BurstRule::default())
}

/// The counts of each platform, with zeros for the months without a row.
fn counts(partition: &Partition, months: &[Option<i64>], span: Span) -> Result<Vec<Counts>> {
    let platforms = partition.texts(0)?;
    let uses = partition.counts(2)?;
    let worded = partition.counts(3)?;
    let names = Names::of(&platforms);
    let empty = || (vec![0; span.n_months], vec![0; span.n_months]);
    let mut counts: Vec<Counts> = (0..names.len()).map(|_| empty()).collect();
    let mut seen: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let rows = platforms.iter().zip(months).zip(uses.iter().zip(&worded));
    for (row, ((platform, month), (uses, worded))) in rows.enumerate() {
        let place = names.place(*platform).zip(span.place(*month));
        let Some((platform, month)) = place else {
            continue;
        };
        if seen.insert((platform, month), row).is_some() {
            return Err(partition.repeated(row, &[0, 1]));
        }
        if uses.unwrap_or(0) > worded.unwrap_or(0) {
            let fault = "is less than `n` in a row";
            return Err(partition.refusal(3, fault, "give all requests that carry a word"));
        }
        if let Some((of_word, of_all)) = counts.get_mut(platform) {
            set(of_word, month, *uses);
            set(of_all, month, *worded);
        }
    }
    Ok(counts)
}

/// Puts a count into its month.
fn set(counts: &mut [u64], month: usize, count: Option<u64>) {
    if let Some(cell) = counts.get_mut(month) {
        *cell = count.unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{refused, rows};

    /// A statement that judges a word with 2 uses a month of 100, then 10 of so many in the last three months.
    fn with(n_all: u32) -> String {
        format!(
            "select m, word_burst(p, m, n, n_all) over (order by m desc) as b
             from (select 'p' as p, value as m, case when value < 25 then 2 else 10 end as n,
                 case when value < 25 then 100 else {n_all} end as n_all
                 from generate_series(1, 27) as months (value))"
        )
    }

    #[tokio::test]
    async fn a_word_bursts_by_its_share_of_the_requests() {
        let asked = |n_all: u32| {
            format!(
                "with judged as ({}) select b['observed'], b['expected'], b['ratio'] > 4,
                     b['p'] < 0.001, b['is_burst'] from judged where m in (14, 27) order by m",
                with(n_all)
            )
        };
        let found = rows(&asked(100)).await;
        // Up to month 14 there is no year before the three judged months.
        assert_eq!(found[0], ["NULL"; 5]);
        assert_eq!(found[1], ["30", "6.5", "true", "true", "true"]);
        let grown = rows(&asked(500)).await;
        assert_eq!(grown[1][4], "false");
    }

    #[tokio::test]
    async fn repeated_rows_and_fewer_requests_than_uses_are_refused() {
        let of = |values: &str| {
            format!(
                "select word_burst(p, m, n, a) over () from (values {values}) as w (p, m, n, a)"
            )
        };
        let twice = refused(&of("('p', 1, 1, 9), ('p', 1, 1, 9)")).await;
        assert!(
            twice.contains("two rows of platform `p`, month `1`"),
            "{twice}"
        );
        let fewer = refused(&of("('p', 1, 3, 2)")).await;
        assert!(
            fewer.contains("argument `n_all` is less than `n`"),
            "{fewer}"
        );
    }
}
