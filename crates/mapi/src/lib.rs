//! The data of MAPI: property tags, types, values, rows, restrictions, sort orders, entry ids, ids and
//! id sets, error codes ([MS-OXCDATA], [MS-OXPROPS]), and the [`Wire`] trait that reads and
//! writes them.
//!
//! Constants by the specification's names: [`tags::DISPLAY_NAME`], [`names::lid::FILE_UNDER`] and the
//! property sets beside it, [`ErrorCode::NOT_FOUND`]; the way back, from number to name, is [`known`].
//!
//! INVARIANT: no I/O, no clock, no async in this crate.

#[macro_use]
pub mod wire;

pub mod change;
pub mod content;
pub mod conversation;
pub mod entry_id;
pub mod entry_list;
pub mod error;
pub mod generated;
pub mod guid;
pub mod ids;
pub mod idset;
pub mod known;
mod md5;
pub mod named;
pub mod oracle;
pub mod recipient;
pub mod restriction;
pub mod row;
pub mod rule;
pub mod rule_action;
pub mod server_id;
pub mod sort;
pub mod tag;
pub mod text;
pub mod time;
pub mod value;

pub use change::{ChangeList, Xid};
pub use content::{
    AttachedContent, AttachmentContent, MessageContent, PropertyBag, PropertyKey, RecipientContent,
};
pub use entry_id::EntryId;
pub use error::ErrorCode;
pub use generated::{named as names, tags};
pub use guid::Guid;
pub use ids::{ChangeNumber, FolderId, GlobalCounter, LongTermId, MessageId, ReplId};
pub use idset::{GlobSet, IdSet};
pub use named::{PropertyName, PropertyNameKind};
pub use recipient::RecipientRow;
pub use restriction::Restriction;
pub use row::{Cell, PropertyProblem, PropertyRow, TaggedValue};
pub use sort::{SortOrder, SortOrderSet};
pub use tag::{PropertyTag, PropertyType};
pub use text::WString;
pub use time::FileTime;
pub use value::PropertyValue;
pub use wire::{Reader, Wire, WireError, WireWith};
