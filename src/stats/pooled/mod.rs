//! The pooled Gamma–Poisson model: emerging needs in short and sparse monthly series.
//!
//! Most district × need series see less than one request a month, too little to fit each alone. So the
//! shape in time is borrowed from all districts together, and the level of a district is drawn toward
//! theirs as far as its own past is short (empirical Bayes; Clayton and Kaldor 1987, Biometrics 43:671):
//!
//! ```text
//! rate(s)    pooled penalized Poisson regression on log exposure, trend and one annual harmonic
//! E_ds       = exposure_ds · rate(s)                       what the exposure alone explains
//! θ_d        ~ Gamma(O_d/φ + 1/σ², E_d/φ + 1/σ²μ)          how this district usually differs
//! m          = E θ                                         expected in the judged window
//! variance   = φ m + E² var θ + m² var(log rate)           chance, and not knowing θ and rate for sure
//! T          likelihood ratio averaged over windows of 1 … 4 months and rate ratios 1.5, 2, 3, 5
//! p          chance of a T as large in a cell drawn at random if nothing has changed
//! ```
//!
//! The last four months are kept out of the fit, so that a rise does not raise its own baseline.
//! `baseline` fits, `evidence` weighs and calibrates.

use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::counts::CountLaw;
use super::{EmergingDetector, Judgment, Panel, real, real_len};
use baseline::Baseline;
use evidence::{Backward, LikelihoodRatios, MAX_WINDOW, Null, Recent};
use rate::ShapePrior;

/// Rate, levels and scatter of a need's past.
pub(crate) mod baseline;
/// The averaged likelihood ratio and its calibration.
pub(crate) mod evidence;
/// The pooled regression.
pub(crate) mod rate;

/// What is done about rises in the past that is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PastRises {
    /// They count like all months.
    Kept,
    /// Cells whose Anscombe residual lies above this count less (Noufaily et al. 2013, with 2.58).
    DownWeighted(f64),
}

/// The pooled Gamma–Poisson detector with exposure offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pooled {
    /// The longest window tried; as many months are also kept out of the fit.
    pub(crate) n_window_months: usize,
    /// A district is judged once it has this many usable months in the fit.
    pub(crate) min_months: usize,
    /// With fewer requests in the last three months a cell is never a rise.
    pub(crate) min_cases: u64,
    /// What is believed of trend and season.
    pub(crate) shape_prior: ShapePrior,
    /// What is believed of the between-district variance `σ²`: its mean and standard deviation.
    pub(crate) between_variance_prior: (f64, f64),
    /// It is never taken smaller than this.
    pub(crate) min_between_variance: f64,
    /// What is believed of the over-dispersion `φ`.
    pub(crate) phi_prior: f64,
    /// How many cells of mean 1 that belief is worth.
    pub(crate) phi_prior_weight: f64,
    /// What is done about rises in the past.
    pub(crate) past_rises: PastRises,
    /// How far a growing exposure may be wrong, as a share of its growth over the windows.
    pub(crate) exposure_doubt: f64,
    /// How often each cell is drawn for the calibration.
    pub(crate) n_draws: usize,
    /// At least so many draws are made for a month; with few cells each is drawn more often.
    pub(crate) min_draws: usize,
    /// The seed of these draws.
    pub(crate) seed: u64,
}

impl Default for Pooled {
    fn default() -> Self {
        Self {
            n_window_months: 4,
            min_months: 6,
            min_cases: 5,
            shape_prior: ShapePrior {
                trend_sd: 0.1,
                season_sd: 0.2,
                min_months: 12,
            },
            between_variance_prior: (0.25, 0.15),
            min_between_variance: 0.01,
            phi_prior: 1.5,
            phi_prior_weight: 100.0,
            past_rises: PastRises::DownWeighted(2.58),
            exposure_doubt: 0.0,
            n_draws: 12,
            min_draws: 4000,
            seed: 0,
        }
    }
}

/// How many months the fewest requests are counted over.
const N_CASE_MONTHS: usize = 3;

/// A cell that can be judged, before its evidence is turned into a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    /// The need's place among the panels.
    need: usize,
    /// The judgment, still without its probability.
    judgment: Judgment,
    /// The evidence `T`; 0 with too few requests.
    evidence: f64,
}

/// The cells of one month, and the evidence they would show if nothing had changed.
#[derive(Debug, Clone, PartialEq)]
struct Weighed {
    /// How often each cell is drawn.
    n_draws: usize,
    /// The cells.
    cells: Vec<Cell>,
    /// The evidence drawn.
    draws: Vec<f64>,
}

