//! Which needs are rising, and in which districts: false-discovery control down a tree.
//!
//! Most needs rise nowhere, and one that rises usually does so in several districts. Testing every cell
//! of needs × districts alike ignores this, and says nothing about how many of the *needs* flagged are
//! false. Here a need is tested first, by the Simes p-value of its districts; only the districts of the
//! needs found are tested next, at a level that pays for having chosen those needs:
//!
//! ```text
//! level 1   need A    need B    need C     Benjamini–Hochberg at q
//!            found      —        found     2 of 3 found
//! level 2   a b c d              a b c     Benjamini–Hochberg in each, at q · 2/3
//! ```
//!
//! This is the procedure of Bogomolov, Peterson, Benjamini and Sabatti (2021, Biometrika 108:575,
//! "Hypotheses on a tree"); with two levels it is that of Benjamini and Bogomolov (2014, J. R. Statist. Soc.
//! B 76:297). It bounds two things by `q`: the share of false needs among those found, and the share of
//! false districts, averaged over the needs found. The alternative, Yekutieli (2008, J. Am. Statist. Ass.
//! 103:309), tests every family at the full level and bounds the share of false discoveries over the tree
//! by a multiple of it only (2·1.44 `q`), which says nothing about a single need.

use super::super::real_len;
use super::benjamini_hochberg;

/// A tree of tests over leaves that have p-values.
///
/// `parents[0]` has the place on the level above of each node of the second level, and so on down; the
/// last list is that of the leaves. The nodes of the first level have no parent. Each list refers to
/// places below the number of nodes of the level above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Number of nodes of the first level.
    n_roots: usize,
    /// For every further level, the parent of each node.
    parents: Vec<Vec<usize>>,
}

/// Why a tree or its p-values cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TreeError {
    /// A node names a parent that is not there.
    #[error("node {node} of level {level} has no parent on the level above")]
    Orphan {
        /// The level, the first being 1.
        level: usize,
        /// The node's place on it.
        node: usize,
    },
    /// There are not as many p-values as leaves, or one is outside 0 to 1.
    #[error("every one of the {n_leaves} leaves needs a p-value from 0 to 1")]
    PValues {
        /// How many leaves there are.
        n_leaves: usize,
    },
}

/// What was decided about the nodes of one level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LevelDecision {
    /// The p-value of each node: Simes' over the leaves below, or the leaf's own.
    pub(crate) p_values: Vec<f64>,
    /// The q-value of each node within its family, adjusted for the families chosen above: found if at
    /// most the level `q`, and of use at that level only. Nothing where the parent was not found.
    pub(crate) q_values: Vec<Option<f64>>,
    /// Whether each node was found.
    pub(crate) is_found: Vec<bool>,
}

impl Tree {
    /// Checks that every node has its parent.
    pub(crate) fn new(n_roots: usize, parents: Vec<Vec<usize>>) -> Result<Self, TreeError> {
        let mut n_above = n_roots;
        for (at, level) in parents.iter().enumerate() {
            if let Some(node) = level.iter().position(|parent| *parent >= n_above) {
                return Err(TreeError::Orphan {
                    level: at + 2,
                    node,
                });
            }
            n_above = level.len();
        }
        Ok(Self { n_roots, parents })
    }

    /// The two levels of needs and cells: `need` has the place of each cell's need.
    pub(crate) fn of_families(need: Vec<usize>) -> Result<Self, TreeError> {
        let n_needs = need.iter().max().map_or(0, |last| last + 1);
        Self::new(n_needs, vec![need])
    }

    /// How many leaves there are.
    fn n_leaves(&self) -> usize {
        self.parents.last().map_or(self.n_roots, Vec::len)
    }

