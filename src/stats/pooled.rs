//! The pooled Gamma–Poisson model: emerging needs in short and sparse monthly series.
//!
//! Most district × need series see less than one request a month, too little to fit each alone. So the
//! shape in time is borrowed from all districts together, and the level of a district is drawn toward
//! theirs as far as its own past is short (empirical Bayes; Clayton and Kaldor 1987, Biometrics 43:671):
//!
//! ```text
//! rate(s)    pooled Poisson regression of the totals on log exposure, trend and one annual harmonic
//! E_ds       = exposure_ds · rate(s)                          what the exposure alone explains
//! θ_d        = (O_d + κ)/(E_d + κ)                            how this district usually differs
//! m          = E θ                                            expected in the judged window
//! variance   = φ m + E² (O_d + κ)/(E_d + κ)² + m² φ xᵀ(XᵀMX)⁻¹x     chance, and not knowing θ
//!                                                             and the rate for sure
//! ```
//!
//! `O_d` and `E_d` sum the usable months up to three before the judged one, so that a rise does not
//! raise its own baseline. `1/κ` is the between-district variance of `O/E` that chance leaves over, and
//! `φ` the pooled over-dispersion of the need. The windows of 1, 2 and 3 months that end in the judged
//! month are tried, and the smallest probability is multiplied by their number.

use std::f64::consts::TAU;
use std::ops::Range;

use super::counts::CountLaw;
use super::{EmergingDetector, Judgment, Panel, real, real_len};

/// The pooled Gamma–Poisson detector with exposure offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pooled {
    /// The longest window tried; as many months are also kept out of the fit.
    pub(crate) n_window_months: usize,
    /// A district is judged once it has this many usable months in the fit.
    pub(crate) min_months: usize,
    /// Below this many pooled requests the rate is flat.
    pub(crate) min_cases_for_shape: u64,
    /// Below this many pooled months too; a trend without its season would be read into the season.
    pub(crate) min_months_for_shape: usize,
    /// The between-district variance `1/κ` is never taken smaller than this.
    pub(crate) min_between_variance: f64,
}

impl Default for Pooled {
    fn default() -> Self {
        Self {
            n_window_months: 3,
            min_months: 6,
            min_cases_for_shape: 60,
            min_months_for_shape: 12,
            min_between_variance: 0.01,
        }
    }
}

impl EmergingDetector for Pooled {
    fn name(&self) -> &'static str {
        "pooled_gamma_poisson"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn judge(&self, panel: &Panel, judged: Range<usize>) -> Vec<Judgment> {
        let mut judgments: Vec<Judgment> = (judged.start..judged.end.min(panel.n_months()))
            .filter_map(|month| Some((month, Baseline::fit(*self, panel, month)?)))
            .flat_map(|(month, baseline)| baseline.judge_month(*self, panel, month))
            .collect();
        judgments.sort_by_key(|judgment| (judgment.district, judgment.month));
        judgments
    }

    fn window(&self, panel: &Panel, cell: (usize, usize), n_months: usize) -> Option<Judgment> {
        let method = Self {
            n_window_months: self.n_window_months.max(n_months),
            ..*self
        };
        let baseline = Baseline::fit(method, panel, cell.1)?;
        let has_past = baseline.pasts.get(cell.0)?.n_months >= method.min_months;
        let window = has_past.then(|| baseline.window(panel, cell, n_months))??;
        Some(window.judgment(cell, 1.0))
    }
}

/// What one need's past says, as known in one judged month.
#[derive(Debug, Clone, PartialEq)]
struct Baseline {
    /// The pooled rate by month.
    rate: Rate,
    /// Strength of the pull toward the common level.
    kappa: f64,
    /// Over-dispersion `φ`, at least 1.
    phi: f64,
    /// The past of each district.
    pasts: Vec<Past>,
}

/// A district's past in the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Past {
    /// Requests observed, `O_d`.
    observed: f64,
    /// Requests expected from exposure and pooled rate, `E_d`.
    expected: f64,
    /// How many usable months that is.
    n_months: usize,
}

