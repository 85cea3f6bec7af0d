//! The record that a logon keeps for as long as it holds a store open.
//!
//! Exchange Server 5.5 had such an object too: it created a critical section when a store was opened, and
//! in some builds did not destroy it with itself, so that each open lost some bytes for good (Knowledge
//! Base Q237174). Here the logon owns the record and the record owns its bytes; there is no other way to
//! make or to end one.

use mapi::FileTime;
use mapi::wire::Wire;
use store::MailboxNumber;

use crate::ledger::Entry;

/// How many bytes a record takes on the heap: mailbox, session and time, and room for a name.
const RECORD_BYTES: usize = 48;

/// The fault of Q237174, to be switched on where a check has to prove that it would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Control {
    /// Records are destroyed with their logons.
    #[default]
    Off,
    /// Each record has this many bytes, and its destruction is left out.
    Q237174 { leak_bytes: usize },
}

impl Control {
    /// Leaves out the destruction of the record in the ordinary open path, as Exchange Server 5.5 did.
    pub fn q237174(leak_bytes: usize) -> Control {
        Control::Q237174 { leak_bytes }
    }
}

/// Says that a session holds a mailbox open. Ends with the logon that owns it.
pub struct LockRecord {
    bytes: Option<Box<[u8]>>,
    control: Control,
    _entry: Entry,
}

impl LockRecord {
    pub fn new(
        mailbox: MailboxNumber,
        session: u64,
        opened: FileTime,
        user: &str,
        control: Control,
        entry: Entry,
    ) -> LockRecord {
        let size = match control {
            Control::Off => RECORD_BYTES,
            Control::Q237174 { leak_bytes } => leak_bytes,
        };
        let mut record = Vec::with_capacity(RECORD_BYTES);
        mailbox.0.write(&mut record);
        session.write(&mut record);
        opened.write(&mut record);
        record.extend_from_slice(user.as_bytes());
        record.resize(size, 0);
        LockRecord { bytes: Some(record.into_boxed_slice()), control, _entry: entry }
    }
}

impl Drop for LockRecord {
    fn drop(&mut self) {
        match self.control {
            // The destruction of the record.
            Control::Off => drop(self.bytes.take()),
            Control::Q237174 { .. } => {
                self.bytes.take().map(Box::leak);
            }
        }
    }
}
