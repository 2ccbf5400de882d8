//! What people do with **antenne**, one module per job.
//!
//! One binary holds them all, so that `DataFusion` is linked once and not eight times.

/// A contributor changes the repository and finds the house as its guide describes it.
#[cfg(test)]
mod keep_the_house;
