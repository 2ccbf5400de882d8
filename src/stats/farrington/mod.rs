//! Farrington flexible: is this week's count above what the same season of past years leads one to expect?
//!
//! Noufaily et al. (2013, Statist. Med. 32:1206), after Farrington et al. (1996, J. R. Statist. Soc. A 159:547).
//! A quasi-Poisson model with a level per season block and a trend is fitted to the past years, once more with
//! past outbreaks weighted down, and predicts the judged point:
//!
//! ```text
//! log μ = α_season + β t + log(exposure)          φ = max(1, Σ ω (y−μ)²/μ / (n−q))
//! ω = γ s⁻² where the Anscombe residual s exceeds 2.58, else γ, Σ ω = n
//! alarm if y > U and the last 4 counts sum to at least 5;   score (y−μ)/(U−μ)
//! ```
//!
//! Where the R package `surveillance` departs from the paper, the paper's way is the default and the package's a
//! named choice (`Dispersion`, `TrendRule`).

/// Bounds and tails.
pub(crate) mod bound;
/// Reference points, windows and season blocks.
pub(crate) mod calendar;

use statrs::distribution::{ContinuousCDF, StudentsT};

use self::bound::{Bound, Prediction};
use self::calendar::{Calendar, Shape};
use super::ears::normal_quantile;
use super::glm::{Block, Counts, Design, Fit, Glm, GlmError, Trend};
use super::real;

/// When the trend stays in the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TrendRule {
    /// Always, unless the baseline's points with cases span less than a year.
    Paper,
    /// With three years at least, `p < max_p`, and no prediction above the largest count of the baseline.
    Package {
        /// The largest probability of the trend's t-test, exclusive; at 1 there is no test.
        max_p: f64,
    },
    /// Never.
    Never,
}

/// The dispersion in the standard error of `log μ` and in the t-test of the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dispersion {
    /// `φ`, as the model says.
    Proper,
    /// `Σ ω ((y−μ)/μ)²/(n−q)`, what the R package's reweighted model answers.
    Package,
}

/// Whether the further rules of the authors' own program apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Those of the paper alone.
    Paper,
    /// Also: `U` is at least 1; zeros before the first case are dropped; nothing is fitted with fewer than two points
    /// with cases or less than two years and four points since the first; one point more before the first window.
    Authors,
}

/// The choices of the method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Farrington {
    /// Years back, `b`.
    pub(crate) n_years: usize,
    /// Half-width of the windows, `w`.
    pub(crate) half_width: usize,
    /// Season levels.
    pub(crate) n_levels: usize,
    /// Points before the judged one that are left out.
    pub(crate) n_left_out: usize,
    /// Anscombe residuals above this are weighted down.
    pub(crate) reweight_above: f64,
    /// When the trend stays.
    pub(crate) trend: TrendRule,
    /// How the bound is computed.
    pub(crate) bound: Bound,
    /// The nominal share of false alarms.
    pub(crate) alpha: f64,
    /// The least number of cases in the last points, and how many points those are; the judged one is the last of them.
    pub(crate) min_cases: (u64, usize),
    /// The dispersion in standard errors.
    pub(crate) dispersion: Dispersion,
    /// Whose rules.
    pub(crate) rules: Rules,
}

impl Default for Farrington {
    fn default() -> Self {
        Self {
            n_years: 5,
            half_width: 3,
            n_levels: 10,
            n_left_out: 26,
            reweight_above: 2.58,
            trend: TrendRule::Paper,
            bound: Bound::NbPlugin,
            alpha: 0.005,
            min_cases: (5, 4),
            dispersion: Dispersion::Proper,
            rules: Rules::Paper,
        }
    }
}

/// Why a point is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unjudged {
    /// The series does not reach back far enough, or the point is not in it.
    #[error("the past is shorter than the baseline")]
    ShortPast,
    /// Too few points with cases, or too short a time since the first.
    #[error("too few cases in the baseline")]
    FewCases,
    /// The mean or the bound is beyond all counts.
    #[error("the mean or its bound is beyond all counts")]
    NoBound,
    /// No model could be fitted.
    #[error("the model of the baseline could not be fitted")]
    Model(#[source] GlmError),
}

