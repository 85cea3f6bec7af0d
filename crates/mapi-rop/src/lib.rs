//! The remote operations protocol in both directions, without I/O: servers read requests and write
//! responses, clients write requests and read responses ([MS-OXCROPS], [MS-OXCRPC], [MS-OXCMAPIHTTP]).
//!
//! From the outside in:
//!
//! - [`http`]: the bodies of MAPI/HTTP, its codes and its meta-tags.
//! - [`ext`], [`lz77`]: payloads behind their headers, compressed and obfuscated. [`auxiliary`]: what stands
//!   in the payload beside the ROPs.
//! - [`buffer`]: ROP input and output buffers with their handle tables.
//! - [`rops`]: the one table of ROPs, and what comes from it: [`RopId`], [`RopRequest`], [`RopResponse`].
//! - [`request`], [`response`]: one ROP with its handle indexes, its success or its failure.
//! - [`logon`], [`folder`], [`table`], [`message`], [`transport`], [`property`], [`stream`],
//!   [`permission`], [`rule`], [`fast_transfer`], [`ics`], [`notification`], [`control`]: the structures,
//!   a file for each chapter of [MS-OXCROPS] 2.2. [`irregular`]: those that are not fields in a row.
//!
//! INVARIANT: no I/O, no clock; no bytes make a reader panic or allocate beyond what they could hold.

#[macro_use]
pub mod parts;

pub mod auxiliary;
pub mod buffer;
pub mod control;
pub mod ext;
pub mod fast_transfer;
pub mod folder;
pub mod handle;
pub mod http;
pub mod ics;
pub mod irregular;
pub mod logon;
pub mod lz77;
pub mod message;
pub mod notification;
#[cfg(any(test, feature = "sample"))]
pub mod oracle;
pub mod permission;
pub mod property;
pub mod request;
pub mod response;
pub mod rops;
pub mod rule;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod stream;
pub mod table;
mod trace;
pub mod transport;

pub use buffer::{RequestBuffer, ResponseBuffer, ResponseWriter, write_requests};
pub use handle::{Handle, HandleIndex, LogonId};
pub use parts::{Columns, Empty, LogonKind, Text};
pub use request::{LogonKinds, Request};
pub use response::{Failure, FailureDetail, Response, ResponseContext};
pub use rops::{RopId, RopRequest, RopResponse};