impl Baseline {
    /// Fits the past of the judged month; nothing if no month of it is usable or no request was made.
    fn fit(method: Pooled, panel: &Panel, judged: usize) -> Option<Self> {
        let fitted = 0..(judged + 1).checked_sub(method.n_window_months)?;
        let rate = Rate::fit(method, &totals(panel, fitted.clone()))?;
        let pasts: Vec<Past> = (0..panel.n_districts())
            .map(|district| Past::sum(panel, &rate, district, fitted.clone()))
            .collect();
        let kappa = 1.0 / between_variance(&pasts).max(method.min_between_variance);
        let mut baseline = Self {
            rate,
            kappa,
            phi: 1.0,
            pasts,
        };
        baseline.phi = baseline.overdispersion(panel, fitted);
        Some(baseline)
    }

    /// How a district usually differs: `θ = (O + κ)/(E + κ)`.
    fn theta(&self, past: Past) -> f64 {
        (past.observed + self.kappa) / (past.expected + self.kappa)
    }

    /// Pearson's `φ = Σ (y − m)²/m / (n − q)` over the fitted cells, `q` the levels fitted, at least 1.
    fn overdispersion(&self, panel: &Panel, fitted: Range<usize>) -> f64 {
        let (mut squares, mut n_cells) = (0.0, 0.0);
        let mut n_levels = real_len(self.rate.n_terms);
        for (district, past) in self.pasts.iter().enumerate() {
            let theta = self.theta(*past);
            for month in panel.usable_months(district, fitted.clone()) {
                let mean = panel.exposure(district, month) * self.rate.at(month) * theta;
                squares += (real(panel.count(district, month)) - mean).powi(2) / mean;
                n_cells += 1.0;
            }
            n_levels += past.expected / (past.expected + self.kappa);
        }
        let degrees_left: f64 = n_cells - n_levels;
        if degrees_left > 0.0 {
            (squares / degrees_left).max(1.0)
        } else {
            1.0
        }
    }

    /// Judges every district that has enough past and whose judged month is usable.
    fn judge_month(&self, method: Pooled, panel: &Panel, month: usize) -> Vec<Judgment> {
        (0..panel.n_districts())
            .filter(|district| panel.is_usable(*district, month))
            .filter(|district| self.pasts[*district].n_months >= method.min_months)
            .filter_map(|district| self.judge_cell(method, panel, (district, month)))
            .collect()
    }

    /// Tries the windows that end in the judged month and keeps the most surprising one.
    fn judge_cell(&self, method: Pooled, panel: &Panel, cell: (usize, usize)) -> Option<Judgment> {
        let windows: Vec<Window> = (1..=method.n_window_months)
            .filter_map(|n| self.window(panel, cell, n))
            .collect();
        let n_tried = real_len(windows.len());
        let best = windows.into_iter().min_by(|a, b| a.p.total_cmp(&b.p))?;
        Some(best.judgment(cell, n_tried))
    }

    /// The window of `n_months` that ends in the cell's month, if all of it is usable.
    fn window(
        &self,
        panel: &Panel,
        (district, month): (usize, usize),
        n_months: usize,
    ) -> Option<Window> {
        let months = (month + 1).checked_sub(n_months)?..month + 1;
        if panel.usable_months(district, months.clone()).count() < n_months {
            return None;
        }
        let observed = months.clone().map(|past| panel.count(district, past)).sum();
        let exposure: f64 = months
            .clone()
            .map(|past| panel.exposure(district, past))
            .sum();
        let base: f64 = months
            .map(|past| panel.exposure(district, past) * self.rate.at(past))
            .sum();
        let past = self.pasts[district];
        let expected = base * self.theta(past);
        let of_level = (past.observed + self.kappa) / (past.expected + self.kappa).powi(2);
        let of_rate = self.phi * self.rate.log_variance(month);
        let unknown = base * base * of_level + expected * expected * of_rate;
        let law = CountLaw::new(expected, self.phi * expected + unknown);
        let p = law.upper_tail(observed);
        let exposure = exposure / real_len(n_months);
        Some(Window {
            n_months,
            observed,
            expected,
            exposure,
            law,
            p,
        })
    }
}

impl Window {
    /// The window as evidence, its probability paid for the number of windows tried.
    fn judgment(self, (district, month): (usize, usize), n_tried: f64) -> Judgment {
        Judgment {
            district,
            month,
            n_window_months: self.n_months,
            observed: self.observed,
            expected: self.expected,
            predicted_low: self.law.quantile(0.025),
            predicted_high: self.law.quantile(0.975),
            ratio: real(self.observed) / self.expected,
            p: (self.p * n_tried).min(1.0),
            exposure: self.exposure,
        }
    }
}

