//! Message services: where a session's stores come from.

use std::fmt;
use std::time::Duration;

use crate::{Error, Result};

/// A message service of a profile: the way to one server and one user on it.
///
/// A session asks it for a [`Transport`] once, at logon. Everything above it (handles, tables, streams)
/// is the same whatever stands here.
pub trait MessageStoreProvider: Send + Sync + fmt::Debug {
    /// What the message stores table shows as PidTagProviderDisplay, such as the address of a server.
    fn display_name(&self) -> String;

    /// The legacy distinguished name (or, where the server understands it, the address) of the user on
    /// whose behalf the service connects.
    fn user_dn(&self) -> &str;

    /// Begins a session context.
    fn connect(&self) -> Result<Connected>;
}

/// A session context that has begun.
pub struct Connected {
    /// The conversation.
    pub transport: Box<dyn Transport>,
    /// The user's name as the server knows it; empty where it says none.
    pub display_name: String,
}

/// A session context: one conversation with a server, one request at a time.
///
/// Dropping it ends the session context as far as that is possible without waiting;
/// [`Transport::disconnect`] ends it and says whether that worked.
pub trait Transport: Send {
    /// Sends a ROP input buffer ([MS-OXCROPS] 2.2.1: ROPs and handle table) and returns the server's ROP
    /// output buffer, at most `max_out` bytes.
    ///
    /// # Errors
    ///
    /// Any error means that no answer came, or a refusal of the request as a whole; a ROP's own error
    /// stands in its answer.
    fn execute(&mut self, rops: &[u8], max_out: u32) -> Result<Vec<u8>>;

    /// What waits for the session context's notifications while others send requests. It ends with the
    /// session context.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] over a transport that has nothing to wait with.
    fn waiter(&self) -> Result<Box<dyn Waiter>> {
        Err(Error::InvalidArgument("this service cannot wait for notifications"))
    }

    /// Ends the session context and waits for the server's word.
    fn disconnect(&mut self) -> Result<()>;
}

/// Waits for notifications, on a way of its own to the server.
pub trait Waiter: Send {
    /// Waits until the server has something to tell, at most for `limit`; false if there was nothing. What
    /// it is comes with the answer to the next request, which may be empty.
    ///
    /// # Errors
    ///
    /// [`Error::SessionLost`] after the session ended.
    fn wait(&mut self, limit: Duration) -> Result<bool>;
}