    /// Decides level by level, each at the same `q`.
    ///
    /// The family below a node found is tested at `q` times, over the node and its forebears, the product of
    /// the share of their own family that was found.
    pub(crate) fn decide(&self, p_values: &[f64], q: f64) -> Result<Vec<LevelDecision>, TreeError> {
        let is_usable = p_values.iter().all(|p| (0.0..=1.0).contains(p));
        if p_values.len() != self.n_leaves() || !is_usable {
            return Err(TreeError::PValues {
                n_leaves: self.n_leaves(),
            });
        }
        let levels = self.level_p_values(p_values);
        let mut decisions = Vec::with_capacity(levels.len());
        // The share of the level that each family may use; the first level is one family.
        let mut shares = vec![Some(1.0)];
        let one_family = vec![0; self.n_roots];
        let families = std::iter::once(&one_family).chain(&self.parents);
        for (family, p_values) in families.zip(levels) {
            let (decision, below) = decide_level(family, p_values, &shares, q);
            decisions.push(decision);
            shares = below;
        }
        Ok(decisions)
    }

    /// The p-values of every level from the top: Simes' over all leaves below a node.
    fn level_p_values(&self, leaves: &[f64]) -> Vec<Vec<f64>> {
        let mut above: Vec<usize> = (0..leaves.len()).collect();
        let mut levels = vec![leaves.to_vec()];
        for (at, parents) in self.parents.iter().enumerate().rev() {
            for place in &mut above {
                *place = parents.get(*place).copied().unwrap_or(0);
            }
            let n_nodes = match at.checked_sub(1) {
                Some(level) => self.parents.get(level).map_or(0, Vec::len),
                None => self.n_roots,
            };
            let members = members(&above, n_nodes);
            let of_node = |members: &Vec<usize>| simes(&picked(leaves, members));
            levels.push(members.iter().map(of_node).collect());
        }
        levels.reverse();
        levels
    }
}

/// Tests the families of one level, and says which share of the level those below each node may use.
fn decide_level(
    family: &[usize],
    p_values: Vec<f64>,
    shares: &[Option<f64>],
    q: f64,
) -> (LevelDecision, Vec<Option<f64>>) {
    let mut q_values = vec![None; p_values.len()];
    let mut is_found = vec![false; p_values.len()];
    let mut below = vec![None; p_values.len()];
    for (members, share) in members(family, shares.len()).iter().zip(shares) {
        let Some(share) = share else { continue };
        let adjusted = benjamini_hochberg(&picked(&p_values, members));
        let n_found = adjusted.iter().filter(|value| **value <= q * share).count();
        let share_below = share * real_len(n_found) / real_len(members.len().max(1));
        for (node, value) in members.iter().zip(adjusted) {
            q_values[*node] = Some((value / share).min(1.0));
            is_found[*node] = value <= q * share;
            below[*node] = is_found[*node].then_some(share_below);
        }
    }
    (
        LevelDecision {
            p_values,
            q_values,
            is_found,
        },
        below,
    )
}

/// The places that belong to each of so many families.
fn members(family: &[usize], n_families: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); n_families];
    for (place, family) in family.iter().enumerate() {
        if let Some(list) = members.get_mut(*family) {
            list.push(place);
        }
    }
    members
}

/// The values at the given places.
fn picked(values: &[f64], places: &[usize]) -> Vec<f64> {
    places
        .iter()
        .filter_map(|place| values.get(*place).copied())
        .collect()
}