/// Whether the baseline says anything of the judged season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Season {
    /// It holds cases in that season.
    Seen,
    /// It holds none (separation), so that `μ` is zero but for the stopping rule.
    Unseen,
}

/// What is said of one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// The count.
    pub(crate) observed: u64,
    /// The fitted mean `μ`.
    pub(crate) expected: f64,
    /// The bound `U`.
    pub(crate) upper: f64,
    /// Whether `y > U` with enough cases.
    pub(crate) is_alarm: bool,
    /// Whether the last points hold enough cases.
    pub(crate) has_cases: bool,
    /// The chance of a count at least as high.
    pub(crate) p: f64,
    /// The mean of the law that `U` is a quantile of.
    pub(crate) law_mean: f64,
    /// The dispersion `φ`.
    pub(crate) phi: f64,
    /// The standard error of `log μ`.
    pub(crate) error: f64,
    /// The trend per point, if it stayed.
    pub(crate) trend: Option<f64>,
    /// The t statistic of the trend and its degrees of freedom, if one was fitted.
    pub(crate) trend_test: Option<(f64, f64)>,
    /// Whether the baseline holds cases in the judged season.
    pub(crate) season: Season,
}

impl Point {
    /// `(y−μ)/(U−μ)`: above 1 is above the bound. Nothing where the bound is no larger than the mean.
    pub(crate) fn score(&self) -> Option<f64> {
        let width = self.upper - self.expected;
        (width > 0.0).then(|| (real(self.observed) - self.expected) / width)
    }

    /// The probability of the trend's t-test, two-sided.
    pub(crate) fn trend_p(&self) -> Option<f64> {
        self.trend_test.and_then(|(t, degrees)| t_test(t, degrees))
    }
}

/// The two-sided probability of a t statistic.
fn t_test(t: f64, degrees: f64) -> Option<f64> {
    let law = StudentsT::new(0.0, 1.0, degrees).ok()?;
    Some(2.0 * law.sf(t.abs()))
}

/// A series ready to be judged: counts with their exposure, and how the points lie in time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// The counts.
    cases: Vec<u64>,
    /// Counts and exposure with what the fits need of them.
    counts: Counts,
    /// The exposure, if it matters.
    exposure: Option<Vec<f64>>,
    /// How the points lie in time.
    calendar: Calendar,
}

/// Why a series cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeriesError {
    /// As many exposures as counts are needed.
    #[error("{found} exposures for {wanted} counts")]
    Length {
        /// How many there are.
        found: usize,
        /// How many counts there are.
        wanted: usize,
    },
    /// An exposure is not positive.
    #[error("the exposure at place {place} is not a positive number")]
    Exposure {
        /// Its place.
        place: usize,
    },
}

/// Whether there are as many exposures as wanted, all positive.
pub(crate) fn check_exposure(exposure: &[f64], wanted: usize) -> Result<(), SeriesError> {
    if exposure.len() != wanted {
        return Err(SeriesError::Length {
            found: exposure.len(),
            wanted,
        });
    }
    let is_bad = |people: &f64| !(*people > 0.0 && people.is_finite());
    match exposure.iter().position(is_bad) {
        Some(place) => Err(SeriesError::Exposure { place }),
        None => Ok(()),
    }
}

impl Series {
    /// Checks and keeps the counts, and the exposures if the expectation should follow them.
    pub(crate) fn new(
        cases: Vec<u64>,
        exposure: Option<Vec<f64>>,
        calendar: Calendar,
    ) -> Result<Self, SeriesError> {
        if let Some(exposure) = &exposure {
            check_exposure(exposure, cases.len())?;
        }
        let y = cases.iter().map(|count| real(*count)).collect();
        let counts = Counts::new(y, exposure.as_deref());
        Ok(Self {
            cases,
            counts,
            exposure,
            calendar,
        })
    }

    /// How many points there are.
    pub(crate) fn n_points(&self) -> usize {
        self.cases.len()
    }

    /// The exposure at a place.
    fn exposure(&self, place: usize) -> f64 {
        self.exposure
            .as_ref()
            .map_or(1.0, |exposure| exposure[place])
    }
}

