//! The table of Session Contexts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use store::{Account as User, AccountId};

use super::{Locale, SessionContext, Token};
use crate::ledger::{Account, Kind, Ledger};
use crate::limits::Limits;

/// Owns the Session Contexts.
pub struct Sessions {
    ledger: Arc<Ledger>,
    limits: Arc<Limits>,
    next: AtomicU64,
    map: Mutex<Map>,
}

#[derive(Default)]
struct Map {
    sessions: HashMap<Token, Arc<SessionContext>>,
    /// How many sessions each user holds; none stands here with zero.
    held: HashMap<AccountId, usize>,
}

impl Map {
    fn remove(&mut self, token: Token) -> Option<Arc<SessionContext>> {
        let session = self.sessions.remove(&token)?;
        if let Entry::Occupied(mut held) = self.held.entry(session.user.id) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
        Some(session)
    }
}

/// Why there is no new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The user, or all users together, hold as many sessions as they may.
    #[error("too many sessions")]
    TooMany,
    #[error("the operating system gives no random numbers")]
    NoRandom,
}

impl Sessions {
    pub fn new(ledger: Arc<Ledger>, limits: Arc<Limits>) -> Sessions {
        Sessions { ledger, limits, next: AtomicU64::new(1), map: Mutex::default() }
    }

    /// Makes a Session Context for an authenticated user. `client` is what the client calls itself.
    pub fn connect(
        &self,
        user: Arc<User>,
        locale: Locale,
        client: String,
    ) -> Result<Arc<SessionContext>, ConnectError> {
        let token = Token::random().map_err(|_| ConnectError::NoRandom)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let account = Account::new(
            Arc::clone(&self.ledger),
            Arc::clone(&self.limits),
            number,
            user.address.clone(),
            client,
        );
        let entry = account.open(Kind::Session, 0).map_err(|_| ConnectError::TooMany)?;
        let session = Arc::new(SessionContext::new(token, user, locale, account, entry));

        let mut map = self.map.lock();
        let limit = self.limits.sessions_per_user;
        let held = map.held.get(&session.user.id).copied().unwrap_or(0);
        let all = map.sessions.len();
        if held >= limit || all >= self.limits.sessions {
            drop(map);
            self.ledger.count_refusal();
            tracing::warn!(
                user = session.account.user(),
                client = session.account.client(),
                held,
                limit,
                all,
                "limit of sessions reached, connection refused"
            );
            return Err(ConnectError::TooMany);
        }
        let early = limit * 4 / 5;
        if held + 1 == early {
            tracing::warn!(
                user = session.account.user(),
                client = session.account.client(),
                held = held + 1,
                limit,
                "four fifths of a user's sessions are used"
            );
        }
        map.sessions.insert(token, Arc::clone(&session));
        *map.held.entry(session.user.id).or_default() += 1;
        drop(map);
        Ok(session)
    }

    pub fn get(&self, token: Token) -> Option<Arc<SessionContext>> {
        self.map.lock().sessions.get(&token).cloned()
    }

    /// Ends a session and gives it back, so that the caller decides where it is dropped.
    pub fn end(&self, token: Token) -> Option<Arc<SessionContext>> {
        let session = self.map.lock().remove(token)?;
        session.end();
        Some(session)
    }

    /// Ends the sessions that were idle for too long: abandoned ones are the normal case, not an error.
    /// Gives them back to be dropped.
    pub fn reap(&self) -> Vec<Arc<SessionContext>> {
        let idle: Vec<Arc<SessionContext>> = {
            let mut map = self.map.lock();
            let limit = self.limits.session_idle;
            let tokens: Vec<Token> = map
                .sessions
                .values()
                .filter(|session| session.is_idle_for(limit))
                .map(|session| session.token)
                .collect();
            tokens.into_iter().filter_map(|token| map.remove(token)).collect()
        };
        idle.iter().for_each(|session| session.end());
        idle
    }

    /// Ends all sessions.
    pub fn end_all(&self) -> Vec<Arc<SessionContext>> {
        let map = std::mem::take(&mut *self.map.lock());
        let all: Vec<_> = map.sessions.into_values().collect();
        all.iter().for_each(|session| session.end());
        all
    }

    /// The sessions that are there now.
    pub fn list(&self) -> Vec<Arc<SessionContext>> {
        self.map.lock().sessions.values().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.map.lock().sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
