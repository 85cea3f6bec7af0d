//! The views of a mailbox.

/// The views that are open on a mailbox.
#[allow(dead_code, reason = "a mailbox holds it")]
#[derive(Default)]
pub(crate) struct Views {}