/// One window tried.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    /// How many months it holds.
    n_months: usize,
    /// Requests counted in it.
    observed: u64,
    /// Requests expected in it.
    expected: f64,
    /// Its mean monthly exposure.
    exposure: f64,
    /// The law of the count if nothing had changed.
    law: CountLaw,
    /// Chance of a count at least as high.
    p: f64,
}

impl Past {
    /// Sums the usable fitted months of a district.
    fn sum(panel: &Panel, rate: &Rate, district: usize, fitted: Range<usize>) -> Self {
        let mut past = Self {
            observed: 0.0,
            expected: 0.0,
            n_months: 0,
        };
        for month in panel.usable_months(district, fitted) {
            past.observed += real(panel.count(district, month));
            past.expected += panel.exposure(district, month) * rate.at(month);
            past.n_months += 1;
        }
        past
    }
}

/// The between-district variance of `O/E` left over by chance: its E-weighted variance minus `1/Ē`.
fn between_variance(pasts: &[Past]) -> f64 {
    let known = pasts.iter().filter(|past| past.expected > 0.0);
    let (mut squares, mut total, mut n_districts) = (0.0, 0.0, 0.0);
    for past in known {
        squares += past.expected * (past.observed / past.expected - 1.0).powi(2);
        total += past.expected;
        n_districts += 1.0;
    }
    if total > 0.0 {
        squares / total - n_districts / total
    } else {
        0.0
    }
}

/// The usable requests and exposure of a month over all districts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Total {
    /// The month's place in the panel.
    month: usize,
    /// Requests.
    cases: f64,
    /// Exposure.
    exposure: f64,
}

/// The totals of the fitted months, without those nobody could have asked in.
fn totals(panel: &Panel, fitted: Range<usize>) -> Vec<Total> {
    fitted
        .map(|month| {
            let usable = (0..panel.n_districts()).filter(|d| panel.is_usable(*d, month));
            usable.fold(
                Total {
                    month,
                    cases: 0.0,
                    exposure: 0.0,
                },
                |sum, district| Total {
                    cases: sum.cases + real(panel.count(district, month)),
                    exposure: sum.exposure + panel.exposure(district, month),
                    ..sum
                },
            )
        })
        .filter(|total| total.exposure > 0.0)
        .collect()
}

/// How many terms the pooled regression has at most: level, trend, cosine, sine.
const N_TERMS: usize = 4;

/// One value per term.
type Terms = [f64; N_TERMS];

/// Requests per unit of exposure, by month.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    /// The coefficients of the terms; those not fitted are 0.
    coefficients: Terms,
    /// The month the trend is counted from.
    origin: f64,
    /// How many terms are fitted.
    n_terms: usize,
    /// The information `XᵀMX` of the fitted totals; 1 on the diagonal of a term not fitted.
    information: [Terms; N_TERMS],
}

impl Rate {
    /// The flat rate, improved by as many terms as the past can carry; nothing without requests.
    fn fit(method: Pooled, totals: &[Total]) -> Option<Self> {
        let cases: f64 = totals.iter().map(|total| total.cases).sum();
        let exposure: f64 = totals.iter().map(|total| total.exposure).sum();
        if cases <= 0.0 {
            return None;
        }
        let origin = totals
            .iter()
            .map(|total| real_len(total.month))
            .sum::<f64>();
        let origin = origin / real_len(totals.len());
        let mut information = [[0.0; N_TERMS]; N_TERMS];
        for (term, values) in information.iter_mut().enumerate() {
            values[term] = if term == 0 { cases } else { 1.0 };
        }
        let flat = Self {
            coefficients: [(cases / exposure).ln(), 0.0, 0.0, 0.0],
            origin,
            n_terms: 1,
            information,
        };
        let n_terms = method.n_terms(cases, totals.len());
        let shaped = Self { n_terms, ..flat };
        Some(shaped.regressed(totals).unwrap_or(flat))
    }

    /// The variance of the log rate in a month for `φ = 1`: `xᵀ (XᵀMX)⁻¹ x`.
    fn log_variance(&self, month: usize) -> f64 {
        let terms = self.terms(month);
        solve(self.information, terms).map_or(0.0, |solution| dot(&solution, &terms))
    }

