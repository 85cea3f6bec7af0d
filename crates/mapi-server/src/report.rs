//! Who holds what, for people: the ledger's counts by user, by client and by session.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::ledger::{Done, Use};
use crate::processor::Processor;

/// A session and what it holds.
#[derive(Debug, Clone)]
pub struct SessionReport {
    pub session: u64,
    pub user: String,
    pub client: String,
    pub peer: Option<SocketAddr>,
    pub age: Duration,
    /// Since its last request.
    pub idle: Duration,
    pub usage: Use,
    pub done: Done,
}

/// The sessions of one user or of one client, and what they hold together. What belongs to a user and to no
/// session, his connections and cached credentials, counts as the user's only.
#[derive(Debug, Clone, Default)]
pub struct GroupReport {
    pub usage: Use,
    /// Of the sessions that are there now.
    pub done: Done,
    /// Of the oldest session.
    pub age: Duration,
}

/// What a server's sessions hold at a moment.
#[derive(Debug, Clone)]
pub struct Report {
    pub total: Use,
    pub sessions: Vec<SessionReport>,
    pub users: BTreeMap<String, GroupReport>,
    pub clients: BTreeMap<String, GroupReport>,
}

impl Report {
    /// Asks the sessions one after the other: each row is true, and their sum may be off by what came and
    /// went meanwhile. `user` leaves the others out.
    pub fn of(processor: &Processor, user: Option<&str>) -> Report {
        let wanted = |address: &str| user.is_none_or(|user| user.eq_ignore_ascii_case(address));
        let mut report = Report {
            total: processor.ledger.usage(),
            sessions: Vec::new(),
            users: BTreeMap::new(),
            clients: BTreeMap::new(),
        };
        for owner in processor.ledger.owners() {
            if wanted(owner.address()) {
                let group = GroupReport { usage: owner.usage(), ..GroupReport::default() };
                report.users.insert(owner.address().to_owned(), group);
            }
        }
        for session in processor.sessions.list() {
            let account = &session.account;
            if !wanted(account.user()) {
                continue;
            }
            let row = SessionReport {
                session: account.session(),
                user: account.user().to_owned(),
                client: account.client().name.to_string(),
                peer: account.client().peer,
                age: account.born().elapsed(),
                idle: session.idle(),
                usage: account.usage(),
                done: account.work.read(),
            };
            // What the user holds is known already, with what belongs to no session.
            let user = report.users.entry(row.user.clone()).or_default();
            user.add(&row);
            let client = report.clients.entry(row.client.clone()).or_default();
            client.usage.add(&row.usage);
            client.add(&row);
            report.sessions.push(row);
        }
        report.sessions.sort_unstable_by_key(|row| row.session);
        report
    }
}

impl GroupReport {
    fn add(&mut self, row: &SessionReport) {
        self.done.add(&row.done);
        self.age = self.age.max(row.age);
    }
}
