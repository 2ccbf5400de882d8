//! How the operators of a query share its memory.
//!
//! An even split makes a lone aggregate write to disk while most of the memory lies idle; first come, first
//! served leaves nothing for the sort that comes last. So an eighth is kept for what cannot write to disk,
//! such as the merge of sorted runs; a quarter is split evenly among the operators that can, each sure of its
//! part; and the rest goes to whoever asks first.
//!
//! ```text
//! 1280 MiB, four operators that can spill:
//!     160 MiB for those that cannot · 4 × 80 MiB sure · 800 MiB free to all
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::resources_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// The part of the memory, as a divisor, that is split evenly.
const SURE: usize = 4;

/// The part of the memory, as a divisor, that only what cannot write to disk may have.
const KEPT: usize = 8;

/// A pool that is partly split, partly free.
#[derive(Debug)]
pub(super) struct PartlyFair {
    /// Bytes there are.
    size: usize,
    /// Who holds what.
    held: Mutex<Held>,
}

/// Who holds what.
#[derive(Debug, Default)]
struct Held {
    /// Bytes of everybody.
    used: usize,
    /// Bytes of each operator that can write to disk.
    spillable: BTreeMap<usize, usize>,
}

impl Held {
    /// Bytes that must stay for the operators other than `own`.
    fn kept_for_others(&self, size: usize, own: usize) -> usize {
        let sure = size / SURE / self.spillable.len().max(1);
        let others = self.spillable.iter().filter(|(id, _)| **id != own);
        others.map(|(_, held)| sure.saturating_sub(*held)).sum()
    }

    /// Adds to what a consumer holds.
    fn add(&mut self, consumer: &MemoryConsumer, bytes: usize) {
        self.used += bytes;
        if let Some(held) = self.spillable.get_mut(&consumer.id()) {
            *held += bytes;
        }
    }
}

impl PartlyFair {
    /// A pool of so many bytes.
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            held: Mutex::default(),
        }
    }

    /// Who holds what, also after a thread has died over it.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for PartlyFair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "partly_fair(used: {}, pool_size: {})",
            self.reserved(),
            self.size
        )
    }
}

impl MemoryPool for PartlyFair {
    fn name(&self) -> &'static str {
        "partly_fair"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            self.held().spillable.insert(consumer.id(), 0);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.held().spillable.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.held().add(reservation.consumer(), additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut held = self.held();
        held.used = held.used.saturating_sub(shrink);
        if let Some(own) = held.spillable.get_mut(&reservation.consumer().id()) {
            *own = own.saturating_sub(shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let consumer = reservation.consumer();
        let mut held = self.held();
        let all = self.size.saturating_sub(held.used);
        let free = if consumer.can_spill() {
            let kept = held.kept_for_others(self.size, consumer.id());
            let to_spill: usize = held.spillable.values().sum();
            let within = self.size - self.size / KEPT;
            all.min(within.saturating_sub(to_spill))
                .saturating_sub(kept)
        } else {
            all
        };
        if additional > free {
            return Err(resources_datafusion_err!(
                "{} asks for {additional} bytes beyond its {}, and {free} of {} are free for it; raise `engine.memory_mib`",
                consumer.name(),
                reservation.size(),
                self.size
            ));
        }
        held.add(consumer, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held().used
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// A reservation of an operator that can write to disk.
    fn spillable(pool: &Arc<dyn MemoryPool>, name: &str) -> MemoryReservation {
        MemoryConsumer::new(name)
            .with_can_spill(true)
            .register(pool)
    }

    #[test]
    fn one_operator_may_have_nearly_all_and_the_last_one_is_sure_of_its_part() {
        let pool: Arc<dyn MemoryPool> = Arc::new(PartlyFair::new(1600));
        let (first, last) = (spillable(&pool, "aggregate"), spillable(&pool, "sort"));
        assert!(first.try_grow(1201).is_err());
        first.try_grow(1200).unwrap();
        last.try_grow(200).unwrap();
        assert!(last.try_grow(1).is_err() && first.try_grow(1).is_err());
        first.shrink(100);
        last.try_grow(100).unwrap();
        assert_eq!(pool.reserved(), 1400);
        let merge = MemoryConsumer::new("merge").register(&pool);
        merge.try_grow(200).unwrap();
        assert!(merge.try_grow(1).is_err());
    }

    #[test]
    fn what_an_operator_held_is_free_when_it_is_gone() {
        let pool: Arc<dyn MemoryPool> = Arc::new(PartlyFair::new(1000));
        let first = spillable(&pool, "aggregate");
        first.try_grow(875).unwrap();
        drop(first);
        assert_eq!(pool.reserved(), 0);
        let other = MemoryConsumer::new("join").register(&pool);
        other.try_grow(1000).unwrap();
        let error = other.try_grow(1).unwrap_err().to_string();
        assert!(error.contains("join asks for 1 bytes"), "{error}");
    }
}
