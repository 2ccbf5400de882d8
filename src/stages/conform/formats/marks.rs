//! The few bytes of a text that say where its parts end, found without looking at each byte alone.
//!
//! Sixty-four bytes are compared at once, and the answer is one bit for each. From mark to mark is
//! then a step in a number:
//!
//! ```text
//! 7;Muggiò;1,5⏎8;Lodi…          marks `;` and `⏎`
//! .1......1...1.1....            one bit for each byte; the rest is not looked at again
//! ```

use memchr::{memchr2, memrchr2};
use wide::u8x16;

/// Bytes that are compared at once.
const LEAP: usize = 64;

/// Bytes that are compared at once where a text begins.
const STEP: usize = 32;

/// Bytes of a piece that is usual: few enough to stay near the processor from one pass to the next.
const PIECE: usize = 64 << 10;

/// What is looked for.
pub(super) trait Wanted: Copy {
    /// Sixteen bytes; those that are looked for become 255, others 0.
    fn among(self, bytes: u8x16) -> u8x16;
}

/// Any of three bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnyOf([u8x16; 3]);

impl AnyOf {
    /// Looks for these bytes.
    pub(super) fn new(bytes: [u8; 3]) -> Self {
        Self(bytes.map(|byte| u8x16::new([byte; 16])))
    }
}

impl Wanted for AnyOf {
    fn among(self, bytes: u8x16) -> u8x16 {
        let Self([first, second, third]) = self;
        bytes.simd_eq(first) | bytes.simd_eq(second) | bytes.simd_eq(third)
    }
}

/// What ends a text of JSON or may not stand in one as it is: a quote, a backslash, a control
/// character.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextEnds;

impl Wanted for TextEnds {
    fn among(self, bytes: u8x16) -> u8x16 {
        let quotes = bytes.simd_eq(u8x16::new([b'"'; 16]));
        let escapes = bytes.simd_eq(u8x16::new([b'\\'; 16]));
        let controls = bytes.min(u8x16::new([b' ' - 1; 16])).simd_eq(bytes);
        quotes | escapes | controls
    }
}

/// The bytes looked for, as bits.
#[inline]
fn mask<const N: usize>(bytes: &[u8; N], wanted: impl Wanted) -> u64 {
    let (parts, _) = bytes.as_chunks::<16>();
    parts.iter().rev().fold(0, |mask, part| {
        let found = wanted.among(u8x16::new(*part)).to_bitmask();
        mask << 16 | u64::from(found)
    })
}

/// The bytes looked for in fewer bytes than are compared at once, as bits.
#[inline]
fn tail_mask(bytes: &[u8], wanted: impl Wanted) -> u64 {
    let mut filled = [0; LEAP];
    for (place, byte) in filled.iter_mut().zip(bytes) {
        *place = *byte;
    }
    mask(&filled, wanted) & !(u64::MAX << bytes.len().min(LEAP - 1))
}

/// Walks through the places of the bytes that are looked for.
#[derive(Debug, Clone)]
pub(super) struct Marks<'b, W> {
    /// Bytes that were not looked at yet.
    rest: &'b [u8],
    /// What is looked for.
    wanted: W,
    /// Marks among the bytes that were looked at last and not walked through, as bits.
    left: u64,
    /// Where those bytes begin; before the first look, one leap before the start.
    start: usize,
}

impl<'b, W: Wanted> Marks<'b, W> {
    /// Looks for bytes among others.
    pub(super) fn new(bytes: &'b [u8], wanted: W) -> Self {
        Self {
            rest: bytes,
            wanted,
            left: 0,
            start: 0_usize.wrapping_sub(LEAP),
        }
    }

    /// Looks at the last bytes, which are fewer than a leap.
    #[cold]
    #[inline(never)]
    fn look_at_tail(mut self) -> Option<Self> {
        let tail = std::mem::take(&mut self.rest);
        self.left = tail_mask(tail, self.wanted);
        (!tail.is_empty()).then_some(self)
    }
}