/// The p-value that nothing is the matter with any of several (Simes 1986, Biometrika 73:751).
///
/// `min over i of p_(i)·n/i`; 1 for none.
pub(crate) fn simes(p_values: &[f64]) -> f64 {
    benjamini_hochberg(p_values).into_iter().fold(1.0, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::ears::normal_upper_tail;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn the_worked_example_by_hand() {
        // Need A: 0.001, 0.020, 0.500, 0.900: Simes min(.004, .040, .667, .900) = .004.
        // Need B: 0.300, 0.400: .4. Need C: 0.010, 0.030, 0.045: min(.030, .045, .045) = .030.
        // Level 1 at q = 0.05: q-values .012, .4, .045: A and C are found, 2 of 3.
        // Level 2 at 0.05·2/3 = .0333: in A .001 (.004 ≤ .0333 < .040), in C .010 (.030 ≤ .0333 < .045).
        let p_values = [
            0.001, 0.020, 0.500, 0.900, 0.300, 0.400, 0.010, 0.030, 0.045,
        ];
        let tree = Tree::of_families(vec![0, 0, 0, 0, 1, 1, 2, 2, 2]).unwrap();
        let [needs, cells] = tree.decide(&p_values, 0.05).unwrap().try_into().unwrap();
        for (found, expected) in needs.p_values.iter().zip([0.004, 0.4, 0.03]) {
            assert_close(*found, expected, 1e-12);
        }
        assert_eq!(needs.is_found, [true, false, true]);
        let found: Vec<usize> = (0..9).filter(|cell| cells.is_found[*cell]).collect();
        assert_eq!(found, [0, 6]);
        assert_close(cells.q_values[1].unwrap(), 0.06, 1e-12);
        assert_close(cells.q_values[6].unwrap(), 0.045, 1e-12);
        assert_eq!(cells.q_values[4], None);
    }

    #[test]
    fn a_third_level_pays_for_both_choices_above() {
        // Areas {A, B}; needs {A1, A2, B1}; cells: two per need. A is found (1 of 2), A1 is found (1 of 2):
        // its cells are tested at 0.08 · 1/2 · 1/2 = 0.02.
        let tree = Tree::new(2, vec![vec![0, 0, 1], vec![0, 0, 1, 1, 2, 2]]).unwrap();
        let p_values = [0.001, 0.021, 0.9, 0.8, 0.7, 0.6];
        let [areas, needs, cells] = tree.decide(&p_values, 0.08).unwrap().try_into().unwrap();
        assert_eq!(areas.is_found, [true, false]);
        assert_eq!(needs.is_found, [true, false, false]);
        assert_eq!(cells.is_found, [true, false, false, false, false, false]);
        assert_close(cells.q_values[1].unwrap(), 0.084, 1e-12);
    }

    /// Shares of false discoveries of one invented month.
    struct Shares {
        /// Among the needs found.
        needs: f64,
        /// Among the districts found, averaged over the needs found.
        within_needs: f64,
        /// True cells found, of all true cells.
        power: f64,
    }

    /// A month of 40 needs × 50 districts, in which 8 needs rise in 15 districts each.
    fn month(rng: &mut ChaCha8Rng, q: f64) -> Shares {
        let (n_needs, n_districts, n_true, n_risen) = (40, 50, 8, 15);
        let is_true = |cell: usize| cell / n_districts < n_true && cell % n_districts < n_risen;
        let p_values: Vec<f64> = (0..n_needs * n_districts)
            .map(|cell| {
                let noise: f64 = StandardNormal.sample(rng);
                normal_upper_tail(noise + if is_true(cell) { 3.0 } else { 0.0 })
            })
            .collect();
        let family = (0..n_needs * n_districts)
            .map(|cell| cell / n_districts)
            .collect();
        let levels = Tree::of_families(family)
            .unwrap()
            .decide(&p_values, q)
            .unwrap();
        let needs: Vec<usize> = (0..n_needs)
            .filter(|need| levels[0].is_found[*need])
            .collect();
        let n_found = real_len(needs.len().max(1));
        let false_needs = needs.iter().filter(|need| **need >= n_true).count();
        let (mut within, mut n_hits) = (0.0, 0);
        for need in &needs {
            let cells = need * n_districts..(need + 1) * n_districts;
            let found: Vec<usize> = cells.filter(|cell| levels[1].is_found[*cell]).collect();
            let n_false = found.iter().filter(|cell| !is_true(**cell)).count();
            within += real_len(n_false) / real_len(found.len().max(1));
            n_hits += found.len() - n_false;
        }
        Shares {
            needs: real_len(false_needs) / n_found,
            within_needs: within / n_found,
            power: real_len(n_hits) / real_len(n_true * n_risen),
        }
    }

    #[test]
    fn in_simulated_months_both_rates_hold_and_the_true_cells_are_found() {
        let mut rng = ChaCha8Rng::seed_from_u64(20_210_101);
        let n_months = 400;
        let months: Vec<Shares> = (0..n_months).map(|_| month(&mut rng, 0.1)).collect();
        let mean =
            |part: fn(&Shares) -> f64| months.iter().map(part).sum::<f64>() / f64::from(n_months);
        let error = |part: fn(&Shares) -> f64| {
            let mean = mean(part);
            let squares: f64 = months
                .iter()
                .map(|month| (part(month) - mean).powi(2))
                .sum();
            squares.sqrt() / f64::from(n_months)
        };
        let needs: fn(&Shares) -> f64 = |month| month.needs;
        let within: fn(&Shares) -> f64 = |month| month.within_needs;
        assert!(
            mean(needs) <= 0.1 + 3.0 * error(needs),
            "needs {}",
            mean(needs)
        );
        assert!(
            mean(within) <= 0.1 + 3.0 * error(within),
            "within {}",
            mean(within)
        );
        assert!(mean(|month| month.power) > 0.3);
        // The procedure uses what it is allowed: a rate far below would be another mistake.
        assert!(mean(needs) > 0.05, "needs {}", mean(needs));
    }

    #[test]
    fn where_nothing_rises_a_need_is_found_in_about_one_month_in_ten() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let family: Vec<usize> = (0..600).map(|cell| cell / 30).collect();
        let tree = Tree::of_families(family).unwrap();
        let n_months = 1000;
        let mut n_found = 0;
        for _ in 0..n_months {
            let p_values: Vec<f64> = (0..600).map(|_| rng.random()).collect();
            let levels = tree.decide(&p_values, 0.1).unwrap();
            n_found += i32::from(levels[0].is_found.iter().any(|is_found| *is_found));
        }
        // Simes' p-values of independent tests are uniform, so the chance is 0.1 exactly.
        let share = f64::from(n_found) / f64::from(n_months);
        assert!(
            (share - 0.1).abs() < 3.0 * (0.09 / f64::from(n_months)).sqrt(),
            "{share}"
        );
    }

    proptest! {
        #[test]
        fn no_cell_is_found_under_a_need_that_was_not(
            cells in proptest::collection::vec((0..6_usize, 0.0..0.2_f64), 1..60)
        ) {
            let (family, p_values): (Vec<usize>, Vec<f64>) = cells.into_iter().unzip();
            let levels = Tree::of_families(family.clone()).unwrap().decide(&p_values, 0.05).unwrap();
            for (cell, need) in family.iter().enumerate() {
                prop_assert!(levels[0].is_found[*need] || !levels[1].is_found[cell]);
                prop_assert_eq!(levels[1].q_values[cell].is_some(), levels[0].is_found[*need]);
            }
        }
    }

    #[test]
    fn a_tree_with_an_orphan_or_a_missing_p_value_is_refused() {
        assert_eq!(
            Tree::new(1, vec![vec![0, 1]]),
            Err(TreeError::Orphan { level: 2, node: 1 })
        );
        let tree = Tree::of_families(vec![0, 0]).unwrap();
        assert_eq!(
            tree.decide(&[0.1], 0.05),
            Err(TreeError::PValues { n_leaves: 2 })
        );
        assert_eq!(
            tree.decide(&[0.1, f64::NAN], 0.05),
            Err(TreeError::PValues { n_leaves: 2 })
        );
        assert!(
            Tree::of_families(Vec::new())
                .unwrap()
                .decide(&[], 0.05)
                .is_ok()
        );
    }
}
