//! The weekly detector: is this week, or are the last two or three together, above a smooth course of all the past?
//!
//! Farrington flexible looks at one week and spends ten season levels on five years. Here the season is a few
//! harmonics, all the past is used, and weeks are also judged together, because an outbreak seldom fits into one:
//!
//! ```text
//! log μ_t = β₀ + β₁ t + harmonics of the year + λ [t in the last year] + log(exposure_t)
//!                                          all weeks but the last eight, the judged ones with λ
//! φ = Pearson's, at least 1; past outbreaks weighted down as in Farrington flexible
//! window of w weeks    M = Σ μ,   variance φ M + φ gᵀ(XᵀWX)⁻¹g,   g = Σ μ x
//! p_w = mid-p of the negative binomial law with that mean and variance
//! p   = min_w c_w p_w                                              alarm if p < α
//! ```
//!
//! `λ` lets the level be that of the last year, whatever the trend did before: a platform that grew in a step is not
//! an alarm for ever. The window costs and α were chosen on invented series (`invented`) so that clean ones give as many
//! alarms as Farrington flexible at 0.005, 7 in 1,000 weeks. A window is a sum over weeks, so an alarm may outlast its
//! cause by up to two weeks. The variance knows that the course is estimated. If counts of a week are negative binomial with variance `φ μ`,
//! so is their sum.

/// The course and its fit.
mod fit;

use self::fit::{Course, Fitted, MAX_TERMS, Rows, Terms, fit};
use super::farrington::bound::{Bound, Judged, Prediction, judge};
use super::farrington::{SeriesError, Unjudged, check_exposure};
use super::glm::{GlmError, weight_of};
use super::{real, real_len};

/// How many windows are tried.
pub(crate) const N_WINDOWS: usize = 3;

/// The choices of the detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weekly {
    /// Points in a year; 52 for numbered weeks, 365.25/7 for dated ones.
    pub(crate) period: f64,
    /// Harmonics of the year, at most 3.
    pub(crate) n_harmonics: usize,
    /// Points before the judged one that are left out of the fit.
    pub(crate) n_left_out: usize,
    /// So many last points of the fit have a level of their own, which is that of the judged one; 0 for none.
    pub(crate) n_level_points: usize,
    /// At least so many points are fitted.
    pub(crate) min_points: usize,
    /// Anscombe residuals above this are weighted down.
    pub(crate) reweight_above: f64,
    /// What the p of the windows of 1, 2 and 3 weeks is multiplied by; infinite leaves a window out.
    pub(crate) window_costs: [f64; N_WINDOWS],
    /// The threshold of `p`.
    pub(crate) alpha: f64,
    /// An alarm needs this many cases in the last four points.
    pub(crate) min_cases: u64,
}

impl Default for Weekly {
    fn default() -> Self {
        Self {
            period: 52.0,
            n_harmonics: 2,
            n_left_out: 8,
            n_level_points: 52,
            min_points: 104,
            reweight_above: 2.58,
            window_costs: [1.0, 0.7, 3.0],
            alpha: 0.0018,
            min_cases: 5,
        }
    }
}

/// One window that ends in the judged week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    /// Cases in it.
    pub(crate) observed: u64,
    /// Cases expected.
    pub(crate) expected: f64,
    /// The count above which its own p is below α.
    pub(crate) upper: f64,
    /// The mid-p: the chance of more cases, plus half the chance of exactly as many.
    pub(crate) p: f64,
}

/// What is said of one week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WeeklyPoint {
    /// The windows of 1, 2, 3 weeks.
    pub(crate) windows: [Window; N_WINDOWS],
    /// The window with the smallest cost times p, counted in weeks.
    pub(crate) best: usize,
    /// `min_w c_w p_w`, at most 1.
    pub(crate) p: f64,
    /// The dispersion `φ`.
    pub(crate) phi: f64,
    /// Whether `p < α` with enough cases.
    pub(crate) is_alarm: bool,
}

