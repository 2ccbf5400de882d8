//! **antenne** notices emerging needs and service gaps in the exchange records of welfare
//! quasi-platforms, and publishes what it finds as protected open data.

/// Pure statistics: expectations, intervals, probabilities.
pub(crate) mod stats;

/// The seven stages of the journey.
pub(crate) mod stages;
