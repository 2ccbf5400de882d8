//! The two conversions between counts and real numbers that invented data needs, in one place
//! because each loses something and says why that is harmless here.

/// The count as a real number.
#[expect(
    clippy::cast_precision_loss,
    reason = "sample counts stay far below 2^52"
)]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}

/// The whole part of a real number, zero for a negative one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to what a count can hold first"
)]
pub(crate) fn whole(value: f64) -> usize {
    value.clamp(0.0, 1e15) as usize
}

/// The nearest whole number, zero for a negative one.
pub(crate) fn nearest(value: f64) -> usize {
    whole(value + 0.5)
}

/// A count as a signed number, as table columns want it.
pub(crate) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as the unsigned 64-bit number that reports want.
pub(crate) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A number scrambled so that neighbors share nothing (the finalizer of `SplitMix64`,
/// Steele, Lea and Flood 2014): how a person's traits follow from the person's number.
pub(crate) fn scrambled(value: u64) -> u64 {
    let first = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let second = (first ^ (first >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    second ^ (second >> 31)
}

/// A number scrambled and brought to 0 … 99.
pub(crate) fn percentile(value: u64) -> u64 {
    scrambled(value) % 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_number_has_no_whole_part() {
        assert_eq!(whole(-3.5), 0);
        assert_eq!(nearest(2.5), 3);
    }

    #[test]
    fn neighboring_numbers_scramble_apart() {
        assert_ne!(scrambled(1) % 1000, scrambled(2) % 1000);
    }
}
