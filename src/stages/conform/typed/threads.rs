//! Running the same work on several threads until each says that there is nothing left.

/// Runs `work` on so many threads; the first error in the order of the threads is given.
pub(super) fn side_by_side<E: Send>(
    n_threads: usize,
    work: impl Fn() -> Result<(), E> + Sync,
) -> Result<(), E> {
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..n_threads).map(|_| scope.spawn(&work)).collect();
        let mut outcome = work();
        for other in others {
            match other.join() {
                Ok(found) => outcome = outcome.and(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcome
    })
}
