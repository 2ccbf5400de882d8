//! Repeatable chance: one seeded stream per platform, and the few distributions the sample uses.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, Poisson, StandardNormal};

use super::numbers::{real, whole};

/// A stream of chance that depends on the seed and the stream's number alone.
#[derive(Debug)]
pub(crate) struct Draw {
    /// The generator behind it.
    generator: ChaCha8Rng,
}

impl Draw {
    /// The stream `stream` of the seed `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self { generator }
    }

    /// A real number in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        let bits = usize::try_from(self.generator.next_u64() >> 12).unwrap_or(0);
        real(bits) / 4_503_599_627_370_496.0
    }

    /// Whether something of this probability happens.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number below `n`, zero if `n` is.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        whole(self.unit() * real(n))
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A Poisson count; zero if the mean is not positive.
    pub(crate) fn poisson(&mut self, mean: f64) -> usize {
        Poisson::new(mean).map_or(0, |law| whole(law.sample(&mut self.generator)))
    }

    /// A log-normal number by its median and its sigma on the log scale.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let normal: f64 = StandardNormal.sample(&mut self.generator);
        median * (sigma * normal).exp()
    }

    /// Failures before the first success of probability `p`.
    pub(crate) fn geometric(&mut self, p: f64) -> usize {
        whole((1.0 - self.unit()).ln() / (1.0 - p).ln())
    }

    /// One of the items, all equally likely.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// The index of one weight, each as likely as it is large, given the running sums.
    pub(crate) fn weighted(&mut self, running: &[f64]) -> usize {
        let total = running.last().copied().unwrap_or(0.0);
        let target = self.unit() * total;
        running
            .partition_point(|sum| *sum <= target)
            .min(running.len().saturating_sub(1))
    }
}

/// The running sums of some weights.
pub(crate) fn running(weights: impl IntoIterator<Item = f64>) -> Vec<f64> {
    weights
        .into_iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_stream_give_the_same_draws() {
        let (mut one, mut two) = (Draw::new(1, 2), Draw::new(1, 2));
        for _ in 0..100 {
            assert_eq!(one.below(1000), two.below(1000));
        }
        assert_ne!(
            Draw::new(1, 3).below(1 << 30),
            Draw::new(1, 2).below(1 << 30)
        );
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mut draw = Draw::new(1, 1);
        let sums = running([1.0, 0.0, 1.0]);
        assert!((0..1000).all(|_| draw.weighted(&sums) != 1));
    }

    #[test]
    fn poisson_counts_average_to_their_mean() {
        let mut draw = Draw::new(1, 1);
        let sum: usize = (0..2000).map(|_| draw.poisson(6.0)).sum();
        assert!((11_500..12_500).contains(&sum), "{sum}");
    }
}
