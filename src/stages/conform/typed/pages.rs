//! One page read into the store: cut into blocks that several threads judge, or row by row.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::spec::source::IdentifierPolicy;
use crate::stages::conform::formats::blocks::{self, Blocks, Cutting, OpenLines, RawBlock, Spare};
use crate::stages::conform::formats::{self, PageRead, RawRow};

use super::block::BlockBuilder;
use super::cells::Staging;
use super::plan::Plan;
use super::settle::{ChunkFacts, Origin};
use super::store::{Arrival, Room, Store};
use super::{Error, Limits, PageRef};

/// The most bytes of a page that is not read in blocks.
const MOST_WHOLE: u64 = 4 << 30;

/// Reads one page.
pub(super) struct PageReader<'r, 'c> {
    /// The contract.
    pub(super) plan: &'r Plan<'c>,
    /// Threads and memory.
    pub(super) limits: &'r Limits,
    /// Room for rows.
    pub(super) room: &'r Room,
    /// The page.
    pub(super) page: PageRef<'r>,
    /// Its hash.
    pub(super) sha: Arc<str>,
}

impl PageReader<'_, '_> {
    /// Reads the page into the store.
    pub(super) fn read(
        &self,
        bytes: Box<dyn Read + Send>,
        store: &mut Store,
    ) -> Result<PageRead, Error> {
        let format = &self.plan.table.spec.format;
        if !blocks::are_cut(format) {
            return self.read_rows(bytes, store);
        }
        let spare = Spare::default();
        let cutting = Cutting {
            page: bytes,
            block: self.limits.block,
            spare: &spare,
        };
        let opened = blocks::open(format, &self.plan.fields, cutting);
        let Some(lines) = opened.map_err(|source| self.unreadable(source))? else {
            return Ok(PageRead::default());
        };
        self.refuse_twice(&lines.read)?;
        let before = store.books.n_rows;
        let mut read = self.read_blocks(lines, &spare, store)?;
        read.n_rows = store.books.n_rows - before;
        Ok(read)
    }

    /// Reads a page of lines: this thread cuts it, others judge; a short page is judged here.
    fn read_blocks(
        &self,
        lines: OpenLines<'_>,
        spare: &Spare,
        store: &mut Store,
    ) -> Result<PageRead, Error> {
        let OpenLines {
            mut blocks,
            reader,
            read,
        } = lines;
        let Some(first) = blocks.next().map_err(|source| self.unreadable(source))? else {
            return Ok(read);
        };
        let store = Mutex::new(store);
        let judge = |block: RawBlock, staging: &mut Staging| -> Result<(), Error> {
            let builder = BlockBuilder::new(self.plan, self.page, &self.sha);
            let mut builder = builder.in_room_of(staging);
            reader.rows(&block, &mut |raw| builder.take(&raw, staging));
            let number = block.number;
            spare.give(block);
            self.place((builder, number), staging, &store)
        };
        if blocks.is_done() {
            judge(first, &mut Staging::default())?;
            return Ok(read);
        }
        let (sender, receiver) = sync_channel(self.limits.threads);
        let receiver = Mutex::new(receiver);
        let has_failed = AtomicBool::new(false);
        let work = || -> Result<(), Error> {
            let (mut staging, mut outcome) = (Staging::default(), Ok(()));
            // After a failure blocks are still taken, so that the cutting thread never waits.
            while let Some(block) = next_in(&receiver) {
                outcome = outcome.and_then(|()| judge(block, &mut staging));
                has_failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
            }
            outcome
        };
        let (cut, judged) = std::thread::scope(|scope| {
            let threads = (0..self.limits.threads.max(1)).map(|_| scope.spawn(work));
            let threads: Vec<_> = threads.collect();
            let cut = cut_all(first, &mut blocks, |block| {
                !has_failed.load(Ordering::Relaxed) && sender.send(block).is_ok()
            });
            drop(sender);
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            (cut, joined.fold(Ok(()), Result::and))
        });
        cut.map_err(|source| self.unreadable(source))?;
        judged.map(|()| read)
    }

    /// Reads a page whose format is not cut: row by row, on this thread.
    fn read_rows(&self, bytes: Box<dyn Read + Send>, store: &mut Store) -> Result<PageRead, Error> {
        let mut content = Vec::new();
        bytes
            .take(MOST_WHOLE)
            .read_to_end(&mut content)
            .map_err(|source| self.unreadable(formats::Error::ReadPage { source }))?;
        let store = Mutex::new(store);
        let mut staging = Staging::default();
        let block = BlockBuilder::new(self.plan, self.page, &self.sha);
        let mut block = block.in_room_of(&mut staging);
        let mut number = 0;
        let mut failure = None;
        let mut sink = |raw: RawRow<'_>| {
            block.take(&raw, &mut staging);
            if block.is_full() && failure.is_none() {
                let next = BlockBuilder::new(self.plan, self.page, &self.sha);
                let full = std::mem::replace(&mut block, next);
                failure = self.place((full, number), &mut staging, &store).err();
                number += 1;
            }
        };
        let format = &self.plan.table.spec.format;
        let read = formats::read_page(format, self.plan.kinds(), &content, &mut sink);
        let read = read.map_err(|source| self.unreadable(source))?;
        self.refuse_twice(&read)?;
        match failure {
            Some(failure) => Err(failure),
            None => self
                .place((block, number), &mut staging, &store)
                .map(|()| read),
        }
    }

    /// Puts a block into the store.
    fn place(
        &self,
        (block, number): (BlockBuilder<'_, '_>, u64),
        staging: &mut Staging,
        store: &Mutex<&mut Store>,
    ) -> Result<(), Error> {
        let block = block.finish(staging).map_err(|source| Error::Assemble {
            table: self.plan.table.name.to_owned(),
            source,
        })?;
        let arrival = Arrival {
            page: Some(self.page.sequence),
            block: number,
        };
        let facts = ChunkFacts {
            origin: Origin::New {
                delivery: self.page.delivery,
            },
            earlier: None,
        };
        let placed = self.room.place(arrival, block)?;
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        store.add(placed, &facts);
        Ok(())
    }

    /// Refuses a page in which a column of the contract stands twice. Of one that is only kept each
    /// is kept, under a name of its own.
    fn refuse_twice(&self, read: &PageRead) -> Result<(), Error> {
        let columns = &self.plan.table.spec.columns;
        let is_declared = |field: &&String| {
            let mut of_field = columns
                .iter()
                .filter(|(name, column)| column.from.as_ref().unwrap_or(name) == *field);
            of_field.any(|(_, column)| column.identifiers != IdentifierPolicy::Withhold)
        };
        let Some(field) = read.twice.iter().find(is_declared).cloned() else {
            return Ok(());
        };
        Err(self.unreadable(formats::Error::Twice { field }))
    }

    /// The error of a page that cannot be read.
    fn unreadable(&self, source: formats::Error) -> Error {
        Error::ReadPage {
            url: self.page.url.to_owned(),
            source: Box::new(source),
        }
    }
}

/// Hands over every block of a page, as long as it is taken.
fn cut_all(
    first: RawBlock,
    blocks: &mut Blocks<'_>,
    take: impl Fn(RawBlock) -> bool,
) -> Result<(), formats::Error> {
    let mut next = Some(first);
    while let Some(block) = next {
        if !take(block) {
            return Ok(());
        }
        next = blocks.next()?;
    }
    Ok(())
}

/// The next block to be judged; `None` when the page is cut to its end.
fn next_in(receiver: &Mutex<Receiver<RawBlock>>) -> Option<RawBlock> {
    let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    receiver.recv().ok()
}