/// A row of a baseline, as the two fits see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    /// The place in the series.
    pub(crate) place: usize,
    /// Points since the first row.
    pub(crate) time: usize,
    /// The season level, counted from 0.
    pub(crate) level: usize,
    /// The mean of the first fit.
    pub(crate) first_mean: f64,
    /// The leverage in the first fit.
    pub(crate) leverage: f64,
    /// The Anscombe residual of the first fit.
    pub(crate) anscombe: f64,
    /// The weight in the second fit.
    pub(crate) weight: f64,
    /// The mean of the second fit.
    pub(crate) mean: f64,
}

/// A model after its second fit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Model {
    /// The second fit.
    fit: Fit,
    /// Its dispersion, at least 1.
    phi: f64,
    /// The dispersion of standard errors.
    error_dispersion: f64,
    /// Whether it has a trend.
    trend: Trend,
    /// `log μ` of the judged point, with its offset.
    eta: f64,
    /// Its variance before dispersion.
    variance: f64,
}

/// The judge: the choices, the normal quantile, and buffers used from point to point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judge {
    /// The choices.
    method: Farrington,
    /// The normal quantile of `1 − α`.
    z: f64,
    /// The baseline of the point at hand.
    blocks: Vec<Block>,
    /// The buffers of the fits.
    glm: Glm,
}

impl Judge {
    /// A judge with the given choices.
    pub(crate) fn new(method: Farrington) -> Self {
        let z = normal_quantile(1.0 - method.alpha);
        Self {
            method,
            z,
            blocks: Vec::new(),
            glm: Glm::default(),
        }
    }

    /// Judges the point at a place of the series from the points before it.
    pub(crate) fn point(&mut self, series: &Series, place: usize) -> Result<Point, Unjudged> {
        self.set_baseline(series, place)?;
        let (model, trend_test) = self.model(series, place)?;
        let observed = series.cases[place];
        let prediction = Prediction {
            mean: model.eta.exp(),
            error: (model.error_dispersion * model.variance).sqrt(),
            phi: model.phi,
        };
        let level = (self.method.alpha, self.z);
        let judged = bound::judge(self.method.bound, prediction, observed, level);
        let mut judged = judged.ok_or(Unjudged::NoBound)?;
        if self.method.rules == Rules::Authors {
            judged.upper = judged.upper.max(1.0);
        }
        let (min_cases, n_points) = self.method.min_cases;
        let recent = &series.cases[(place + 1).saturating_sub(n_points)..=place];
        let has_cases = recent.iter().sum::<u64>() >= min_cases;
        let is_separated = self.glm.is_separated(self.method.n_levels - 1);
        let season = if is_separated {
            Season::Unseen
        } else {
            Season::Seen
        };
        Ok(Point {
            observed,
            expected: prediction.mean,
            upper: judged.upper,
            is_alarm: has_cases && real(observed) > judged.upper,
            has_cases,
            p: judged.p,
            law_mean: judged.law_mean,
            phi: model.phi,
            error: prediction.error,
            trend: (model.trend == Trend::Fitted).then_some(model.fit.trend),
            trend_test,
            season,
        })
    }

    /// Finds the blocks of the baseline, or says why there is none.
    fn set_baseline(&mut self, series: &Series, place: usize) -> Result<(), Unjudged> {
        let method = self.method;
        let years = method.n_years.saturating_mul(series.calendar.period());
        let reach = years.saturating_add(method.half_width);
        if place < reach || place >= series.n_points() || method.n_levels == 0 {
            return Err(Unjudged::ShortPast);
        }
        let is_authors = method.rules == Rules::Authors;
        let shape = Shape {
            n_years: method.n_years,
            half_width: method.half_width,
            n_levels: method.n_levels,
            n_left_out: method.n_left_out,
            lead: usize::from(is_authors),
        };
        series.calendar.blocks(place, shape, &mut self.blocks);
        if is_authors {
            self.drop_leading_zeros(series, place)?;
        }
        Ok(())
    }

