//! The table of Session Contexts.
//!
//! It has many parts with a lock each, and none is held for longer than it takes to look at one part: with
//! ten thousand idle sessions no request waits for another's, nor for the timer that ends the abandoned ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use store::Account as User;

use super::{Locale, SessionContext, Token};
use crate::ledger::{Account, Client, Kind, LimitReached, Owner};
use crate::limits::Limits;

/// Owns the Session Contexts.
pub struct Sessions {
    limits: Arc<Limits>,
    next: AtomicU64,
    parts: [Mutex<Part>; PARTS],
}

/// A part of the table. It begins with room for [`ROOM`] sessions and has no more when it is empty: else the
/// room of each part would grow, slowly and for ever, with the most sessions that chance ever put into it.
type Part = HashMap<Token, Arc<SessionContext>>;

const PARTS: usize = 32;

/// Sessions that a part has room for from the beginning on.
const ROOM: usize = 14;

/// Why there is no new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The user, or all users together, hold as many sessions as they may.
    #[error(transparent)]
    TooMany(#[from] LimitReached),
    #[error("the operating system gives no random numbers")]
    NoRandom,
}

impl Sessions {
    pub fn new(limits: Arc<Limits>) -> Sessions {
        let parts = std::array::from_fn(|_| Mutex::new(new_part()));
        Sessions { limits, next: AtomicU64::new(1), parts }
    }

    /// Makes a Session Context for an authenticated user, whose counts `owner` are.
    ///
    /// # Errors
    /// The user, or all together, hold as many sessions as they may; there are no random numbers.
    pub fn connect(
        &self,
        owner: Arc<Owner>,
        user: Arc<User>,
        locale: Locale,
        client: Client,
    ) -> Result<Arc<SessionContext>, ConnectError> {
        let token = Token::random().map_err(|_| ConnectError::NoRandom)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let account = Account::new(owner, number, client);
        let entry = account.open(Kind::Session, 0)?;
        let session = Arc::new(SessionContext::new(token, user, locale, account, entry));
        self.part(token).lock().insert(token, Arc::clone(&session));
        Ok(session)
    }

    pub fn get(&self, token: Token) -> Option<Arc<SessionContext>> {
        self.part(token).lock().get(&token).cloned()
    }

    /// Ends a session and gives it back, so that the caller decides where it is dropped.
    pub fn end(&self, token: Token) -> Option<Arc<SessionContext>> {
        let mut part = self.part(token).lock();
        let session = part.remove(&token)?;
        give_back_room(&mut part);
        drop(part);
        session.end();
        Some(session)
    }

    /// Ends the sessions that were idle for too long: abandoned ones are the normal case, not an error.
    /// Gives them back to be dropped.
    pub fn reap(&self) -> Vec<Arc<SessionContext>> {
        self.reap_idle_for(self.limits.session_idle)
    }

    /// Ends the sessions that were idle for `limit`.
    pub fn reap_idle_for(&self, limit: Duration) -> Vec<Arc<SessionContext>> {
        let mut idle = Vec::new();
        for part in &self.parts {
            let mut part = part.lock();
            idle.extend(part.extract_if(|_, session| session.is_idle_for(limit)));
            give_back_room(&mut part);
        }
        idle.into_iter().map(|(_, session)| session).inspect(|session| session.end()).collect()
    }

    /// Ends all sessions.
    pub fn end_all(&self) -> Vec<Arc<SessionContext>> {
        let all =
            self.parts.iter().flat_map(|part| std::mem::replace(&mut *part.lock(), new_part()));
        all.map(|(_, session)| session).inspect(|session| session.end()).collect()
    }

    /// The sessions that are there now.
    pub fn list(&self) -> Vec<Arc<SessionContext>> {
        let mut all = Vec::new();
        for part in &self.parts {
            all.extend(part.lock().values().cloned());
        }
        all
    }

    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens are drawn at random, so their first bytes fall everywhere.
    fn part(&self, token: Token) -> &Mutex<Part> {
        &self.parts[usize::from(token.0[0]) % PARTS]
    }
}

fn new_part() -> Part {
    HashMap::with_capacity(ROOM)
}

fn give_back_room(part: &mut Part) {
    if part.is_empty() && part.capacity() > ROOM {
        part.shrink_to(ROOM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_was_full_gives_its_room_back() {
        let mut part = new_part();
        let room = part.capacity();
        part.reserve(1000);
        give_back_room(&mut part);
        assert_eq!(part.capacity(), room);
        assert!(room >= ROOM, "{room}");
    }
}
