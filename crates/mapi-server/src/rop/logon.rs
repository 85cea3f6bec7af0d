//! Logging on and releasing ([MS-OXCSTOR] 3.2.5.1, [MS-OXCROPS] 3.2.5.3).

use mapi::{ErrorCode, FileTime, PropertyTag, ReplId, tags};
use mapi_rop::irregular::LogonResponse;
use mapi_rop::logon::{
    LogonFlags, LogonOpenFlags, LogonRequest, LogonResponseFlags, LogonTime, PrivateLogon,
    PublicLogon, SpecialFolders,
};
use std::sync::Arc;

use mapi::Wire;
use mapi::entry_id::AddressBookEntryId;
use store::mailbox::store_properties;
use store::permission::{self, User};
use store::{Account, Mailbox, PublicFolder, SpecialFolder, StoreError, Value};

use crate::call::{Call, Opened};
use crate::error::{Failure, Result};
use crate::handles::{Handle, NodeId, Tree};
use crate::ledger::Kind;
use crate::lock::LockRecord;
use crate::object::{Logon, Object};
use crate::processor::Processor;
use crate::session::SessionContext;

/// All flags that [MS-OXCSTOR] 2.2.1.1.1 defines.
const KNOWN_LOGON_FLAGS: u8 = 0x0f;
const KNOWN_OPEN_FLAGS: u32 = 0x2100_070f;
/// Display type of a mailbox user in an address book entry id ([MS-OXCDATA] 2.2.5.2).
const MAIL_USER: u32 = 0;

/// Why a logon failed.
#[derive(Debug)]
pub enum Refusal {
    Code(ErrorCode),
    /// ecWrongServer: this is not the server that was asked for, but one that would do
    /// ([MS-OXCSTOR] 2.2.1.1.2).
    Redirect {
        flags: LogonFlags,
        server: String,
    },
}

impl<E: Into<Failure>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Refusal::Code(error.into().0)
    }
}

/// RopLogon ([MS-OXCSTOR] 3.2.5.1).
pub fn logon(
    call: &mut Call<'_>,
    request: &LogonRequest,
) -> Result<Opened<LogonResponse>, Refusal> {
    // MS-OXCSTOR R1202, R3109
    if request.flags.0 & !KNOWN_LOGON_FLAGS != 0 || request.open_flags.0 & !KNOWN_OPEN_FLAGS != 0 {
        return Err(ErrorCode::ERROR.into());
    }
    // MS-OXCSTOR R3110001: one flag says public, the other must not say private.
    let private = request.flags.contains(LogonFlags::PRIVATE);
    if private == request.open_flags.contains(LogonOpenFlags::PUBLIC) {
        return Err(ErrorCode::LOGIN_FAILURE.into());
    }
    // MS-OXCSTOR R3102
    if !formats::text::charsets::is_known(call.session.locale.code_page) {
        return Err(ErrorCode::UNKNOWN_CODE_PAGE.into());
    }
    match private {
        true => private_logon(call, request),
        false => public_logon(call, request),
    }
}

