//! Gaps of services: waits, shares and counts out of line, access by distance.
//!
//! Whether a district is out of line is judged among its like, so most functions here see all rows of a
//! partition; waits are gathered from the rows of a group.

use super::Function;

/// Shares and counts against what is expected, with the usual differences between districts taken out.
mod funnel;
/// Access of places to offices.
mod reach;
/// Waits of a group, and of one group against another.
mod waits;

/// The functions of this folder.
pub(super) fn functions() -> Vec<Function> {
    [funnel::functions(), reach::functions(), waits::functions()].concat()
}
