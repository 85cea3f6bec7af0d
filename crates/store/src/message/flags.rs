//! Bits of PidTagMessageFlags ([MS-OXCMSG] 2.2.1.6).

pub const READ: u32 = 0x0001;
pub const UNMODIFIED: u32 = 0x0002;
pub const SUBMITTED: u32 = 0x0004;
pub const UNSENT: u32 = 0x0008;
pub const HAS_ATTACHMENTS: u32 = 0x0010;
pub const FROM_ME: u32 = 0x0020;
/// Folder-associated information.
pub const ASSOCIATED: u32 = 0x0040;
pub const RESEND: u32 = 0x0080;
pub const NOTIFY_READ: u32 = 0x0100;
pub const NOTIFY_UNREAD: u32 = 0x0200;
/// Set with READ, and kept when that is cleared.
pub const EVER_READ: u32 = 0x0400;
pub const INTERNET: u32 = 0x2000;
pub const UNTRUSTED: u32 = 0x8000;

/// Those that are computed and not kept.
pub const COMPUTED: u32 = READ | HAS_ATTACHMENTS | ASSOCIATED;
/// Those that no client gives a new message.
pub const SERVERS: u32 = COMPUTED | EVER_READ | SUBMITTED;