impl WeeklyPoint {
    /// The window that surprises most after its cost.
    pub(crate) fn best_window(&self) -> Window {
        self.windows[(self.best - 1).min(N_WINDOWS - 1)]
    }
}

/// The recent level is a term if the fit is this many times as long.
const LEVELS_IN_PAST: usize = 3;
/// With fewer cases than this per term, terms are left out: first the season, then the trend.
const CASES_PER_TERM: f64 = 10.0;

/// A series on which the weeks are judged one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WeeklyJudge {
    /// The choices.
    method: Weekly,
    /// The counts.
    cases: Vec<u64>,
    /// The counts as real numbers.
    counts: Vec<f64>,
    /// The exposures, 1 if they do not matter.
    exposure: Vec<f64>,
    /// The terms.
    course: Course,
    /// Prior weights.
    weights: Vec<f64>,
    /// Fitted means.
    means: Vec<f64>,
    /// Where the two fits of the week before ended, and with how many terms.
    starts: Option<(usize, Terms, Terms)>,
}

impl WeeklyJudge {
    /// Prepares a series. The exposures are as many as the counts and positive; ones if they do not matter.
    pub(crate) fn new(
        method: Weekly,
        cases: Vec<u64>,
        exposure: Vec<f64>,
    ) -> Result<Self, SeriesError> {
        let n = cases.len();
        check_exposure(&exposure, n)?;
        Ok(Self {
            method,
            counts: cases.iter().map(|count| real(*count)).collect(),
            exposure,
            course: Course::new(n, method.period, method.n_harmonics),
            weights: vec![1.0; n],
            means: vec![0.0; n],
            starts: None,
            cases,
        })
    }

    /// Judges the week at a place from the weeks before it.
    pub(crate) fn point(&mut self, place: usize) -> Result<WeeklyPoint, Unjudged> {
        let n = place
            .checked_sub(self.method.n_left_out)
            .ok_or(Unjudged::ShortPast)?;
        if n < self.method.min_points || place >= self.cases.len() {
            return Err(Unjudged::ShortPast);
        }
        let (fitted, phi) = self.fit(n)?;
        let window = |weeks| {
            self.window(&fitted, phi, place, weeks)
                .ok_or(Unjudged::NoBound)
        };
        let windows = [window(1)?, window(2)?, window(3)?];
        let costs = windows.iter().zip(self.method.window_costs).enumerate();
        let paid = costs
            .map(|(weeks, (window, cost)): (usize, (&Window, f64))| (weeks + 1, cost * window.p));
        let (best, p) = paid.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((1, 1.0));
        let recent: u64 = self.cases[(place + 1).saturating_sub(4)..=place]
            .iter()
            .sum();
        let is_alarm = p < self.method.alpha && recent >= self.method.min_cases;
        Ok(WeeklyPoint {
            windows,
            best,
            p: p.min(1.0),
            phi,
            is_alarm,
        })
    }

    /// How many terms the first rows can carry.
    fn n_terms(&mut self, n: usize) -> Result<usize, Unjudged> {
        let cases: f64 = self.counts[..n].iter().sum();
        if cases <= 0.0 {
            return Err(Unjudged::FewCases);
        }
        let recent = self.method.n_level_points;
        let has_recent = recent > 0 && n >= recent.saturating_mul(LEVELS_IN_PAST);
        if has_recent {
            self.course.set_recent(n - recent);
        }
        let full = self.course.n_terms + usize::from(has_recent);
        Ok(match cases {
            _ if cases >= CASES_PER_TERM * real_len(full) => full,
            _ if cases >= 2.0 * CASES_PER_TERM => 2,
            _ => 1,
        })
    }

