//! **antenne** notices emerging needs and service gaps in the exchange records of welfare
//! quasi-platforms, and publishes what it finds as protected open data.

pub mod spec;

pub(crate) mod canon;

/// Invented data in the native formats of six platforms, and the truth about it.
pub mod sample;
