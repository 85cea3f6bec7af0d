//! Logging on and releasing ([MS-OXCSTOR] 3.2.5.1, [MS-OXCROPS] 3.2.5.3).

use mapi::{ErrorCode, FileTime, ReplId};
use mapi_rop::logon::{
    LogonFlags, LogonOpenFlags, LogonRequest, LogonResponseFlags, LogonTime, PrivateLogon,
    SpecialFolders,
};
use std::sync::Arc;

use store::permission::{self, User};
use store::{Account, SpecialFolder};

use crate::call::{Call, Opened};
use crate::error::Result;
use crate::handles::{NodeId, Tree};
use crate::ledger::Kind;
use crate::lock::LockRecord;
use crate::object::{Logon, Object};
use crate::processor::Processor;
use crate::session::SessionContext;

/// All flags that [MS-OXCSTOR] 2.2.1.1.1 defines.
const KNOWN_LOGON_FLAGS: u8 = 0x0f;
const KNOWN_OPEN_FLAGS: u32 = 0x2100_070f;

/// RopLogon to a private mailbox ([MS-OXCSTOR] 3.2.5.1.1).
pub fn logon(call: &mut Call<'_>, request: &LogonRequest) -> Result<Opened<PrivateLogon>> {
    // MS-OXCSTOR R1202
    if request.flags.0 & !KNOWN_LOGON_FLAGS != 0 || request.open_flags.0 & !KNOWN_OPEN_FLAGS != 0 {
        return Err(ErrorCode::ERROR.into());
    }
    // There is no public folder store: no suitable server can be found (MS-OXCSTOR R835).
    if !request.flags.contains(LogonFlags::PRIVATE)
        || request.open_flags.contains(LogonOpenFlags::PUBLIC)
    {
        return Err(ErrorCode::LOGIN_FAILURE.into());
    }
    // MS-OXCSTOR R3102
    if !formats::text::charsets::is_known(call.session.locale.code_page) {
        return Err(ErrorCode::UNKNOWN_CODE_PAGE.into());
    }
    let account = account_of(call, request)?;
    // MS-OXCSTOR R794
    if account.disabled {
        return Err(ErrorCode::UNKNOWN_USER.into());
    }
    let store = &call.processor.store;
    let user = &call.session.user;
    let user = store.user_of(account.mailbox, user)?;
    let mailbox = call.processor.warm.mailbox(store, account.mailbox)?;
    // A delegate logs on where some folder grants him something.
    if let User::Other(guid) = user
        && !permission::grants_anything(&mailbox, guid)?
    {
        return Err(ErrorCode::LOGIN_FAILURE.into());
    }
    let (guid, replica_guid) = (mailbox.guid(), mailbox.replica());
    let now = store.now();

    let entry = call.count(Kind::Logon)?;
    let lock = LockRecord::new(
        account.mailbox,
        call.session.account.session(),
        now,
        call.session.account.user(),
        call.processor.control,
        call.count(Kind::Lock)?,
    );
    let account = Arc::clone(&call.session.account);
    let staging = store.metered_staging(call.processor.limits.staged_per_session, account);
    let logon = Logon { mailbox, user, staging, lock, spooler: false, feed: None, entry };
    let handle = call.tree.insert_logon(call.logon_id, Object::Logon(Box::new(logon)))?;

    let kept = LogonFlags::PRIVATE | LogonFlags::UNDERCOVER | LogonFlags::GHOSTED;
    let response = PrivateLogon {
        // MS-OXCSTOR R1062
        flags: LogonFlags(request.flags.0 & kept.0),
        folders: SpecialFolders(SpecialFolder::of_logon()),
        // Full access includes sending; a delegate has neither (MS-OXCSTOR R123 to R127).
        response_flags: match user.is_full() {
            true => {
                LogonResponseFlags::RESERVED
                    | LogonResponseFlags::OWNER_RIGHT
                    | LogonResponseFlags::SEND_AS_RIGHT
            }
            false => LogonResponseFlags::RESERVED,
        },
        mailbox_guid: guid,
        replica: OWN_REPLICA,
        replica_guid,
        logon_time: logon_time(now),
        gwart_time: 0,
        store_state: 0,
    };
    Ok(Opened { handle, response })
}

const OWN_REPLICA: ReplId = mapi::ids::OWN_REPLICA;

/// The account of the ESSDN ([MS-OXCSTOR] 3.2.5.1.1 R787, R788).
fn account_of(call: &Call<'_>, request: &LogonRequest) -> Result<Arc<Account>> {
    let store = &call.processor.store;
    let Some(dn) = request.mailbox() else { return Err(ErrorCode::UNKNOWN_USER.into()) };
    if is_own(call.session, dn) {
        return Ok(call.processor.warm.account(store, call.session.user.id)?);
    }
    // Beyond the specification: a client that asked no Autodiscover knows an address and no DN.
    let found = match store.account_by_legacy_dn(dn)? {
        None => store.account_by_address(dn)?,
        found => found,
    };
    found.map(Arc::new).ok_or_else(|| ErrorCode::UNKNOWN_USER.into())
}

fn is_own(session: &SessionContext, dn: &str) -> bool {
    dn.eq_ignore_ascii_case(&session.user.legacy_dn)
}

/// Whether a logon finds all that it needs in memory: the own mailbox, opened not long ago.
pub fn is_light(processor: &Processor, session: &SessionContext, request: &LogonRequest) -> bool {
    request.mailbox().is_some_and(|dn| is_own(session, dn))
        && processor
            .warm
            .known_account(&processor.store, session.user.id)
            .is_some_and(|account| processor.warm.known_mailbox(account.mailbox).is_some())
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
