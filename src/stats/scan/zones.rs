//! The sets of areas that a scan looks at, stored so that sums over all of them cost one addition each.
//!
//! Every zone is another zone plus one area, so the zones form a forest, and its nodes in preorder are
//! swept with a stack of sums. A set that several centers reach is stored once:
//!
//! ```text
//! circles around a: a, ab, abc      a            sums: a
//! circles around b: b, ba, bac      └ ab               a+b
//!                                     └ abc            a+b+c
//!                                   b                  b
//! ```

use std::collections::HashMap;

/// A node of the forest: one set of areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    /// The area that it adds to its parent.
    pub(crate) area: usize,
    /// How many areas it has.
    pub(crate) n_areas: usize,
    /// The node it is made from.
    parent: Option<usize>,
    /// Whether it is a zone to be judged rather than only a step towards one.
    pub(crate) is_judged: bool,
    /// The first center, or the position of the given set, that it belongs to.
    pub(crate) origin: usize,
}

/// The zones of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zones {
    /// How many areas the map has.
    n_areas: usize,
    /// The nodes in preorder.
    nodes: Vec<Zone>,
    /// Per center, or per given set, its judged nodes.
    families: Vec<Vec<usize>>,
    /// Per center or given set, its areas from the nearest to the farthest.
    orders: Vec<Vec<usize>>,
}

/// How areas at the same distance from a center enter its circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ties {
    /// All at once, as a circle does.
    Together,
    /// One by one, in the order of the input.
    InOrder,
}

/// Which circles there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Circles<'a> {
    /// The size of each area, such as its population.
    pub(crate) sizes: &'a [f64],
    /// The largest share of all sizes that a circle may hold.
    pub(crate) max_share: f64,
    /// The most areas that a circle may hold.
    pub(crate) max_areas: usize,
    /// The largest radius.
    pub(crate) max_radius: f64,
    /// What happens at equal distances.
    pub(crate) ties: Ties,
}

/// Distances that differ by less than this part count as equal.
const TIE: f64 = 1e-9;

/// More connected sets than this are not made.
const MOST_SETS: usize = 2_000_000;

/// Sums of sizes may exceed the limit by this part, for rounding.
const SLACK: f64 = 1e-12;

impl Zones {
    /// How many areas the map has.
    pub(crate) fn n_areas(&self) -> usize {
        self.n_areas
    }

    /// The nodes in preorder.
    pub(crate) fn nodes(&self) -> &[Zone] {
        &self.nodes
    }