    /// Fits the first rows twice, the second time with large residuals weighted down; gives the dispersion too.
    fn fit(&mut self, n: usize) -> Result<(Fitted, f64), Unjudged> {
        let n_terms = self.n_terms(n)?;
        let starts = match self.starts {
            Some((terms, first, second)) if terms == n_terms => (first, second),
            _ => {
                let mut level = [0.0; MAX_TERMS];
                let people: f64 = self.exposure[..n].iter().sum();
                level[0] = (self.counts[..n].iter().sum::<f64>() / people).ln();
                (level, level)
            }
        };
        self.weights[..n].fill(1.0);
        let first = self.fit_once(n, n_terms, starts.0)?;
        let phi = self.dispersion(n, n_terms);
        self.reweight(n, n_terms, phi);
        let second = self.fit_once(n, n_terms, starts.1)?;
        self.starts = Some((n_terms, first.coefficients, second.coefficients));
        Ok((second, self.dispersion(n, n_terms)))
    }

    /// One fit of the first rows with the present weights.
    fn fit_once(&mut self, n: usize, n_terms: usize, start: Terms) -> Result<Fitted, Unjudged> {
        let mut rows = Rows {
            terms: &self.course.rows[..n],
            counts: &self.counts[..n],
            exposure: &self.exposure[..n],
            weights: &self.weights[..n],
            means: &mut self.means[..n],
        };
        fit(&mut rows, n_terms, start).ok_or(Unjudged::Model(GlmError::NotConverged))
    }

    /// Pearson's dispersion of the first rows, at least 1.
    fn dispersion(&self, n: usize, n_terms: usize) -> f64 {
        let rows = self.counts[..n].iter().zip(&self.means).zip(&self.weights);
        let squares: f64 = rows
            .map(|((y, mean), weight)| weight * (y - mean).powi(2) / mean)
            .sum();
        (squares / real_len(n - n_terms)).max(1.0)
    }

    /// Weights down the rows with large Anscombe residuals, each leverage taken as the average one.
    ///
    /// An Anscombe residual above 0 is below Pearson's, so most rows need no fractional power.
    fn reweight(&mut self, n: usize, n_terms: usize, phi: f64) {
        let left = phi * (1.0 - real_len(n_terms) / real_len(n));
        let least = self.method.reweight_above.powi(2) * left;
        let mut sum = 0.0;
        for ((y, mean), weight) in self.counts[..n]
            .iter()
            .zip(&self.means)
            .zip(&mut self.weights)
        {
            if *y > *mean && (y - mean).powi(2) > least * mean {
                let sixth = mean.powf(1.0 / 6.0);
                let square = (1.5 * (y.cbrt().powi(2) / sixth - sixth.powi(3))).powi(2);
                *weight = weight_of(square, left, self.method.reweight_above);
            }
            sum += *weight;
        }
        let gamma = real_len(n) / sum;
        for weight in &mut self.weights[..n] {
            *weight *= gamma;
        }
    }