    /// The rate in a month.
    fn at(&self, month: usize) -> f64 {
        dot(&self.terms(month), &self.coefficients).exp()
    }

    /// The terms of a month, 0 where not fitted; the trend is in years.
    fn terms(&self, month: usize) -> Terms {
        let years = (real_len(month) - self.origin) / 12.0;
        let angle = TAU * real_len(month % 12) / 12.0;
        let mut terms = [1.0, years, angle.cos(), angle.sin()];
        terms[self.n_terms..].fill(0.0);
        terms
    }

    /// Poisson regression by Newton steps (IRLS), from this rate on.
    ///
    /// Nothing if it does not converge: a separated fit must never carry a flag.
    fn regressed(mut self, totals: &[Total]) -> Option<Self> {
        for _ in 0..25 {
            let step = self.newton_step(totals)?;
            let largest = step.iter().fold(0.0_f64, |most, part| most.max(part.abs()));
            for (coefficient, part) in self.coefficients.iter_mut().zip(step) {
                *coefficient += part;
            }
            if largest < 1e-10 {
                return Some(self);
            }
            if largest > 20.0 {
                return None;
            }
        }
        None
    }

    /// One step: the information matrix `XᵀMX`, which is kept, against the score `Xᵀ(y − μ)`.
    fn newton_step(&mut self, totals: &[Total]) -> Option<Terms> {
        let mut information = [[0.0; N_TERMS]; N_TERMS];
        let mut score = [0.0; N_TERMS];
        for total in totals {
            let terms = self.terms(total.month);
            let mean = total.exposure * self.at(total.month);
            for row in 0..N_TERMS {
                score[row] += terms[row] * (total.cases - mean);
                let columns = information[row].iter_mut().zip(terms);
                columns.for_each(|(sum, term)| *sum += terms[row] * term * mean);
            }
        }
        for (row, values) in information.iter_mut().enumerate().skip(self.n_terms) {
            values[row] = 1.0;
        }
        self.information = information;
        solve(information, score)
    }
}

impl Pooled {
    /// How many terms a past of so many cases and months can carry.
    fn n_terms(self, cases: f64, n_months: usize) -> usize {
        let is_sparse = cases < real(self.min_cases_for_shape);
        let is_short = n_months < self.min_months_for_shape;
        if is_sparse || is_short { 1 } else { N_TERMS }
    }
}