    /// How many different zones are judged.
    pub(crate) fn n_judged(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_judged).count()
    }

    /// Per center or given set, its judged nodes.
    pub(crate) fn families(&self) -> &[Vec<usize>] {
        &self.families
    }

    /// The areas of a node: from the center outwards for circles, as given for given sets.
    pub(crate) fn members(&self, node: usize) -> Vec<usize> {
        let zone = self.nodes[node];
        let order = self.orders.get(zone.origin);
        if let Some(order) = order.filter(|order| order.len() >= zone.n_areas) {
            return order[..zone.n_areas].to_vec();
        }
        let mut members: Vec<usize> =
            std::iter::successors(Some(zone), |zone| zone.parent.map(|at| self.nodes[at]))
                .map(|zone| zone.area)
                .collect();
        members.reverse();
        members
    }

    /// Circles around every area (Kulldorff and Nagarwalla 1995, Statist. Med. 14:799).
    ///
    /// `distance(i, j)` is that of two areas. The circle around a center grows until the next area would
    /// exceed one of the limits; a center that exceeds the share alone has no circle.
    pub(crate) fn circles(limits: &Circles, distance: impl Fn(usize, usize) -> f64) -> Self {
        let n_areas = limits.sizes.len();
        let most = limits.max_share * limits.sizes.iter().sum::<f64>() * (1.0 + SLACK);
        let mut builder = Builder::new(n_areas);
        for center in 0..n_areas {
            let near = by_distance(n_areas, |area| distance(center, area), center);
            let mut size = 0.0;
            let fits = |(area, radius): &&(usize, f64)| {
                size += limits.sizes[*area];
                size <= most && *radius <= limits.max_radius
            };
            let inside: Vec<(usize, f64)> = near
                .iter()
                .take(limits.max_areas)
                .take_while(fits)
                .copied()
                .collect();
            let ends = |at: usize| match (limits.ties, near.get(at + 1)) {
                (Ties::Together, Some((_, next))) => *next > inside[at].1 * (1.0 + TIE),
                (Ties::Together, None) | (Ties::InOrder, _) => true,
            };
            let order: Vec<usize> = inside.iter().map(|(area, _)| *area).collect();
            builder.chain(center, order, ends);
        }
        builder.finish()
    }

    /// Connected sets around every area (Tango and Takahashi 2005, Int. J. Health Geogr. 4:11).
    ///
    /// For each center all connected sets that hold it and otherwise only some of its `max_areas − 1`
    /// nearest areas. `neighbors[i]` are the areas that touch area `i`. The number of sets grows
    /// exponentially with `max_areas`; the paper uses 15. Nothing when there are more than two million.
    pub(crate) fn flexible(
        neighbors: &[Vec<usize>],
        max_areas: usize,
        distance: impl Fn(usize, usize) -> f64,
    ) -> Option<Self> {
        let n_areas = neighbors.len();
        let mut neighbors = neighbors.to_vec();
        for touching in &mut neighbors {
            touching.sort_unstable();
            touching.dedup();
        }
        let mut builder = Builder::new(n_areas);
        for center in 0..n_areas {
            let near = by_distance(n_areas, |area| distance(center, area), center);
            let mut is_open = vec![false; n_areas];
            for (area, _) in near.iter().take(max_areas).skip(1) {
                is_open[*area] = true;
            }
            let root = builder.judge(center, None, center);
            builder.grow(&neighbors, (center, root), is_open)?;
        }
        builder.orders.clear();
        Some(builder.finish())
    }

    /// Zones given as lists of areas; an empty list is none, and an area out of range is left out.
    pub(crate) fn sets(n_areas: usize, sets: &[Vec<usize>]) -> Self {
        let mut builder = Builder::new(n_areas);
        for (origin, set) in sets.iter().enumerate() {
            let mut order: Vec<usize> =
                set.iter().copied().filter(|area| *area < n_areas).collect();
            order.sort_unstable();
            order.dedup();
            let last = order.len().saturating_sub(1);
            builder.chain(origin, order, |at| at == last);
        }
        builder.finish()
    }

    /// The nodes of a hierarchy, each with all that lies under it (Kulldorff, Fang and Walsh 2003, Biometrics 59:323).
    ///
    /// `parents[i]` is the node above node `i`, nothing for a root. Each node may have cases of its own.
    /// A root that holds everything is judged too; it never scores under a model given the total.
    /// Nothing when the parents run in a circle or out of range.
    pub(crate) fn tree(parents: &[Option<usize>]) -> Option<Self> {
        let mut under = vec![Vec::new(); parents.len()];
        for node in 0..parents.len() {
            // A path longer than there are nodes runs in a circle.
            let mut path =
                std::iter::successors(Some(node), |at| parents.get(*at).copied().flatten());
            for above in path.by_ref().take(parents.len()) {
                under.get_mut(above)?.push(node);
            }
            if path.next().is_some() {
                return None;
            }
        }
        Some(Self::sets(parents.len(), &under))
    }
}

/// The areas by distance from a center, itself first, with the distances.
fn by_distance(
    n_areas: usize,
    distance: impl Fn(usize) -> f64,
    center: usize,
) -> Vec<(usize, f64)> {
    let mut near: Vec<(usize, f64)> = (0..n_areas).map(|area| (area, distance(area))).collect();
    near.sort_by(|(a, near_a), (b, near_b)| {
        let own = (*b == center).cmp(&(*a == center));
        own.then(near_a.total_cmp(near_b)).then(a.cmp(b))
    });
    near
}

/// A forest under construction.
struct Builder {
    /// The random word of each area; a set is known by the exclusive or of those of its areas.
    words: Vec<u128>,
    /// The nodes in the order made.
    nodes: Vec<Zone>,
    /// The word of each node.
    node_words: Vec<u128>,
    /// The node of each word; two different sets share one with a chance below 10⁻²⁰.
    known: HashMap<u128, usize>,
    /// As in [`Zones`].
    families: Vec<Vec<usize>>,
    /// As in [`Zones`].
    orders: Vec<Vec<usize>>,
}