    /// The window of so many weeks that ends in a place.
    fn window(&self, fitted: &Fitted, phi: f64, place: usize, weeks: usize) -> Option<Window> {
        let mut gradient = [0.0; MAX_TERMS];
        let (mut observed, mut expected) = (0, 0.0);
        for past in (place + 1).saturating_sub(weeks)..=place {
            let terms = &self.course.rows[past];
            let mean = fitted.mean(terms, self.exposure[past]);
            for (sum, term) in gradient.iter_mut().zip(terms) {
                *sum += mean * term;
            }
            observed += self.cases[past];
            expected += mean;
        }
        let variance = phi * (expected + fitted.quadratic(gradient));
        let prediction = Prediction {
            mean: expected,
            error: 0.0,
            phi: (variance / expected).max(1.0),
        };
        let Judged {
            upper, p, p_equal, ..
        } = judge(
            Bound::NbPlugin,
            prediction,
            observed,
            (self.method.alpha, 0.0),
        )?;
        Some(Window {
            observed,
            expected,
            upper,
            p: p - 0.5 * p_equal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use crate::stats::invented::{JUDGED, invent, scenarios};
    use proptest::prelude::*;

    /// A judge of a series without exposure.
    fn weekly(cases: Vec<u64>) -> WeeklyJudge {
        let exposure = vec![1.0; cases.len()];
        WeeklyJudge::new(Weekly::default(), cases, exposure).unwrap()
    }

    #[test]
    fn two_weeks_that_are_each_bearable_are_an_alarm_together() {
        // A level of about 10 with Poisson-like noise; 18 in one week is not an alarm, twice in a row it is.
        let mut cases: Vec<u64> = [7, 12, 9, 14, 10, 6, 11, 13, 8, 10].repeat(15);
        cases.extend([18, 18]);
        let mut judge = weekly(cases);
        let first = judge.point(150).unwrap();
        let second = judge.point(151).unwrap();
        assert!(!first.is_alarm && first.p > 0.004);
        assert!(second.is_alarm && second.best == 2);
        assert_close(second.windows[1].expected, 20.0, 0.05);
        assert_eq!(second.best_window().observed, 36);
    }

    #[test]
    fn the_level_is_that_of_the_last_year_after_a_step() {
        let season = [18, 20, 22, 20];
        let cases: Vec<u64> = (0..400)
            .map(|t| season[t % 4] * if t < 300 { 1 } else { 2 })
            .collect();
        let point = weekly(cases).point(399).unwrap();
        assert_close(point.windows[0].expected, 40.0, 0.05);
        assert!(!point.is_alarm);
    }

    #[test]
    fn a_series_without_cases_or_with_a_short_past_is_not_judged() {
        assert_eq!(weekly(vec![0; 200]).point(199), Err(Unjudged::FewCases));
        assert_eq!(weekly(vec![3; 200]).point(100), Err(Unjudged::ShortPast));
    }

    #[test]
    fn judging_a_week_alone_gives_what_judging_all_before_it_gives() {
        for (seed, scenario) in scenarios().iter().enumerate().step_by(5) {
            let series = invent(scenario, 5.0, u64::try_from(seed).unwrap()).full;
            let mut running = weekly(series.clone());
            let all: Vec<_> = JUDGED.map(|place| running.point(place)).collect();
            for place in JUDGED.step_by(7) {
                let alone = weekly(series.clone()).point(place).unwrap();
                let before = all[place - JUDGED.start].unwrap();
                assert_close(alone.p, before.p, 1e-8);
                assert_close(alone.phi, before.phi, 1e-9);
                assert_eq!(alone.is_alarm, before.is_alarm);
            }
        }
    }

    /// The bound that the defaults were chosen for: as many false alarms as Farrington flexible has at 0.005.
    #[test]
    fn clean_invented_series_give_about_seven_false_alarms_in_a_thousand_weeks() {
        let alarms = |(number, scenario): (usize, &crate::stats::invented::Scenario)| {
            let seeds = (0..4).map(|n| 77_000 + 10 * u64::try_from(number).unwrap() + n);
            let judges = seeds.map(|seed| weekly(invent(scenario, 5.0, seed).clean));
            let is_alarm = |judge: &mut WeeklyJudge, place| {
                judge
                    .point(place)
                    .is_ok_and(|point: WeeklyPoint| point.is_alarm)
            };
            judges
                .map(|mut judge| JUDGED.filter(|place| is_alarm(&mut judge, *place)).count())
                .sum::<usize>()
        };
        let n_alarms: usize = scenarios().iter().enumerate().map(alarms).sum();
        let share = real_len(n_alarms) / real_len(42 * 4 * JUDGED.len());
        assert!((0.004..0.010).contains(&share), "{share}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn more_cases_in_the_judged_week_never_raise_p(
            cases in prop::collection::vec(1_u64..30, 130), more in 1_u64..20,
        ) {
            let mut raised = cases.clone();
            raised[129] += more;
            let before = weekly(cases).point(129).unwrap();
            let after = weekly(raised).point(129).unwrap();
            prop_assert!(after.p <= before.p + 1e-12);
        }
    }
}
