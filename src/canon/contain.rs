//! Readers of other people: a page that makes one of them panic is a page that cannot be read.
//!
//! Readers of binary formats trust some numbers in a file and stop the thread where one is absurd.
//! What they say then is silenced, for it may quote the page.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    /// Whether this thread is inside such a reader.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// What the reader gives; `None` if it panicked.
///
/// What the reader wrote until then is to be thrown away by the caller.
pub(crate) fn contained<T>(read: impl FnOnce() -> T) -> Option<T> {
    let before = IS_INSIDE.replace(true);
    let given = panic::catch_unwind(AssertUnwindSafe(read));
    IS_INSIDE.set(before);
    given.ok()
}

/// Keeps panics inside a contained reader from being printed; all others are printed as before.
pub(crate) fn silence() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !IS_INSIDE.get() {
            print(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_panics_gives_nothing() {
        assert_eq!(contained(|| 7), Some(7));
        assert_eq!(contained(|| Vec::<u8>::new()[1]), None);
        assert!(!IS_INSIDE.get());
    }
}
