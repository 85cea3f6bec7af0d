//! What is to be sent when, and who is at it. Knows no clock, no store and no socket.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use mapi::FileTime;
use store::outbound::LetterId;

/// Where a message goes: a domain, or the smart host.
pub type Destination = Arc<str>;

type Job = (LetterId, Destination);

/// A message for one destination is in one of these states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting(FileTime),
    Ready,
    /// A worker has it. `again` says that it was changed meanwhile.
    Busy,
}

#[derive(Debug, Default)]
pub struct Board {
    jobs: HashMap<Job, Phase>,
    waiting: BTreeSet<(FileTime, Job)>,
    ready: HashMap<Destination, VecDeque<LetterId>>,
    /// Destinations with something ready, in turn.
    turn: VecDeque<Destination>,
    workers: HashMap<Destination, usize>,
    all_workers: usize,
}

impl Board {
    /// Notes when a message is to be sent where. What a worker has in hand stays with it: it plans anew when it is
    /// done.
    pub fn plan(&mut self, id: LetterId, when: impl IntoIterator<Item = (Destination, FileTime)>) {
        for (destination, due) in when {
            let job = (id, destination);
            match self.jobs.get(&job) {
                Some(Phase::Busy | Phase::Ready) => continue,
                Some(Phase::Waiting(old)) => {
                    self.waiting.remove(&(*old, job.clone()));
                }
                None => {}
            }
            self.waiting.insert((due, job.clone()));
            self.jobs.insert(job, Phase::Waiting(due));
        }
    }

    /// Makes ready what is due.
    pub fn release(&mut self, now: FileTime) {
        while let Some((due, job)) = self.waiting.pop_first() {
            if due > now {
                self.waiting.insert((due, job));
                return;
            }
            let (id, destination) = job.clone();
            self.jobs.insert(job, Phase::Ready);
            let queue = self.ready.entry(destination.clone()).or_default();
            if queue.is_empty() {
                self.turn.push_back(destination);
            }
            queue.push_back(id);
        }
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<FileTime> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// A destination that gets another worker; there are as many as it has messages ready, within the limits.
    pub fn hire(&mut self, most: usize, most_of_one: usize) -> Option<Destination> {
        if self.all_workers >= most {
            return None;
        }
        for _ in 0..self.turn.len() {
            let destination = self.turn.pop_front()?;
            let ready = self.ready.get(&destination).map_or(0, VecDeque::len);
            if ready == 0 {
                continue;
            }
            self.turn.push_back(destination.clone());
            let workers = self.workers.entry(destination.clone()).or_default();
            if *workers < most_of_one.min(ready) {
                *workers += 1;
                self.all_workers += 1;
                return Some(destination);
            }
        }
        None
    }

    /// The next message for a worker of a destination.
    pub fn take(&mut self, destination: &Destination) -> Option<LetterId> {
        let queue = self.ready.get_mut(destination)?;
        let id = queue.pop_front();
        if queue.is_empty() {
            self.ready.remove(destination);
            self.turn.retain(|known| known != destination);
        }
        let id = id?;
        self.jobs.insert((id, destination.clone()), Phase::Busy);
        Some(id)
    }

    /// A worker is done with a message.
    pub fn done(&mut self, id: LetterId, destination: &Destination) {
        self.jobs.remove(&(id, destination.clone()));
    }

    /// A worker ends.
    pub fn leave(&mut self, destination: &Destination) {
        self.all_workers = self.all_workers.saturating_sub(1);
        if let Some(workers) = self.workers.get_mut(destination) {
            *workers = workers.saturating_sub(1);
            if *workers == 0 {
                self.workers.remove(destination);
            }
        }
    }

    pub fn workers(&self) -> usize {
        self.all_workers
    }

    /// Whether nothing is planned and nobody works.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.all_workers == 0 && self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use store::MailboxNumber;

    use super::*;

    fn id(number: u64) -> LetterId {
        LetterId { mailbox: MailboxNumber(1), number }
    }

    #[test]
    fn messages_become_ready_in_time_and_workers_are_bounded() {
        let mut board = Board::default();
        let (a, b): (Destination, Destination) = ("a.test".into(), "b.test".into());
        for number in 1..=5 {
            board.plan(id(number), [(a.clone(), FileTime(number))]);
        }
        board.plan(id(9), [(a.clone(), FileTime(2)), (b.clone(), FileTime(7))]);
        assert_eq!(board.hire(9, 2), None);
        board.release(FileTime(3));
        assert_eq!(board.next_due(), Some(FileTime(4)));
        // Two at most of one destination, though four are ready.
        assert_eq!(board.hire(9, 2), Some(a.clone()));
        assert_eq!(board.hire(9, 2), Some(a.clone()));
        assert_eq!(board.hire(9, 2), None);
        board.release(FileTime(8));
        assert_eq!(board.hire(2, 2), None);
        assert_eq!(board.hire(9, 2), Some(b.clone()));
        let mut taken = Vec::new();
        while let Some(id) = board.take(&a) {
            taken.push(id.number);
        }
        assert_eq!(taken, [1, 2, 9, 3, 4, 5]);
        // In hand: a change of it is seen when it is done.
        board.plan(id(1), [(a.clone(), FileTime(0))]);
        board.release(FileTime(9));
        assert_eq!(board.take(&a), None);
        for number in taken {
            board.done(id(number), &a);
        }
        board.plan(id(1), [(a.clone(), FileTime(99))]);
        board.plan(id(1), [(a.clone(), FileTime(50))]);
        assert_eq!(board.next_due(), Some(FileTime(50)));
        board.release(FileTime(50));
        assert_eq!(board.take(&a), Some(id(1)));
        board.done(id(1), &a);
        assert_eq!(board.take(&b), Some(id(9)));
        board.done(id(9), &b);
        [&a, &a, &b].into_iter().for_each(|one| board.leave(one));
        assert!(board.is_empty());
    }
}