/// To a mailbox ([MS-OXCSTOR] 3.2.5.1.1).
fn private_logon(
    call: &mut Call<'_>,
    request: &LogonRequest,
) -> Result<Opened<LogonResponse>, Refusal> {
    let account = account_of(call, request)?;
    // MS-OXCSTOR R794. The public folders are no mailbox.
    if account.disabled {
        return Err(ErrorCode::UNKNOWN_USER.into());
    }
    let store = &call.processor.store;
    let user = user_in(call, request, &account)?;
    // MS-OXCSTOR R802, R803, R1204: one session has one mapping of ids, unless the client says that it knows better.
    let per_mailbox = request.open_flags.contains(LogonOpenFlags::USE_PER_MDB_REPLID_MAPPING);
    if !call.session.logons.is_first(account.mailbox) && !per_mailbox {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let mailbox = call.processor.warm.mailbox(store, account.mailbox).map_err(unavailable)?;
    // A delegate logs on where some folder grants him something.
    if let User::Other(guid) = user
        && !permission::grants_anything(&mailbox, guid).map_err(unavailable)?
    {
        return Err(ErrorCode::LOGIN_FAILURE.into());
    }
    // Full access includes sending; a delegate has neither (MS-OXCSTOR R123 to R127).
    let rights = match user.is_full() {
        true => LogonResponseFlags::OWNER_RIGHT | LogonResponseFlags::SEND_AS_RIGHT,
        false => LogonResponseFlags::NONE,
    };
    // MS-OXCSTOR R128, R129
    let oof = match store_properties::out_of_office(&mailbox).map_err(unavailable)? {
        true => LogonResponseFlags::OOF,
        false => LogonResponseFlags::NONE,
    };
    let (guid, replica_guid) = (mailbox.guid(), mailbox.replica());
    let now = store.now();
    let handle = open(call, mailbox, user, request.open_flags)?;
    let response = PrivateLogon {
        // MS-OXCSTOR R1062
        flags: returned(request.flags),
        folders: SpecialFolders(SpecialFolder::of_logon()),
        // MS-OXCSTOR R123 to R127
        response_flags: LogonResponseFlags::RESERVED | rights | oof,
        mailbox_guid: guid,
        replica: OWN_REPLICA,
        replica_guid,
        logon_time: logon_time(now),
        gwart_time: 0,
        store_state: 0,
    };
    Ok(Opened { handle, response: LogonResponse::Private(Box::new(response)) })
}

/// As whom the user meets a mailbox. An administrator who asks for it has full access (MS-OXCSTOR R72).
fn user_in(call: &Call<'_>, request: &LogonRequest, account: &Account) -> Result<User, Refusal> {
    let (store, session) = (&call.processor.store, call.session);
    let user = store.user_of(account.mailbox, &session.user).map_err(unavailable)?;
    if user.is_full() || !request.open_flags.contains(LogonOpenFlags::USE_ADMIN_PRIVILEGE) {
        return Ok(user);
    }
    match store.is_administrator(session.user.id).map_err(unavailable)? {
        true => Ok(User::FullAccess),
        // MS-OXCSTOR R187, R188
        false => Err(ErrorCode::ACCESS_DENIED.into()),
    }
}

/// To the public folders ([MS-OXCSTOR] 3.2.5.1.2). Whoever is connected has a mailbox (R825), and there is one
/// server and one store for all.
fn public_logon(
    call: &mut Call<'_>,
    request: &LogonRequest,
) -> Result<Opened<LogonResponse>, Refusal> {
    let store = &call.processor.store;
    // MS-OXCSTOR R833, R835: no other server can be found.
    if request.open_flags.contains(LogonOpenFlags::ALTERNATE_SERVER) {
        return Err(ErrorCode::LOGIN_FAILURE.into());
    }
    let account = store.make_public_folders().map_err(unavailable)?;
    if !is_here(call, request, &account)? {
        let server = store.server_dn()?;
        // MS-OXCSTOR R3103
        if call.session.logons.redirect(store.now()) {
            return Err(ErrorCode::SERVER_PAUSED.into());
        }
        return Err(Refusal::Redirect { flags: returned(request.flags), server });
    }
    let mailbox = call.processor.warm.mailbox(store, account.mailbox).map_err(unavailable)?;
    // Folders say who may do what in them; administrators may do all.
    let own = call.session.user.mailbox_guid;
    let user = match store.is_administrator(call.session.user.id).map_err(unavailable)? {
        true => User::FullAccess,
        false => User::Other(own),
    };
    let replica_guid = mailbox.replica();
    let handle = open(call, mailbox.as_seen_by(own), user, request.open_flags)?;
    let response = PublicLogon {
        // MS-OXCSTOR R1071
        flags: returned(request.flags),
        folders: SpecialFolders(PublicFolder::of_logon()),
        replica: OWN_REPLICA,
        replica_guid,
        // MS-OXCSTOR R162
        per_user_guid: mapi::Guid::NULL,
    };
    Ok(Opened { handle, response: LogonResponse::Public(Box::new(response)) })
}

/// Whether a public logon names this server: by nothing, by the server's name or one below it, by the store's own
/// account, or by the mailbox of who asks (MS-OXCSTOR R107, R1266001).
fn is_here(call: &Call<'_>, request: &LogonRequest, public: &Account) -> Result<bool> {
    let Some(named) = request.mailbox() else { return Ok(true) };
    let named = named.to_ascii_lowercase();
    let server = call.processor.store.server_dn()?.to_ascii_lowercase();
    let below =
        named.strip_prefix(&server).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    Ok(below || is_own(call.session, &named) || named.eq_ignore_ascii_case(&public.legacy_dn))
}

/// Counts the logon and puts it into the owner tree.
fn open(
    call: &mut Call<'_>,
    mailbox: Arc<Mailbox>,
    user: User,
    flags: LogonOpenFlags,
) -> Result<Handle> {
    let entry = call.count(Kind::Logon)?;
    let lock = LockRecord::new(
        mailbox.number(),
        call.session.account.session(),
        call.processor.store.now(),
        call.session.account.user(),
        call.processor.control,
        call.count(Kind::Lock)?,
    );
    let account = Arc::clone(&call.session.account);
    let staging =
        call.processor.store.metered_staging(call.processor.limits.staged_per_session, account);
    let logon = Logon {
        mailbox,
        user,
        staging,
        per_user: None,
        lock,
        spooler: false,
        supports_progress: flags.contains(LogonOpenFlags::SUPPORT_PROGRESS),
        operation: None,
        feed: None,
        entry,
    };
    Ok(call.tree.insert_logon(call.logon_id, Object::Logon(Box::new(logon)))?)
}

/// The flags that come back unchanged (MS-OXCSTOR R1061, R1062, R1071).
fn returned(flags: LogonFlags) -> LogonFlags {
    let kept = LogonFlags::PRIVATE | LogonFlags::UNDERCOVER | LogonFlags::GHOSTED;
    LogonFlags(flags.0 & kept.0)
}

/// A store that cannot be asked (MS-OXCSTOR R3100, R3108, R59747001).
fn unavailable(error: StoreError) -> Refusal {
    tracing::warn!(%error, "a logon failed");
    ErrorCode::LOGIN_FAILURE.into()
}

/// Properties of a logon that are about the session ([MS-OXCSTOR] 2.2.2.1.1.11, 2.2.2.1.1.15, 2.2.2.2.1); None for
/// all others.
pub fn session_property(session: &SessionContext, tag: PropertyTag) -> Option<Value> {
    const USER: u16 = tags::USER_ENTRY_ID.id();
    const CODE_PAGE: u16 = tags::CODE_PAGE_ID.id();
    match tag.id() {
        USER => Some(AddressBookEntryId::new(&session.user.legacy_dn, MAIL_USER).to_wire().into()),
        CODE_PAGE => Some((session.locale.code_page as i32).into()),
        _ => None,
    }
}

const OWN_REPLICA: ReplId = mapi::ids::OWN_REPLICA;

/// The account of the ESSDN ([MS-OXCSTOR] 3.2.5.1.1 R787, R788).
fn account_of(call: &Call<'_>, request: &LogonRequest) -> Result<Arc<Account>, Refusal> {
    let store = &call.processor.store;
    let Some(dn) = request.mailbox() else { return Err(ErrorCode::UNKNOWN_USER.into()) };
    if is_own(call.session, dn) {
        return match call.processor.warm.account(store, call.session.user.id) {
            // It was removed while the session lives.
            Err(StoreError::NotFound(_)) => Err(ErrorCode::UNKNOWN_USER.into()),
            found => found.map_err(unavailable),
        };
    }
    // Beyond the specification: a client that asked no Autodiscover knows an address and no DN.
    let found = match store.account_by_legacy_dn(dn).map_err(unavailable)? {
        None => store.account_by_address(dn).map_err(unavailable)?,
        found => found,
    };
    found.map(Arc::new).ok_or_else(|| ErrorCode::UNKNOWN_USER.into())
}

fn is_own(session: &SessionContext, dn: &str) -> bool {
    dn.eq_ignore_ascii_case(&session.user.legacy_dn)
}

/// Whether a logon finds all that it needs in memory: the own mailbox, opened not long ago.
pub fn is_light(processor: &Processor, session: &SessionContext, request: &LogonRequest) -> bool {
    let known = |mailbox: Arc<Mailbox>| store_properties::known_out_of_office(&mailbox).is_some();
    request.flags.contains(LogonFlags::PRIVATE)
        && request.mailbox().is_some_and(|dn| is_own(session, dn))
        && processor
            .warm
            .known_account(&processor.store, session.user.id)
            .is_some_and(|account| processor.warm.known_mailbox(account.mailbox).is_some_and(known))
}

/// Whether the release of a node only frees memory, and little of it.
pub fn releases_lightly(tree: &Tree<Object>, node: NodeId) -> bool {
    match tree.get(node) {
        Some(Object::Folder(_)) => true,
        // Its mailbox stays open for somebody else.
        Some(Object::Logon(logon)) => tree.is_alone(node) && Arc::strong_count(&logon.mailbox) > 1,
        _ => false,
    }
}

/// RopRelease. It has no answer and no errors ([MS-OXCROPS] 3.2.5.3 R4572, R4573).
pub fn release(call: &mut Call<'_>, node: NodeId) {
    // What a stream on a folder holds is kept when the stream is released (MS-OXCPRPT R40802).
    if let Some(Object::Stream(stream)) = call.tree.get(node)
        && stream.dirty
        && let Err(failure) = super::stream::commit(call, node)
    {
        tracing::debug!(code = %failure.0, "a released stream could not be committed");
    }
    call.tree.release(node);
}

/// A time as RopLogon tells it ([MS-OXCROPS] 2.2.3.1.2.1).
fn logon_time(time: FileTime) -> LogonTime {
    let (year, month, day, hour, minutes, seconds) = time.to_civil();
    // 1601-01-01, where FILETIME begins, was a Monday.
    let days = time.0 / (86_400 * 10_000_000);
    LogonTime {
        seconds,
        minutes,
        hour,
        day_of_week: ((days + 1) % 7) as u8,
        day,
        month,
        year: u16::try_from(year).unwrap_or(u16::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_dates() {
        // 2026-11-22 23:40:05 UTC, a Sunday.
        let unix = 1_795_390_805u64;
        let time = FileTime((unix + 11_644_473_600) * 10_000_000);
        let expected = LogonTime {
            seconds: 5,
            minutes: 40,
            hour: 23,
            day_of_week: 0,
            day: 22,
            month: 11,
            year: 2026,
        };
        assert_eq!(logon_time(time), expected);
        let first = logon_time(FileTime(0));
        assert_eq!((first.year, first.month, first.day, first.day_of_week), (1601, 1, 1, 1));
    }
}
