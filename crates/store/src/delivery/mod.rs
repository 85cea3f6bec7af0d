//! Sending between the mailboxes of a store: submitting a message, delivering it to each recipient, and telling
//! the sender what became of it ([MS-OXOMSG] 3.3).
//!
//! The way of a message: [`submit`] saves it and puts an entry into the queue, in one batch. The work
//! ([`deliver_now`], [`start`], [`deliver_due`]) takes entries and puts the message into each recipient's mailbox
//! ([`Arrival`]), where rules look at it; in the end it goes to its sender's Sent Items, or goes.
//!
//! INVARIANT: what a recipient gets, what it causes, and that he has it, are one batch. So a crash at any place
//! loses nothing and delivers nothing twice.

pub(crate) mod address;
mod arrival;
pub(crate) mod queue;
pub(crate) mod receipt;
mod relay;
mod report;
mod spooler;
mod submit;
mod work;

pub use address::{Addressee, addressee, recipient_of};
pub(crate) use arrival::deliver_with;
pub use arrival::{Arrival, Arrived, Envelope, MAX_HOPS, Outgoing, deliver_content};
pub(crate) use queue::Entry;
pub use queue::{Outcome, Reason, State};
pub(crate) use spooler::submit_flags;
pub use spooler::{Locked, announce, finish, lock, send_now, unlock};
pub use submit::{MAX_RECIPIENTS, Submission, abort, send, submit};
pub(crate) use submit::{own_message, send_own, take_all_back};
pub(crate) use work::Deliveries;
pub use work::{Waiting, deliver_due, deliver_now, resume, start, waiting};

use crate::Result;

/// What the rules of a mailbox make of a message that arrives: they change `arrival`, or refuse it.
fn rules(arrival: &mut Arrival<'_>) -> Result<Result<(), Reason>> {
    crate::rule::run(arrival)
}