impl EmergingDetector for Pooled {
    fn name(&self) -> &'static str {
        "pooled_gamma_poisson"
    }

    fn version(&self) -> &'static str {
        "2"
    }

    fn judge(&self, panel: &Panel, judged: Range<usize>) -> Vec<Judgment> {
        self.judge_all(&[panel], judged)
            .into_iter()
            .flatten()
            .collect()
    }

    fn judge_all(&self, panels: &[&Panel], judged: Range<usize>) -> Vec<Vec<Judgment>> {
        let mut judgments = vec![Vec::new(); panels.len()];
        for month in judged {
            for (need, judgment) in self.judge_month(panels, month) {
                judgments[need].push(judgment);
            }
        }
        for of_need in &mut judgments {
            of_need.sort_by_key(|judgment| (judgment.district, judgment.month));
        }
        judgments
    }

    fn window(&self, panel: &Panel, cell: (usize, usize), n_months: usize) -> Option<Judgment> {
        let baseline = self.baseline(panel, cell.1, n_months)?;
        self.window_of(&baseline, panel, cell, n_months)
    }
}

impl Pooled {
    /// The windows of exactly so many months that end in a month, of all districts and from one fit.
    ///
    /// Each is what [`EmergingDetector::window`] answers for its district.
    pub(crate) fn windows(
        &self,
        panel: &Panel,
        month: usize,
        n_months: usize,
    ) -> Vec<Option<Judgment>> {
        let Some(baseline) = self.baseline(panel, month, n_months) else {
            return vec![None; panel.n_districts()];
        };
        (0..panel.n_districts())
            .map(|district| self.window_of(&baseline, panel, (district, month), n_months))
            .collect()
    }

    /// The same method with windows of at least so many months.
    fn reaching(&self, n_months: usize) -> Self {
        Self {
            n_window_months: self.n_window_months.max(n_months),
            ..*self
        }
    }

    /// The past of windows of so many months.
    fn baseline(&self, panel: &Panel, month: usize, n_months: usize) -> Option<Baseline> {
        let mut random = self.random(0, month);
        (month < panel.n_months())
            .then(|| Baseline::fit(self.reaching(n_months), panel, month, &mut random))
            .flatten()
    }

    /// The window of a district, from its need's past.
    fn window_of(
        &self,
        baseline: &Baseline,
        panel: &Panel,
        cell: (usize, usize),
        n_months: usize,
    ) -> Option<Judgment> {
        let method = self.reaching(n_months);
        let has_past = baseline.pasts.get(cell.0)?.n_months >= method.min_months;
        let recent = method.recent(baseline, panel, cell).filter(|_| has_past)?;
        let judgment = recent.judgment(panel, cell, n_months)?;
        let law = recent.law(n_months);
        Some(Judgment {
            p: law.upper_tail(judgment.observed),
            ..judgment
        })
    }
}

impl Pooled {
    /// Random numbers of its own for every need and month, so that no judgment depends on another.
    pub(crate) fn random(&self, need: usize, month: usize) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let place = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
        random.set_stream((place(need) << 32) | place(month));
        random
    }

    /// Judges one month of all needs together.
    fn judge_month(&self, panels: &[&Panel], month: usize) -> Vec<(usize, Judgment)> {
        let n_cells: usize = panels.iter().map(|panel| panel.n_districts()).sum();
        let enough = self.min_draws.checked_div(n_cells).unwrap_or(0);
        let mut weighed = Weighed {
            n_draws: self.n_draws.max(enough),
            cells: Vec::new(),
            draws: Vec::new(),
        };
        for (need, panel) in panels.iter().enumerate() {
            self.weigh_need(panel, (need, month), &mut weighed);
        }
        let null = Null::new(weighed.draws);
        let judged = weighed.cells.into_iter().map(|cell| {
            let p = if cell.evidence > 0.0 {
                null.p(cell.evidence)
            } else {
                1.0
            };
            (cell.need, Judgment { p, ..cell.judgment })
        });
        judged.collect()
    }

    /// Weighs every district that has enough past and whose judged month is usable.
    fn weigh_need(&self, panel: &Panel, (need, month): (usize, usize), weighed: &mut Weighed) {
        let mut random = self.random(need, month);
        let baseline =
            (month < panel.n_months()).then(|| Baseline::fit(*self, panel, month, &mut random));
        let Some(baseline) = baseline.flatten() else {
            return;
        };
        for district in 0..panel.n_districts() {
            if baseline.pasts[district].n_months < self.min_months {
                continue;
            }
            let cell = (district, month);
            let Some(recent) = self.recent(&baseline, panel, cell) else {
                continue;
            };
            let ratios = recent.ratios(self.n_window_months);
            let (evidence, n_months) = self.evidence(&ratios, &recent, &recent.counts(panel, cell));
            if let Some(judgment) = recent.judgment(panel, cell, n_months) {
                weighed.cells.push(Cell {
                    need,
                    judgment,
                    evidence,
                });
            }
            weighed.draws.extend((0..weighed.n_draws).map(|_| {
                let factor = recent.draw_rate(&mut random);
                self.evidence(&ratios, &recent, &recent.draw(factor, &mut random))
                    .0
            }));
        }
    }

    /// The evidence of counts, 0 with too few requests, and the window that shows most.
    fn evidence(
        &self,
        ratios: &LikelihoodRatios,
        recent: &Recent,
        counts: &Backward<u64>,
    ) -> (f64, usize) {
        let n_case_months = N_CASE_MONTHS.min(recent.n_months);
        let cases: u64 = counts.iter().take(n_case_months).sum();
        if cases < self.min_cases {
            return (0.0, n_case_months);
        }
        let found = ratios.weigh(counts);
        (found.ratio, found.n_window_months)
    }

    /// The predictive law of a cell's last months; nothing if the judged month is not usable.
    pub(crate) fn recent(
        &self,
        baseline: &Baseline,
        panel: &Panel,
        (district, month): (usize, usize),
    ) -> Option<Recent> {
        let mut bases = [0.0; MAX_WINDOW];
        let mut n_months = 0;
        let longest = self.n_window_months.min(MAX_WINDOW).min(month + 1);
        for (back, base) in bases.iter_mut().enumerate().take(longest) {
            if !panel.is_usable(district, month - back) {
                break;
            }
            *base = panel.exposure(district, month - back) * baseline.rate(month - back);
            n_months += 1;
        }
        let doubt = self.exposure_doubt * self.growth(panel, (district, month));
        (n_months > 0).then(|| Recent {
            bases,
            n_months,
            level: baseline.level(district),
            phi: baseline.phi,
            log_rate_variance: baseline.log_rate_variance + doubt * doubt,
        })
    }
}

