//! iCalendar (RFC 5545) to and from [`MessageContent`](mapi::MessageContent), after [MS-OXCICAL].

pub mod blob;
pub(crate) mod civil;
mod known_zones;
mod pattern;
mod read;
mod rule;
mod windows_zones;
mod write;
mod zone;

use mapi::known::KnownName;
use mapi::names::lid;

pub(crate) use read::read_meeting;
pub use read::{Calendar, CalendarError, MAX_FILE, read};
pub use write::write;
pub(crate) use write::{Place, purpose, write_for};

/// Texts of meetings that have a property of their own ([MS-OXCICAL]).
const MEETING_TEXTS: [(&str, KnownName); 6] = [
    ("X-MS-OLK-MWSURL", lid::MEETING_WORKSPACE_URL),
    ("X-MS-OLK-NETSHOWURL", lid::NET_SHOW_URL),
    ("X-MS-OLK-ONLINEPASSWORD", lid::ONLINE_PASSWORD),
    ("X-MS-OLK-ORGALIAS", lid::ORGANIZER_ALIAS),
    ("X-MS-OLK-COLLABORATEDOC", lid::COLLABORATE_DOC),
    ("X-MS-OLK-DIRECTORY", lid::DIRECTORY),
];
