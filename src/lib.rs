//! **antenne** notices emerging needs and service gaps in the exchange records of welfare
//! quasi-platforms, and publishes what it finds as protected open data.

pub mod spec;

pub(crate) mod canon;
pub mod lake;
pub mod context;
pub mod engine;
pub mod stages;
pub(crate) mod stats;