impl Pooled {
    /// By how much the log exposure grew over the longest window; 0 where it shrank or is not known.
    fn growth(&self, panel: &Panel, (district, month): (usize, usize)) -> f64 {
        let Some(before) = month.checked_sub(self.n_window_months) else {
            return 0.0;
        };
        if !panel.is_usable(district, before) || !panel.is_usable(district, month) {
            return 0.0;
        }
        let ratio = panel.exposure(district, month) / panel.exposure(district, before);
        ratio.ln().max(0.0)
    }
}

impl Recent {
    /// What was counted in the months that may be looked at, backward.
    pub(crate) fn counts(&self, panel: &Panel, (district, month): (usize, usize)) -> Backward<u64> {
        let mut counts = [0; MAX_WINDOW];
        for (back, count) in counts.iter_mut().take(self.n_months).enumerate() {
            *count = panel.count(district, month - back);
        }
        counts
    }

    /// The law of a window's count.
    fn law(&self, n_months: usize) -> CountLaw {
        let moments = self.window(n_months);
        CountLaw::new(moments.mean, moments.variance)
    }

    /// A window as evidence for readers, still without its probability.
    fn judgment(
        &self,
        panel: &Panel,
        (district, month): (usize, usize),
        n_months: usize,
    ) -> Option<Judgment> {
        if n_months == 0 || n_months > self.n_months {
            return None;
        }
        let months = month + 1 - n_months..month + 1;
        let observed = months.clone().map(|past| panel.count(district, past)).sum();
        let exposure: f64 = months.map(|past| panel.exposure(district, past)).sum();
        let law = self.law(n_months);
        let expected = self.window(n_months).mean;
        Some(Judgment {
            district,
            month,
            n_window_months: n_months,
            observed,
            expected,
            predicted_low: law.quantile(0.025),
            predicted_high: law.quantile(0.975),
            ratio: real(observed) / expected,
            p: 1.0,
            exposure: exposure / real_len(n_months),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use crate::stats::panel_law::{self, Events, FIRST_JUDGED, N_MONTHS};

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
        let rise =
            |district: usize, month: usize| if district == 2 && month >= 37 { 12 } else { 4 };
        let panel = panel(8, 40, rise);
        let found = judgment(&panel, 2, 39);
        assert!(found.p < 1e-4, "{found:?}");
        assert!(judgment(&panel, 3, 39).p > 0.1);
        assert_eq!((found.n_window_months, found.observed), (3, 36));
        assert_close(found.ratio, 3.0, 0.1);
    }

    #[test]
    fn a_platform_that_doubles_its_members_raises_nothing() {
        let (n_districts, n_months) = (6, 40);
        let doubled = |cell: usize| cell / n_months == 2 && cell % n_months >= 36;
        let size = n_districts * n_months;
        let counts = (0..size).map(|cell| if doubled(cell) { 16 } else { 8 });
        let exposure = (0..size).map(|cell| if doubled(cell) { 200.0 } else { 100.0 });
        let panel = Panel::new(
            n_months,
            counts.collect(),
            exposure.collect(),
            vec![true; size],
        );
        for month in 36..40 {
            assert!(judgment(panel.as_ref().unwrap(), 2, month).p > 0.2);
        }
    }

    #[test]
    fn doubt_about_a_growing_exposure_widens_the_prediction() {
        let n_months = 40;
        let grown = |cell: usize| cell % n_months >= 37;
        let counts = (0..80).map(|cell| if grown(cell) { 20 } else { 8 });
        let exposure = (0..80).map(|cell| if grown(cell) { 250.0 } else { 100.0 });
        let panel = Panel::new(
            n_months,
            counts.collect(),
            exposure.collect(),
            vec![true; 80],
        )
        .unwrap();
        let width = |exposure_doubt| {
            let method = Pooled {
                exposure_doubt,
                ..Pooled::default()
            };
            let found = method.window(&panel, (0, 39), 3).unwrap();
            found.predicted_high - found.predicted_low
        };
        assert!(width(0.3) > width(0.0));
    }

    #[test]
    fn a_judgment_never_looks_at_later_months_or_at_which_months_are_asked_for() {
        let small = |district: usize, month: usize| u64::try_from((district + month) % 5).unwrap();
        let early = panel(4, 30, small);
        let longer = panel(4, 40, |d, m| if m < 30 { small(d, m) } else { 50 });
        let method = Pooled::default();
        let judged = method.judge(&early, 20..30);
        assert_eq!(judged, method.judge(&longer, 20..30));
        let alone = method.judge(&early, 25..26);
        assert!(alone.iter().all(|found| judged.contains(found)));
    }

    #[test]
    fn a_district_that_just_arrived_is_not_judged() {
        let (n_months, size) = (30, 60);
        let covered = (0..size).map(|cell| cell < n_months || cell % n_months >= 24);
        let panel = Panel::new(
            n_months,
            vec![5; size],
            vec![100.0; size],
            covered.collect(),
        )
        .unwrap();
        let judged = Pooled::default().judge(&panel, 29..30);
        let districts: Vec<usize> = judged.iter().map(|found| found.district).collect();
        assert_eq!(districts, vec![0]);
    }

    #[test]
    fn a_window_with_an_uncovered_month_is_not_tried() {
        let covered = (0..30).map(|cell| cell != 28).collect();
        let panel = Panel::new(30, vec![5; 30], vec![100.0; 30], covered).unwrap();
        assert_eq!(judgment(&panel, 0, 29).n_window_months, 1);
        assert_eq!(Pooled::default().window(&panel, (0, 29), 2), None);
    }

    #[test]
    fn the_windows_of_all_districts_are_those_of_each() {
        let panel = panel(4, 30, |d, m| u64::try_from((3 * d + m) % 7).unwrap());
        let method = Pooled::default();
        for month in [2, 28, 30] {
            let each = (0..4).map(|district| method.window(&panel, (district, month), 3));
            assert_eq!(method.windows(&panel, month, 3), each.collect::<Vec<_>>());
        }
        assert!(method.windows(&panel, 28, 3).iter().all(Option::is_some));
    }

    #[test]
    fn a_need_nobody_ever_asked_for_is_left_to_the_novelty_rule() {
        let judged = Pooled::default().judge(&panel(3, 30, |_, _| 0), 20..30);
        assert!(judged.is_empty());
    }

    #[test]
    fn months_and_panels_that_are_not_there_are_not_judged() {
        let method = Pooled::default();
        assert!(method.judge(&panel(3, 30, |_, _| 2), 30..90).is_empty());
        assert!(method.judge(&panel(3, 30, |_, _| 2), 0..3).is_empty());
        assert!(method.judge_all(&[], 0..9).is_empty());
        assert!(
            method
                .judge(&Panel::new(0, vec![], vec![], vec![]).unwrap(), 0..9)
                .is_empty()
        );
    }

    #[test]
    fn the_probabilities_are_uniform_where_nothing_happens() {
        let world = panel_law::draw(2001, Events::None).unwrap();
        let panels: Vec<&Panel> = world.panels.iter().collect();
        let judged = Pooled::default().judge_all(&panels, FIRST_JUDGED..N_MONTHS);
        let p_values: Vec<f64> = judged.iter().flatten().map(|found| found.p).collect();
        let n = real_len(p_values.len());
        assert!(n > 80_000.0);
        // The months of a cell overlap, so the shares scatter more than those of free draws.
        for (level, apart) in [(0.02, 0.15), (0.005, 0.25), (0.001, 0.5)] {
            let share = real_len(p_values.iter().filter(|p| **p <= level).count()) / n;
            assert!((share / level - 1.0).abs() < apart, "{share} at {level}");
        }
    }
}