    /// The authors' rule for series that begin late.
    fn drop_leading_zeros(&mut self, series: &Series, place: usize) -> Result<(), Unjudged> {
        let with_cases = || {
            let places = self.blocks.iter().flat_map(|block| block.first..block.end);
            places.filter(|place| series.cases[*place] > 0)
        };
        let first = with_cases().next().ok_or(Unjudged::FewCases)?;
        let least = 2 * series.calendar.period() + 4;
        if with_cases().nth(1).is_none() || place - first < least {
            return Err(Unjudged::FewCases);
        }
        self.blocks.retain(|block| block.end > first);
        for block in &mut self.blocks {
            block.first = block.first.max(first);
        }
        Ok(())
    }

    /// The model that the trend rule leaves, and the test of the trend if one was fitted.
    fn model(
        &mut self,
        series: &Series,
        place: usize,
    ) -> Result<(Model, Option<(f64, f64)>), Unjudged> {
        let wants_trend = match self.method.trend {
            TrendRule::Never => false,
            TrendRule::Package { .. } => true,
            TrendRule::Paper => self.spans_a_year(series),
        };
        let with_trend = if wants_trend {
            self.fit(series, place, Trend::Fitted).ok()
        } else {
            None
        };
        let Some(model) = with_trend else {
            return Ok((self.fit(series, place, Trend::Absent)?, None));
        };
        let error = model
            .fit
            .trend_variance
            .map(|variance| (variance * model.error_dispersion).sqrt());
        let test = error.map(|error| (model.fit.trend / error, model.fit.degrees_left));
        if self.keeps_trend(series, &model, test) {
            return Ok((model, test));
        }
        Ok((self.fit(series, place, Trend::Absent)?, test))
    }

    /// Whether the baseline's points with cases span a year.
    fn spans_a_year(&self, series: &Series) -> bool {
        let mut places = self.blocks.iter().flat_map(|block| block.first..block.end);
        let first = places.clone().find(|place| series.cases[*place] > 0);
        let last = places.rfind(|place| series.cases[*place] > 0);
        let span = last.zip(first).map_or(0, |(last, first)| last - first);
        span >= series.calendar.period()
    }

    /// Whether a fitted trend stays.
    fn keeps_trend(&self, series: &Series, model: &Model, test: Option<(f64, f64)>) -> bool {
        let TrendRule::Package { max_p } = self.method.trend else {
            return true;
        };
        let is_significant = max_p >= 1.0
            || test
                .and_then(|(t, degrees)| t_test(t, degrees))
                .is_some_and(|p| p < max_p);
        let cases = self
            .blocks
            .iter()
            .flat_map(|block| &series.cases[block.first..block.end]);
        let largest = cases.max().copied().unwrap_or(0);
        self.method.n_years >= 3 && is_significant && model.eta.exp() <= real(largest)
    }

    /// Fits twice, the second time with large residuals weighted down.
    fn fit(&mut self, series: &Series, place: usize, trend: Trend) -> Result<Model, Unjudged> {
        let (counts, glm) = (&series.counts, &mut self.glm);
        let design = Design {
            blocks: &self.blocks,
            n_levels: self.method.n_levels,
            trend,
        };
        let first = glm.fit(counts, design).map_err(Unjudged::Model)?;
        let phi = glm.dispersion(counts, design, first).max(1.0);
        let fit = glm
            .refit(counts, design, (phi, self.method.reweight_above))
            .map_err(Unjudged::Model)?;
        let phi = glm.dispersion(counts, design, fit).max(1.0);
        let error_dispersion = match self.method.dispersion {
            Dispersion::Proper => phi,
            Dispersion::Package => glm.relative_dispersion(counts, design, fit),
        };
        let (eta, variance) = glm.predict(place, self.method.n_levels - 1, design);
        let eta = eta + series.exposure(place).ln();
        Ok(Model {
            fit,
            phi,
            error_dispersion,
            trend,
            eta,
            variance,
        })
    }