/// The sum of products.
fn dot(a: &Terms, b: &Terms) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Solves a symmetric positive definite system by Gaussian elimination; nothing if it is singular.
fn solve(mut matrix: [Terms; N_TERMS], mut right: Terms) -> Option<Terms> {
    for pivot in 0..N_TERMS {
        let head = matrix[pivot];
        if head[pivot] <= 1e-12 {
            return None;
        }
        for row in pivot + 1..N_TERMS {
            let factor = matrix[row][pivot] / head[pivot];
            for (value, above) in matrix[row].iter_mut().zip(head) {
                *value -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    let mut solution = [0.0; N_TERMS];
    for row in (0..N_TERMS).rev() {
        solution[row] = (right[row] - dot(&matrix[row], &solution)) / matrix[row][row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;

    /// A panel of equal districts, with the count of every district and month given by a function.
    fn panel(n_districts: usize, n_months: usize, count: impl Fn(usize, usize) -> u64) -> Panel {
        let cells = || (0..n_districts).flat_map(move |d| (0..n_months).map(move |m| (d, m)));
        let counts = cells().map(|(d, m)| count(d, m)).collect();
        let size = n_districts * n_months;
        Panel::new(n_months, counts, vec![100.0; size], vec![true; size]).unwrap()
    }

    /// The judgment of one cell.
    fn judgment(panel: &Panel, district: usize, month: usize) -> Judgment {
        let all = Pooled::default().judge(panel, month..month + 1);
        *all.iter().find(|found| found.district == district).unwrap()
    }

    #[test]
    fn the_worked_example_follows_the_formulas() {
        // Two districts, 20 fitted months at a flat rate (under 60 cases): O = (30, 10), E = (20, 20),
        // weighted variance of O/E = 0.25, minus 1/Ē = 0.05, so κ = 5 and θ₀ = 35/25 = 1.4.
        let panel = panel(2, 23, |district, month| match (district, month) {
            (0, 22) => 5,
            (0, _) => 1 + u64::from(month % 2 == 0),
            (_, _) => u64::from(month % 2 == 0),
        });
        let baseline = Baseline::fit(Pooled::default(), &panel, 22).unwrap();
        assert_close(baseline.kappa, 5.0, 1e-9);
        assert_close(baseline.theta(baseline.pasts[0]), 1.4, 1e-9);
        let window = baseline.window(&panel, (0, 22), 1).unwrap();
        assert_close(window.expected, 1.4, 1e-9);
        // φ = 1 here (the counts vary less than chance), and the rate rests on 40 requests, so the
        // variance is 1.4 + 35/25² + 1.4²/40 = 1.505.
        let law = CountLaw::new(1.4, 1.4 + 35.0 / 625.0 + 1.4 * 1.4 / 40.0);
        assert_close(window.p, law.upper_tail(5), 1e-9);
        let found = judgment(&panel, 0, 22);
        assert_eq!((found.observed, found.n_window_months), (5, 1));
        assert_close(found.p, 3.0 * window.law.upper_tail(5), 1e-12);
    }

    #[test]
    fn a_trend_and_a_season_shared_by_all_districts_are_expected() {
        let wave = |month: usize| [6, 8, 10, 12, 14, 15, 14, 12, 10, 8, 6, 5][month % 12];
        let panel = panel(8, 48, |_, month| {
            wave(month) + u64::try_from(month / 12).unwrap()
        });
        for month in 36..48 {
            let found = judgment(&panel, 3, month);
            assert!(found.p > 0.05, "month {month}: {found:?}");
        }
    }

    #[test]
    fn a_need_that_triples_in_one_district_stands_out_there_only() {
        let panel = panel(
            8,
            40,
            |district, month| if district == 2 && month >= 37 { 12 } else { 4 },
        );
        assert!(judgment(&panel, 2, 39).p < 1e-4);
        assert!(judgment(&panel, 3, 39).p > 0.1);
        assert_close(judgment(&panel, 2, 39).ratio, 3.0, 0.05);
    }

    #[test]
    fn a_platform_that_doubles_its_members_raises_nothing() {
        let (n_districts, n_months) = (6, 40);
        let doubled = |cell: usize| cell / n_months == 2 && cell % n_months >= 36;
        let size = n_districts * n_months;
        let counts = (0..size)
            .map(|cell| if doubled(cell) { 16 } else { 8 })
            .collect();
        let exposure = (0..size)
            .map(|cell| if doubled(cell) { 200.0 } else { 100.0 })
            .collect();
        let panel = Panel::new(n_months, counts, exposure, vec![true; size]).unwrap();
        for month in 36..40 {
            assert!(judgment(&panel, 2, month).p > 0.2);
        }
    }

    #[test]
    fn a_judgment_never_looks_at_later_months() {
        let early = panel(4, 30, |district, month| {
            u64::try_from((district + month) % 5).unwrap()
        });
        let longer = panel(4, 40, |district, month| {
            let count = u64::try_from((district + month) % 5).unwrap();
            if month < 30 { count } else { count + 50 }
        });
        let method = Pooled::default();
        assert_eq!(method.judge(&early, 20..30), method.judge(&longer, 20..30));
    }

    #[test]
    fn a_district_that_just_arrived_is_not_judged() {
        let (n_months, size) = (30, 60);
        let covered = (0..size)
            .map(|cell| cell < n_months || cell % n_months >= 24)
            .collect();
        let panel = Panel::new(n_months, vec![5; size], vec![100.0; size], covered).unwrap();
        let judged = Pooled::default().judge(&panel, 29..30);
        assert_eq!(
            judged
                .iter()
                .map(|found| found.district)
                .collect::<Vec<_>>(),
            vec![0]
        );
    }

    #[test]
    fn a_window_with_an_uncovered_month_is_not_tried() {
        let (n_months, size) = (30, 30);
        let covered = (0..size).map(|cell| cell != 28).collect();
        let panel = Panel::new(n_months, vec![5; size], vec![100.0; size], covered).unwrap();
        let found = judgment(&panel, 0, 29);
        assert_eq!(found.n_window_months, 1);
    }

    #[test]
    fn a_need_nobody_ever_asked_for_is_left_to_the_novelty_rule() {
        assert!(
            Pooled::default()
                .judge(&panel(3, 30, |_, _| 0), 20..30)
                .is_empty()
        );
    }
}