impl<W: Wanted> Iterator for Marks<'_, W> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            if let Some((leap, rest)) = self.rest.split_first_chunk::<LEAP>() {
                self.left = mask(leap, self.wanted);
                self.rest = rest;
            } else {
                *self = self.clone().look_at_tail()?;
            }
            self.start = self.start.wrapping_add(LEAP);
        }
        let place = self.start + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(place)
    }
}

/// Where the first of the bytes looked for is, from `start` on.
///
/// Texts are short: two comparisons from where one begins, wherever that is, mostly suffice, and
/// the processor need not guess how many.
#[inline]
pub(super) fn first_from(bytes: &[u8], start: usize, wanted: impl Wanted) -> Option<usize> {
    let mut at = start;
    while let Some(step) = bytes.get(at..)?.first_chunk::<STEP>() {
        let found = mask(step, wanted);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += STEP;
    }
    first_in_tail(bytes, at, wanted)
}

/// Where the first of the bytes looked for is, if fewer are left than are compared at once.
#[cold]
#[inline(never)]
fn first_in_tail(bytes: &[u8], start: usize, wanted: impl Wanted) -> Option<usize> {
    let found = tail_mask(bytes.get(start..)?, wanted);
    (found != 0).then(|| start + found.trailing_zeros() as usize)
}

/// Cuts bytes behind line ends into pieces that are not too long; a longer line is a piece alone.
pub(super) fn pieces(bytes: &[u8], ends: [u8; 2]) -> impl Iterator<Item = &[u8]> {
    let [one, other] = ends;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (usual, behind) = rest.split_at_checked(PIECE).unwrap_or((rest, &[]));
        let end = if behind.is_empty() {
            None
        } else {
            let next = || memchr2(one, other, behind).map(|end| usual.len() + end);
            memrchr2(one, other, usual).or_else(next)
        };
        let piece;
        (piece, rest) = rest.split_at_checked(end.map_or(rest.len(), |end| end + 1))?;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Places of the bytes that are looked for, one by one.
    fn naive(bytes: &[u8], is_wanted: impl Fn(u8) -> bool) -> Vec<usize> {
        let places = bytes.iter().enumerate();
        let wanted = places.filter(|(_, byte)| is_wanted(**byte));
        wanted.map(|(place, _)| place).collect()
    }

    #[test]
    fn each_mark_is_found_where_it_stands() {
        let marks = Marks::new(b"7;Lodi;1,5\n", AnyOf::new(*b";\n\r"));
        assert_eq!(marks.collect::<Vec<_>>(), [1, 6, 10]);
        let first_from = |start| first_from(b"{\"a\":1}", start, TextEnds);
        assert_eq!([0, 2].map(first_from), [Some(1), Some(3)]);
        assert_eq!([4, 7, 900].map(first_from), [None; 3]);
    }

    #[test]
    fn a_line_is_never_cut_and_a_long_one_is_a_piece_alone() {
        let short = [b"a".repeat(PIECE - 5), b"\nbc\n".to_vec()].concat();
        let long = [b"d".repeat(2 * PIECE), b"\n".to_vec()].concat();
        let bytes = [short.as_slice(), &long, b"ef\ng"].concat();
        let found: Vec<&[u8]> = pieces(&bytes, *b"\n\r").collect();
        assert_eq!(found, [short.as_slice(), &long, b"ef\ng"]);
        assert_eq!(pieces(b"", *b"\n\r").count(), 0);
    }

    proptest! {
        #[test]
        fn marks_are_those_of_a_naive_scan(bytes in proptest::collection::vec(prop_oneof![0_u8..128, Just(b'"'), 128_u8..=255], 0..300), start in 0_usize..400) {
            let found = Marks::new(&bytes, AnyOf::new(*b"\"\n "));
            prop_assert_eq!(found.collect::<Vec<_>>(), naive(&bytes, |byte| b"\"\n ".contains(&byte)));
            let ends = naive(&bytes, |byte| byte < b' ' || byte == b'"' || byte == b'\\');
            let first = ends.into_iter().find(|place| *place >= start);
            prop_assert_eq!(first_from(&bytes, start, TextEnds), first);
        }
    }
}
