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
//! A client asks, a server answers:
//!
//! ```
//! use mapi::FolderId;
//! use mapi_rop::folder::{OpenFolderFlags, OpenFolderRequest, OpenFolderResponse};
//! use mapi_rop::parts::Flagged;
//! use mapi_rop::*;
//!
//! // The logon's handle stands at index 0; the folder's is to be put at index 1.
//! let folder = OpenFolderRequest { folder: FolderId::own(7), flags: OpenFolderFlags::NONE };
//! let body = RopRequest::OpenFolder(folder);
//! let asked = [Request::with(LogonId(0), HandleIndex(0), HandleIndex(1), body)];
//! let bytes = write_requests(&asked, &[Handle(3), Handle::NONE]).ok_or("too much")?;
//!
//! let mut buffer = RequestBuffer::read(&bytes, &mut LogonKinds::default())?;
//! let mut writer = ResponseWriter::new(32_767, buffer.handles.len()).expect("room");
//! for request in buffer.requests.clone() {
//!     let opened = OpenFolderResponse { has_rules: false, ghosted: Flagged(None) };
//!     buffer.set_handle(request.other, Handle(4));
//!     let answer = Response::to(&request, RopResponse::OpenFolder(opened));
//!     writer.push(&answer).map_err(|size| format!("{size} bytes do not fit"))?;
//! }
//! let bytes = writer.finish(&buffer.handles);
//!
//! // No table here has columns from earlier buffers.
//! let mut context = ResponseContext::new(&asked, |_| Vec::new().into());
//! let answered = ResponseBuffer::read(&bytes, &mut context)?;
//! assert_eq!(answered.handles, [Handle(3), Handle(4)]);
//! assert_eq!(answered.responses[0].id(), RopId::OpenFolder);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