impl Builder {
    /// A forest without nodes.
    fn new(n_areas: usize) -> Self {
        let mut state = 0;
        let mut word =
            || u128::from(split_mix(&mut state)) << 64 | u128::from(split_mix(&mut state));
        Self {
            words: (0..n_areas).map(|_| word()).collect(),
            nodes: Vec::new(),
            node_words: Vec::new(),
            known: HashMap::new(),
            families: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// The node of `parent` with one more area, made if there is none.
    fn step(&mut self, origin: usize, parent: Option<usize>, area: usize) -> usize {
        let word = parent.map_or(0, |at| self.node_words[at]) ^ self.words[area];
        let fresh = self.nodes.len();
        let node = *self.known.entry(word).or_insert(fresh);
        if node == fresh {
            let n_areas = parent.map_or(0, |at| self.nodes[at].n_areas) + 1;
            self.nodes.push(Zone {
                area,
                n_areas,
                parent,
                is_judged: false,
                origin,
            });
            self.node_words.push(word);
        }
        node
    }

    /// The same, as a zone to be judged and in the family of its origin.
    fn judge(&mut self, origin: usize, parent: Option<usize>, area: usize) -> usize {
        let node = self.step(origin, parent, area);
        if !self.nodes[node].is_judged {
            self.nodes[node].is_judged = true;
            self.nodes[node].origin = origin;
        }
        if self.families.len() <= origin {
            self.families.resize(origin + 1, Vec::new());
        }
        self.families[origin].push(node);
        node
    }

    /// Adds areas one after the other; a zone is judged where `ends`.
    fn chain(&mut self, origin: usize, order: Vec<usize>, ends: impl Fn(usize) -> bool) {
        let mut parent = None;
        for (at, area) in order.iter().enumerate() {
            let node = if ends(at) {
                self.judge(origin, parent, *area)
            } else {
                self.step(origin, parent, *area)
            };
            parent = Some(node);
        }
        self.orders.resize(origin, Vec::new());
        self.orders.push(order);
    }

    /// Adds all connected sets that hold the root and otherwise open areas, each once per center.
    ///
    /// Nothing when there are too many.
    fn grow(
        &mut self,
        neighbors: &[Vec<usize>],
        (center, root): (usize, usize),
        is_open: Vec<bool>,
    ) -> Option<()> {
        let fresh = |area: usize, frontier: &[usize], open: &[bool]| -> Vec<usize> {
            let touching = neighbors[area].iter().copied();
            let touching =
                touching.filter(|next| open.get(*next) == Some(&true) && !frontier.contains(next));
            touching.collect()
        };
        let frontier = fresh(center, &[], &is_open);
        let mut work = vec![(root, frontier, is_open)];
        while let Some((node, frontier, mut is_open)) = work.pop() {
            for (at, area) in frontier.iter().enumerate() {
                // What was tried before at this place is closed below it, so no set is made twice.
                is_open[*area] = false;
                let child = self.judge(center, Some(node), *area);
                let mut next = frontier[at + 1..].to_vec();
                next.extend(fresh(*area, &frontier, &is_open));
                work.push((child, next, is_open.clone()));
            }
            if self.families[center].len() > MOST_SETS {
                return None;
            }
        }
        (self.nodes.len() <= MOST_SETS).then_some(())
    }

    /// Puts the nodes in preorder.
    fn finish(self) -> Zones {
        let mut children = vec![Vec::new(); self.nodes.len()];
        let mut work = Vec::new();
        for (node, zone) in self.nodes.iter().enumerate().rev() {
            match zone.parent {
                Some(parent) => children[parent].push(node),
                None => work.push(node),
            }
        }
        let mut place = vec![0; self.nodes.len()];
        let mut nodes: Vec<Zone> = Vec::with_capacity(self.nodes.len());
        while let Some(node) = work.pop() {
            place[node] = nodes.len();
            let zone = self.nodes[node];
            nodes.push(Zone {
                parent: zone.parent.map(|parent| place[parent]),
                ..zone
            });
            work.append(&mut children[node]);
        }
        let mut families = self.families;
        for node in families.iter_mut().flatten() {
            *node = place[*node];
        }
        Zones {
            n_areas: self.words.len(),
            nodes,
            families,
            orders: self.orders,
        }
    }
}

/// The next word of Steele, Lea and Flood's `SplitMix64` (2014), whose words here only tell sets apart.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The judged sets, sorted.
    fn judged(zones: &Zones) -> Vec<Vec<usize>> {
        let nodes = (0..zones.nodes().len()).filter(|node| zones.nodes()[*node].is_judged);
        let sorted = nodes.map(|node| {
            let mut members = zones.members(node);
            members.sort_unstable();
            members
        });
        let mut sets: Vec<Vec<usize>> = sorted.collect();
        sets.sort();
        sets
    }

    /// The set that a sweep of the forest builds at each node.
    fn swept(zones: &Zones) -> Vec<BTreeSet<usize>> {
        let mut stack: Vec<usize> = Vec::new();
        let walk = zones.nodes().iter().map(|zone| {
            stack.truncate(zone.n_areas - 1);
            stack.push(zone.area);
            stack.iter().copied().collect()
        });
        walk.collect()
    }

    /// Circles on a line with areas of size one.
    fn on_a_line(places: &[f64], max_share: f64, ties: Ties) -> Zones {
        let sizes = vec![1.0; places.len()];
        let limits = Circles {
            sizes: &sizes,
            max_share,
            max_areas: usize::MAX,
            max_radius: f64::INFINITY,
            ties,
        };
        Zones::circles(&limits, |i, j| (places[i] - places[j]).abs())
    }

    #[test]
    fn circles_grow_by_distance_up_to_the_share() {
        let zones = on_a_line(&[0.0, 1.0, 3.0, 7.0], 0.5, Ties::Together);
        assert_eq!(
            judged(&zones),
            [
                vec![0],
                vec![0, 1],
                vec![1],
                vec![1, 2],
                vec![2],
                vec![2, 3],
                vec![3]
            ]
        );
    }

    #[test]
    fn areas_at_one_distance_enter_together_or_in_order() {
        let places = [-1.0, 0.0, 1.0, 9.0];
        let together = judged(&on_a_line(&places, 0.75, Ties::Together));
        assert!(together.contains(&vec![0, 1, 2]));
        let around_the_middle = on_a_line(&places, 0.75, Ties::Together).families()[1].len();
        assert_eq!(around_the_middle, 2);
        assert_eq!(
            on_a_line(&places, 0.75, Ties::InOrder).families()[1].len(),
            3
        );
    }

    #[test]
    fn a_tie_that_does_not_fit_as_a_whole_is_not_a_circle() {
        let zones = on_a_line(&[-1.0, 0.0, 1.0, 9.0], 0.5, Ties::Together);
        assert_eq!(zones.families()[1].len(), 1);
    }

    #[test]
    fn a_hierarchy_gives_each_node_with_what_lies_under_it() {
        let zones = Zones::tree(&[None, Some(0), Some(0), Some(1), Some(1)]).unwrap();
        assert_eq!(
            judged(&zones),
            [
                vec![0, 1, 2, 3, 4],
                vec![1, 3, 4],
                vec![2],
                vec![3],
                vec![4]
            ]
        );
        assert_eq!(Zones::tree(&[Some(1), Some(0)]), None);
        assert_eq!(Zones::tree(&[Some(5)]), None);
    }

    /// All connected sets with a member from which every other is one of its `max_areas` nearest.
    fn connected_by_brute_force(
        neighbors: &[Vec<usize>],
        max_areas: usize,
        places: &[f64],
    ) -> Vec<Vec<usize>> {
        let n_areas = places.len();
        let near = |center: usize| -> BTreeSet<usize> {
            let near = by_distance(
                n_areas,
                |area| (places[area] - places[center]).abs(),
                center,
            );
            near.iter().take(max_areas).map(|(area, _)| *area).collect()
        };
        let mut sets = Vec::new();
        for mask in 1_usize..1 << n_areas {
            let set: Vec<usize> = (0..n_areas).filter(|area| mask >> area & 1 == 1).collect();
            let mut reached = BTreeSet::from([set[0]]);
            for _ in 0..n_areas {
                let more: Vec<usize> = reached
                    .iter()
                    .flat_map(|area| neighbors[*area].clone())
                    .collect();
                reached.extend(more.iter().filter(|area| set.contains(area)));
            }
            let is_near = set
                .iter()
                .any(|center| set.iter().all(|area| near(*center).contains(area)));
            if reached.len() == set.len() && is_near {
                sets.push(set);
            }
        }
        sets.sort();
        sets
    }

    proptest! {
        #[test]
        fn flexible_zones_are_all_connected_sets(
            edges in proptest::collection::vec((0_usize..8, 0_usize..8), 0..16),
            places in proptest::collection::vec(0.0..100.0_f64, 8),
            max_areas in 1_usize..8,
        ) {
            let mut neighbors = vec![Vec::new(); 8];
            for (a, b) in edges {
                if a != b && !neighbors[a].contains(&b) {
                    neighbors[a].push(b);
                    neighbors[b].push(a);
                }
            }
            let zones = Zones::flexible(&neighbors, max_areas, |i, j| (places[i] - places[j]).abs()).unwrap();
            prop_assert_eq!(judged(&zones), connected_by_brute_force(&neighbors, max_areas, &places));
            for family in zones.families() {
                let distinct: BTreeSet<usize> = family.iter().copied().collect();
                prop_assert_eq!(distinct.len(), family.len());
            }
        }

        #[test]
        fn a_sweep_builds_the_members_of_every_node(places in proptest::collection::vec(0.0..50.0_f64, 1..20)) {
            let zones = on_a_line(&places, 0.5, Ties::Together);
            for (node, set) in swept(&zones).iter().enumerate() {
                if zones.nodes()[node].is_judged {
                    let members: BTreeSet<usize> = zones.members(node).into_iter().collect();
                    prop_assert_eq!(&members, set);
                }
            }
            let mut sets = judged(&zones);
            let n_judged = sets.len();
            sets.dedup();
            prop_assert_eq!(n_judged, sets.len());
        }
    }
}