    /// The rows of the baseline of a place, with what both fits of the model with trend say of them.
    pub(crate) fn rows(&mut self, series: &Series, place: usize) -> Result<Vec<Row>, Unjudged> {
        self.set_baseline(series, place)?;
        let (model, _) = self.model(series, place)?;
        let (counts, trend) = (&series.counts, model.trend);
        let design = Design {
            blocks: &self.blocks,
            n_levels: self.method.n_levels,
            trend,
        };
        let first = self.glm.fit(counts, design).map_err(Unjudged::Model)?;
        let phi = self.glm.dispersion(counts, design, first).max(1.0);
        let start = self.blocks.first().map_or(0, |block| block.first);
        let mut rows = Vec::new();
        for block in &self.blocks {
            for place in block.first..block.end {
                rows.push(Row {
                    place,
                    time: place - start,
                    level: block.level,
                    first_mean: self.glm.mean(place, block.level),
                    leverage: self.glm.leverage(place, block.level, trend),
                    anscombe: self.glm.anscombe(counts, place, (block.level, trend, phi)),
                    weight: 1.0,
                    mean: 0.0,
                });
            }
        }
        self.glm
            .refit(counts, design, (phi, self.method.reweight_above))
            .map_err(Unjudged::Model)?;
        for row in &mut rows {
            row.weight = self.glm.weight(row.place);
            row.mean = self.glm.mean(row.place, row.level);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::{assert_close, number, rows};
    use proptest::prelude::*;

    /// Salmonella Newport, with its dates.
    fn newport(exposure: Option<Vec<f64>>) -> Series {
        let input = rows(include_str!(
            "../../../tests/golden/input/salmNewport_total.csv"
        ));
        let cases = input.iter().map(|row| row[6].parse().unwrap()).collect();
        let first_day = calendar::day_number((2004, 1, 5));
        Series::new(cases, exposure, Calendar::Weekly { first_day }).unwrap()
    }

    #[test]
    fn the_scalars_of_the_detail_file_are_reproduced() {
        let scalars = rows(include_str!(
            "../../../tests/golden/farrington_detail/salmNewport_total_t400_scalars.csv"
        ));
        let scalar = |name: &str| number(&scalars.iter().find(|row| row[0] == name).unwrap()[1]);
        let series = newport(None);
        let mut judge = Judge::new(Farrington::default());
        judge.set_baseline(&series, 399).unwrap();
        let design = Design {
            blocks: &judge.blocks,
            n_levels: 10,
            trend: Trend::Fitted,
        };
        let first = judge.glm.fit(&series.counts, design).unwrap();
        let phi = judge.glm.dispersion(&series.counts, design, first);
        assert_close(real_of(first.n_iterations), scalar("iter0"), 1e-15);
        assert_close(phi, scalar("phi0"), 1e-8);
        let second = judge
            .glm
            .refit(&series.counts, design, (phi, 2.58))
            .unwrap();
        assert_close(real_of(second.n_iterations), scalar("iter1"), 1e-15);
        let intercept = judge.glm.level(0);
        assert_close(intercept, scalar("coef1_(Intercept)"), 1e-8);
        assert_close(second.trend, scalar("coef1_wtime"), 1e-8);
        for level in 1..10 {
            let name = format!("coef1_seasgroups{}", level + 1);
            assert_close(judge.glm.level(level) - intercept, scalar(&name), 1e-8);
        }
        for (dispersion, name) in [
            (Dispersion::Proper, "se_eta_proper"),
            (Dispersion::Package, "se_eta_as_in_surveillance"),
        ] {
            let method = Farrington {
                dispersion,
                ..Farrington::default()
            };
            let point = Judge::new(method).point(&series, 399).unwrap();
            assert_close(point.error, scalar(name), 1e-8);
            assert_close(point.phi, scalar("phi1"), 1e-8);
            assert_close(point.expected, scalar("mu_pred"), 1e-8);
            assert_close(point.expected.ln(), scalar("eta_pred"), 1e-8);
        }
    }

    /// A number of steps as a real number.
    fn real_of(count: usize) -> f64 {
        super::super::real_len(count)
    }

    #[test]
    fn a_constant_exposure_changes_nothing_and_a_doubled_one_doubles_the_expectation() {
        let mut judge = Judge::new(Farrington::default());
        let plain = judge.point(&newport(None), 400).unwrap();
        let constant = judge.point(&newport(Some(vec![250.0; 528])), 400).unwrap();
        assert_close(constant.expected, plain.expected, 1e-9);
        assert_close(constant.phi, plain.phi, 1e-9);
        assert_close(constant.error, plain.error, 1e-7);
        let mut exposure = vec![250.0; 528];
        exposure[400] = 500.0;
        let doubled = judge.point(&newport(Some(exposure)), 400).unwrap();
        assert_close(doubled.expected, 2.0 * plain.expected, 1e-9);
    }

    #[test]
    fn the_score_is_zero_at_the_mean_and_one_at_the_bound() {
        let point = Judge::new(Farrington::default())
            .point(&newport(None), 400)
            .unwrap();
        let at = |observed| {
            Point {
                observed,
                upper: 6.0,
                expected: 2.0,
                ..point
            }
            .score()
        };
        assert_eq!((at(2), at(6)), (Some(0.0), Some(1.0)));
        assert_eq!(
            Point {
                upper: 0.0,
                expected: 0.1,
                ..point
            }
            .score(),
            None
        );
    }

    #[test]
    fn the_authors_rules_refuse_series_with_one_case_and_young_ones() {
        let judge = |cases: Vec<u64>, rules| {
            let series = Series::new(cases, None, Calendar::Periodic { period: 52 }).unwrap();
            Judge::new(Farrington {
                rules,
                ..Farrington::default()
            })
            .point(&series, 299)
        };
        let mut single = vec![0; 300];
        single[100] = 3;
        assert_eq!(judge(single, Rules::Authors), Err(Unjudged::FewCases));
        let young: Vec<u64> = (0..300)
            .map(|t| if t < 200 { 0 } else { 4 + t % 3 })
            .collect();
        assert_eq!(
            judge(young.clone(), Rules::Authors),
            Err(Unjudged::FewCases)
        );
        let old: Vec<u64> = (0..300)
            .map(|t| if t < 100 { 0 } else { 4 + t % 3 })
            .collect();
        // Without its leading zeros the series is level; with them the trend runs away.
        assert_close(
            judge(old.clone(), Rules::Authors).unwrap().expected,
            5.0,
            0.1,
        );
        assert!(judge(old, Rules::Paper).unwrap().expected > 8.0);
    }

    #[test]
    fn the_paper_fits_no_trend_to_cases_of_less_than_a_year() {
        let cases: Vec<u64> = (0..300)
            .map(|t| u64::from((120..160).contains(&t)) * 5)
            .collect();
        let series = Series::new(cases, None, Calendar::Periodic { period: 52 }).unwrap();
        let point = Judge::new(Farrington::default())
            .point(&series, 299)
            .unwrap();
        assert_eq!((point.trend, point.trend_test), (None, None));
    }

    #[test]
    fn exposures_of_another_length_or_of_nobody_are_refused() {
        let calendar = Calendar::Periodic { period: 12 };
        let refused = Series::new(vec![1, 2], Some(vec![1.0]), calendar).unwrap_err();
        assert_eq!(
            refused,
            SeriesError::Length {
                found: 1,
                wanted: 2
            }
        );
        let refused = Series::new(vec![1, 2], Some(vec![1.0, 0.0]), calendar).unwrap_err();
        assert_eq!(refused, SeriesError::Exposure { place: 1 });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_series_is_judged_with_finite_numbers_or_a_reason(
            cases in prop::collection::vec(prop_oneof![3 => Just(0_u64), 2 => 0_u64..4, 1 => 0_u64..100_000], 330),
            bound in prop_oneof![Just(Bound::NbPlugin), Just(Bound::Muan), Just(Bound::Delta)],
        ) {
            let series = Series::new(cases, None, Calendar::Periodic { period: 52 }).unwrap();
            let mut judge = Judge::new(Farrington { bound, ..Farrington::default() });
            for place in 260..330 {
                if let Ok(point) = judge.point(&series, place) {
                    let numbers = [point.expected, point.upper, point.p, point.phi, point.error];
                    prop_assert!(numbers.iter().all(|number| number.is_finite()), "{point:?}");
                    prop_assert!((0.0..=1.0).contains(&point.p) && point.phi >= 1.0);
                }
            }
        }
    }
}
