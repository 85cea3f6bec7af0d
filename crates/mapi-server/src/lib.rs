//! MAPI over HTTP, and the same without a web server inside one's own process.
//!
//! The files stand in the way of a request: [`http`] (behind the feature `http`), [`session`],
//! [`processor`], [`dispatch`], [`rop`], with [`handles`], [`object`] and [`ledger`] for what is open.
//!
//! INVARIANT: handlers are synchronous. One that may ask the engine or wait runs on a thread of the pool, never
//! on a reactor; what does neither (`dispatch::is_light`) may run where the request came in.

mod body;
mod bookmark;
#[cfg(feature = "http")]
pub mod budget;
pub mod call;
pub mod convert;
pub mod dispatch;
pub mod error;
pub mod extended;
pub mod handles;
pub mod ledger;
pub mod limits;
pub mod lock;
pub mod notify;
pub mod object;
pub mod operation;
#[cfg(feature = "oracle")]
#[doc(hidden)]
pub mod oracle;
pub mod processor;
pub mod region;
pub mod report;
pub mod rop;
pub mod session;
pub mod stats;
mod warm;

#[cfg(feature = "http")]
pub mod http;

pub use extended::ExecuteError;
pub use ledger::{Kind, Ledger};
pub use limits::{Limit, Limits};
pub use lock::Control;
pub use processor::{InProcess, Listener, Options, Processor};
