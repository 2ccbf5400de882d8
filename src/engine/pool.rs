//! How the operators of a query share its memory.
//!
//! An even split makes a lone aggregate write to disk while most of the memory lies idle; first come, first
//! served leaves nothing for the sort that comes last. So an eighth is kept for what cannot write to disk,
//! such as the merge of sorted runs, whatever the joins hold already; a quarter is split evenly among the
//! operators that can, each sure of its part; and the rest goes to whoever asks first.
//!
//! ```text
//! 1280 MiB, four operators that can spill:
//!     160 MiB for those that cannot · 4 × 80 MiB sure · 800 MiB free to all
//! ```
//!
//! What passes rows from one operator to the next is never refused: when it writes two files at once it waits
//! for itself for ever (apache/datafusion#24883, in 55.2). It holds little, because it stops taking rows in
//! while every next operator has some waiting.

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

/// The part of the memory, as a divisor, that is left to what cannot write to disk beyond what it holds already.
const KEPT: usize = 8;

/// What passes rows from one operator to the next, as the engine names it.
const EXCHANGE: &str = "RepartitionExec";

/// Whether an operator can do with less by writing to disk, and may be asked to.
fn may_spill(consumer: &MemoryConsumer) -> Spills {
    if consumer.name().starts_with(EXCHANGE) {
        Spills::Never
    } else if consumer.can_spill() {
        Spills::Asked
    } else {
        Spills::Cannot
    }
}

/// What an operator does when it gets no more memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spills {
    /// It writes to disk.
    Asked,
    /// It fails.
    Cannot,
    /// It would write to disk and hang: it is given what it asks for.
    Never,
}

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
        if may_spill(consumer) == Spills::Asked {
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
        let free = match may_spill(consumer) {
            Spills::Asked => {
                let kept = held.kept_for_others(self.size, consumer.id());
                all.saturating_sub(self.size / KEPT + kept)
            }
            Spills::Cannot => all,
            Spills::Never => usize::MAX,
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
    fn what_cannot_write_to_disk_finds_its_part_though_a_join_holds_much() {
        let pool: Arc<dyn MemoryPool> = Arc::new(PartlyFair::new(1600));
        let join = MemoryConsumer::new("join").register(&pool);
        join.try_grow(600).unwrap();
        let sort = spillable(&pool, "sort");
        sort.try_grow(800).unwrap();
        assert!(sort.try_grow(1).is_err());
        MemoryConsumer::new("merge")
            .register(&pool)
            .try_grow(200)
            .unwrap();
    }

    /// An aggregate over two partitions whose exchange of rows asks for more than the pool has; whether it ended
    /// in time.
    async fn ends(pool: Arc<dyn MemoryPool>) -> bool {
        use datafusion::execution::runtime_env::RuntimeEnvBuilder;
        use datafusion::prelude::{SessionConfig, SessionContext};
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool);
        let config = SessionConfig::new()
            .with_target_partitions(2)
            .with_batch_size(64);
        let session = SessionContext::new_with_config_rt(config, runtime.build_arc().unwrap());
        let sql = "select g, count(distinct t) as n from (
                       select v % 13 as g, concat('trace ', cast(v % 337 as varchar), repeat('x', 40)) as t
                       from generate_series(1, 40000) as s (v)
                   ) as rows group by g";
        let frame = session.sql(sql).await.unwrap();
        let answer = tokio::time::timeout(std::time::Duration::from_mins(1), frame.collect());
        answer.await.is_ok()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_query_that_asks_for_more_than_there_is_comes_to_an_end() {
        for _ in 0..12 {
            let pool: Arc<dyn MemoryPool> = Arc::new(PartlyFair::new(2 << 20));
            assert!(ends(pool).await, "the query hangs");
        }
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
