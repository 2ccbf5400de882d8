//! A history for tests.

use crate::run::history::{Arrival, History, Named, Series, calendar};

/// Three years in which every need of every district has `n` requests a month, a quarter of them in a month later.
///
/// A thousand people are exposed everywhere; the districts lie on a line.
pub(super) fn steady(n_districts: usize, n_needs: usize, n: u64) -> History {
    let named = |letter: &str, at: usize| Named {
        code: format!("{letter}{at}"),
        name: format!("{letter}{at}"),
    };
    let months = calendar::between("2023-01", "2025-12");
    let n_months = months.len();
    let cells = (0..n_districts).flat_map(|d| (0..n_months).map(move |m| (d, m)));
    let arrivals = cells.flat_map(|(district, month)| {
        [(0, n - n / 4), (1, n / 4)].map(|(delay, n)| Arrival {
            district,
            month,
            known: month + delay,
            n,
        })
    });
    let series = Series {
        exposure: vec![1000.0; n_districts * n_months],
        covered: vec![true; n_districts * n_months],
        arrivals: arrivals.collect(),
    };
    let borders = |at: usize| {
        let before = at.checked_sub(1);
        let after = Some(at + 1).filter(|after| *after < n_districts);
        before.into_iter().chain(after).collect()
    };
    History {
        months,
        districts: (0..n_districts).map(|at| named("D", at)).collect(),
        needs: (0..n_needs).map(|at| named("N", at)).collect(),
        borders: (0..n_districts).map(borders).collect(),
        series: vec![series; n_needs],
    }
}
