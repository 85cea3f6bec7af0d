//! What a client may do and what he is answered: a state machine without a socket (RFC 9051 3).
//!
//! [`Session::handle`] takes a command and appends its responses. A long answer comes in pieces: after
//! [`Next::More`] the caller sends what there is and asks [`Session::resume`] for the rest. Everything here asks the
//! store and may wait for the disk.

mod acl;
mod append;
mod change;
mod context;
mod fetch;
mod folders;
mod metadata;
mod place;
mod preview;
mod property;
mod search;
mod select;
mod shared;
mod sort;
mod source;
mod special;
#[cfg(test)]
mod tests;
mod urls;

use std::borrow::Cow;

use store::message::Marks;
use store::notify::{self, Watch};
use store::{Account, Store, StoreError};

use place::User;

use super::command::{By, Command, Flag, Name, SequenceSet, Tagged};
use super::mailbox::{Known, Selected};
use super::names;
use super::response::{category, keyword, put};

/// What a session depends on beside the store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Passwords may not be sent on this connection (LOGINDISABLED, RFC 9051 6.2.3).
    pub login_disabled: bool,
    /// TLS may be asked for (STARTTLS, RFC 9051 6.2.1).
    pub starttls: bool,
    /// Bytes of an appended message at most (APPENDLIMIT, RFC 7889).
    pub append_limit: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options { login_disabled: false, starttls: false, append_limit: 64 << 20 }
    }
}

/// What the caller does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The next command may come.
    Done,
    /// The answer goes on: [`Session::resume`].
    More,
    /// Wait for changes or for DONE: [`Session::news`], [`Session::idle_ends`].
    Idle,
    /// Close the connection.
    Logout,
    /// Compress the connection if there is room: [`Session::compress`].
    Compress,
    /// Say OK, make a handshake, and begin again with another session.
    StartTls { tag: String },
    /// Find out whether this is somebody: [`Session::log_in`] or [`Session::refuse`].
    Verify { user: String, password: String },
    /// Begin a SASL exchange, then as above.
    Exchange { mechanism: String, initial: Option<String> },
}

pub struct Session {
    store: Store,
    options: Options,
    user: Option<User>,
    selected: Option<Selected>,
    /// Where what is selected stands, which may be somebody else's mailbox. There as long as `selected` is.
    place: Option<User>,
    /// Searches in it that are kept up to date.
    contexts: Vec<context::Context>,
    /// IMAP4rev2 (RFC 9051), UTF8=ACCEPT (RFC 6855), CONDSTORE and QRESYNC (RFC 7162).
    rev2: bool,
    utf8: bool,
    condstore: bool,
    qresync: bool,
    /// The tag of what waits: a log-in, IDLE.
    tag: String,
    fetching: Option<fetch::Fetching>,
    /// The last one who tried to log in was not let in.
    refused: bool,
    compressed: bool,
}

/// A command that was done: response code and text of its OK.
struct Done {
    code: Option<String>,
    text: &'static str,
}

/// A command that was not done.
#[derive(Debug, PartialEq, Eq)]
enum Fail {
    No(Option<Cow<'static, str>>, String),
    Bad(&'static str),
    /// A URL that names nothing this user may have (RFC 4469 4).
    BadUrl(String),
}

type Outcome = Result<Done, Fail>;

fn done(text: &'static str) -> Outcome {
    Ok(Done { code: None, text })
}

fn done_with(code: String, text: &'static str) -> Outcome {
    Ok(Done { code: Some(code), text })
}

fn no(code: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Fail {
    Fail::No(Some(code.into()), text.into())
}

impl From<StoreError> for Fail {
    /// The codes of RFC 5530.
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NotFound(_) | StoreError::ObjectDeleted(_) => Some("NONEXISTENT"),
            StoreError::DuplicateName | StoreError::Exists(_) => Some("ALREADYEXISTS"),
            StoreError::Access => Some("NOPERM"),
            StoreError::MailboxFull { .. } | StoreError::DiskFull => Some("OVERQUOTA"),
            StoreError::TooBig { .. } | StoreError::Quota(_) => Some("LIMIT"),
            StoreError::Invalid(_) | StoreError::FolderCycle | StoreError::SearchFolder => {
                Some("CANNOT")
            }
            StoreError::Corrupt(_) => Some("SERVERBUG"),
            StoreError::Closed | StoreError::LeaseLost => Some("UNAVAILABLE"),
            _ => None,
        };
        Fail::No(code.map(Cow::Borrowed), error.to_string())
    }
}

impl Session {
    pub fn new(store: Store, options: Options) -> Session {
        Session {
            store,
            options,
            user: None,
            selected: None,
            place: None,
            contexts: Vec::new(),
            rev2: false,
            utf8: false,
            condstore: false,
            qresync: false,
            tag: String::new(),
            fetching: None,
            refused: false,
            compressed: false,
        }
    }

    /// The line that a client gets first.
    pub fn greeting(&self) -> String {
        format!("* OK [CAPABILITY {}] Coffer is ready\r\n", self.capabilities())
    }

    /// Does a command and appends what is answered.
    pub fn handle(&mut self, tagged: Tagged, w: &mut Vec<u8>) -> Next {
        let Tagged { tag, command } = tagged;
        self.refused = false;
        if self.user.is_none()
            && let Some(next) = self.authenticate(&tag, &command)
        {
            return next;
        }
        // RFC 9051 7.5.1: no number changes while messages are named by number.
        let expunge = !matches!(
            command,
            Command::Fetch { by: By::Sequence, .. }
                | Command::Store { by: By::Sequence, .. }
                | Command::Search { by: By::Sequence, .. }
                | Command::Sort { by: By::Sequence, .. }
                | Command::Thread { by: By::Sequence, .. }
        );
        let outcome = match command {
            Command::Logout => {
                put(w, "* BYE Until next time\r\n");
                put(w, &format!("{tag} OK Logged out\r\n"));
                return Next::Logout;
            }
            Command::StartTls if self.user.is_none() && self.options.starttls => {
                return Next::StartTls { tag };
            }
            Command::Idle if self.user.is_some() => {
                self.tag = tag;
                put(w, "+ idling\r\n");
                self.news(w);
                return Next::Idle;
            }
            Command::Compress(mechanism)
                if self.user.is_some() && !self.compressed && mechanism == "DEFLATE" =>
            {
                self.tag = tag;
                return Next::Compress;
            }
            Command::Fetch { by, set, items, modifiers } => {
                match self.fetch(&tag, by, &set, items, modifiers, w) {
                    Ok(()) => return self.resume(w),
                    Err(fail) => Err(fail),
                }
            }
            command => self.command(&tag, command, w),
        };
        self.finish(&tag, outcome, expunge, w);
        Next::Done
    }

    fn command(&mut self, tag: &str, command: Command, w: &mut Vec<u8>) -> Outcome {
        match command {
            Command::Capability => {
                put(w, &format!("* CAPABILITY {}\r\n", self.capabilities()));
                done("These are the capabilities")
            }
            Command::Noop => done("Nothing done"),
            Command::Id(_) => {
                let version = env!("CARGO_PKG_VERSION");
                put(w, &format!("* ID (\"name\" \"Coffer\" \"version\" \"{version}\")\r\n"));
                done("Pleased to meet you")
            }
            Command::Login { .. } | Command::Authenticate { .. } if self.user.is_none() => {
                Err(no("PRIVACYREQUIRED", "passwords are taken over TLS only"))
            }
            Command::Login { .. } | Command::Authenticate { .. } => {
                Err(Fail::Bad("you are logged in already"))
            }
            Command::Enable(all) => self.enable(&all, w),
            Command::Namespace => {
                self.user()?;
                let space = |name: &str| format!("((\"{name}/\" \"/\"))");
                let (others, public) = (space(place::OTHERS), space(place::PUBLIC));
                put(w, &format!("* NAMESPACE ((\"\" \"/\")) {others} {public}\r\n"));
                done("These are the namespaces")
            }
            Command::Select { name, examine, condstore, qresync } => {
                self.select(&name, examine, condstore, qresync, w)
            }
            Command::Create { name, uses } => self.create(&name, &uses),
            Command::Delete(name) => self.delete(&name),
            Command::Rename { from, to } => self.rename(&from, &to),
            Command::Subscribe(name) => self.subscribe(&name, true),
            Command::Unsubscribe(name) => self.subscribe(&name, false),
            Command::List(list) => self.list(&list, w),
            Command::Lsub { reference, pattern } => self.lsub(&reference, &pattern, w),
            Command::Status { name, items } => self.status(&name, &items, w),
            Command::Append { name, messages } => self.append(&name, messages),
            Command::Check => {
                self.selected()?;
                done("There is nothing to check")
            }
            Command::Close => {
                let (selected, user) = self.selected()?;
                if !selected.read_only && user.may(selected.folder, place::DELETE)? {
                    change::expunge(&user.mailbox, selected, None)?;
                }
                self.deselect();
                done("Closed")
            }
            Command::Unselect => {
                self.selected()?;
                self.deselect();
                done("Closed, and nothing expunged")
            }
            Command::Expunge(set) => self.expunge(set.as_ref()),
            Command::Search { by, program } => self.search(tag, by, &program, w),
            Command::Store { by, set, unchanged_since, action, silent, flags } => {
                let edit = change::edit_of(action, &flags);
                self.store_flags(by, &set, unchanged_since, &edit, silent, w)
            }
            Command::Copy { by, set, to, moving } => self.copy(by, &set, &to, moving, w),
            Command::GetQuota(root) if root.is_empty() => {
                self.quota(w)?;
                done("This is the quota")
            }
            Command::GetQuota(_) => Err(no("NONEXISTENT", "there is no such quota root")),
            Command::GetQuotaRoot(name) => self.quota_root(&name, w),
            Command::CancelUpdate(tags) => {
                self.selected()?;
                let known = |tag: &String| self.contexts.iter().any(|context| context.is_of(tag));
                if !tags.iter().all(known) {
                    return Err(no("NONEXISTENT", "no search of this tag is kept up to date"));
                }
                self.contexts.retain(|context| !tags.iter().any(|tag| context.is_of(tag)));
                done("Not kept up to date any more")
            }
            Command::GenUrlAuth(urls) => self.generate(&urls, w),
            Command::UrlFetch(urls) => self.fetch_urls(&urls, w),
            Command::ResetKey { name, mechanisms } => self.reset_keys(name.as_ref(), &mechanisms),
            Command::GetAcl(name) => self.get_acl(&name, w),
            Command::MyRights(name) => self.my_rights(&name, w),
            Command::ListRights { name, identifier } => self.list_rights(&name, &identifier, w),
            Command::SetAcl { name, identifier, change, rights } => {
                self.set_acl(&name, &identifier, Some((change, &rights)))
            }
            Command::DeleteAcl { name, identifier } => self.set_acl(&name, &identifier, None),
            Command::GetMetadata { name, entries, depth, max_size } => {
                self.get_metadata(&name, &entries, depth, max_size, w)
            }
            Command::SetMetadata { name, entries } => self.set_metadata(&name, &entries),
            Command::Sort { by, order, program } => self.sort(tag, by, &order, &program, w),
            Command::Thread { by, algorithm, program } => self.thread(by, algorithm, &program, w),
            Command::Compress(mechanism) => match mechanism.as_str() {
                _ if self.user.is_none() => Err(Fail::Bad("log in first")),
                "DEFLATE" => Err(no("COMPRESSIONACTIVE", "everything is compressed already")),
                _ => Err(Fail::Bad("there is no such way to compress")),
            },
            Command::StartTls => Err(Fail::Bad("TLS cannot begin here, or began already")),
            Command::Idle => Err(Fail::Bad("log in first")),
            // They were dealt with above.
            Command::Logout | Command::Fetch { .. } => Err(Fail::Bad("not now")),
        }
    }

    /// Goes on with an answer that came in pieces.
    pub fn resume(&mut self, w: &mut Vec<u8>) -> Next {
        let Some(mut fetching) = self.fetching.take() else { return Next::Done };
        let Some((selected, user)) = self.selected.as_mut().zip(self.place.as_ref()) else {
            return Next::Done;
        };
        if fetch::go_on(&mut fetching, selected, &user.mailbox, w) {
            self.fetching = Some(fetching);
            return Next::More;
        }
        let (tag, outcome, expunge) = fetching.outcome();
        self.finish(&tag, outcome, expunge, w);
        Next::Done
    }

    /// What happened meanwhile, while the client idles.
    pub fn news(&mut self, w: &mut Vec<u8>) {
        self.tell(true, w);
    }

    /// The client ends IDLE.
    pub fn idle_ends(&mut self, w: &mut Vec<u8>) {
        let tag = std::mem::take(&mut self.tag);
        self.finish(&tag, done("Idled"), true, w);
    }

    /// What wakes an idle client: the watch of the mailbox that is selected.
    pub fn watch(&self) -> Option<&Watch> {
        self.selected.as_ref().map(Selected::watch)
    }

    /// Whether anybody logged in.
    pub fn is_logged_in(&self) -> bool {
        self.user.is_some()
    }

    /// Whether the last command was a log-in that was refused.
    pub fn was_refused(&self) -> bool {
        self.refused
    }

    /// Bytes of an appended message at most.
    pub fn append_limit(&self) -> usize {
        self.options.append_limit as usize
    }

    /// Whether what follows the answer is compressed (RFC 4978 3).
    pub fn compress(&mut self, granted: bool, w: &mut Vec<u8>) {
        self.compressed = granted;
        let tag = std::mem::take(&mut self.tag);
        let outcome = match granted {
            true => done("What follows is compressed"),
            false => Err(no("LIMIT", "too many connections are compressed already")),
        };
        self.finish(&tag, outcome, true, w);
    }

    /// Who asked to log in is this account.
    pub fn log_in(&mut self, account: Account, w: &mut Vec<u8>) {
        let tag = std::mem::take(&mut self.tag);
        let outcome = match User::own(&self.store, account) {
            Ok(user) => {
                self.user = Some(user);
                let code = format!("CAPABILITY {}", self.capabilities());
                done_with(code, "Logged in")
            }
            Err(error) => Err(error.into()),
        };
        self.finish(&tag, outcome, false, w);
    }

    /// Who asked to log in is not let in.
    pub fn refuse(&mut self, code: &'static str, reason: &str, w: &mut Vec<u8>) {
        self.refused = true;
        let tag = std::mem::take(&mut self.tag);
        self.finish(&tag, Err(no(code, reason)), false, w);
    }

    /// The client broke a SASL exchange off, or sent what is none.
    pub fn break_off(&mut self, reason: &'static str, w: &mut Vec<u8>) {
        let tag = std::mem::take(&mut self.tag);
        self.finish(&tag, Err(Fail::Bad(reason)), false, w);
    }

    fn authenticate(&mut self, tag: &str, command: &Command) -> Option<Next> {
        if self.options.login_disabled {
            return None;
        }
        let next = match command {
            Command::Login { user, password } => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                Next::Verify { user: text(user), password: text(password) }
            }
            Command::Authenticate { mechanism, initial } => {
                Next::Exchange { mechanism: mechanism.clone(), initial: initial.clone() }
            }
            _ => return None,
        };
        self.tag = tag.to_owned();
        Some(next)
    }

    fn capabilities(&self) -> String {
        let mut all = String::from("IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE");
        if self.user.is_none() {
            if self.options.starttls {
                all.push_str(" STARTTLS");
            }
            all.push_str(match self.options.login_disabled {
                true => " LOGINDISABLED",
                false => " AUTH=PLAIN AUTH=LOGIN",
            });
            return all;
        }
        all.push_str(
            " NAMESPACE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE UIDPLUS \
             MOVE MULTIAPPEND ESEARCH SEARCHRES WITHIN PARTIAL CONTEXT=SEARCH CONTEXT=SORT SORT SORT=DISPLAY ESORT \
             THREAD=ORDEREDSUBJECT THREAD=REFERENCES I18NLEVEL=1 CONDSTORE QRESYNC BINARY UTF8=ACCEPT \
             OBJECTID PREVIEW SAVEDATE ACL RIGHTS=texk LIST-MYRIGHTS METADATA CATENATE URLAUTH QUOTA QUOTA=RES-STORAGE",
        );
        all.push_str(if self.compressed { "" } else { " COMPRESS=DEFLATE" });
        all.push_str(&format!(" APPENDLIMIT={}", self.options.append_limit));
        all
    }

    fn enable(&mut self, all: &[String], w: &mut Vec<u8>) -> Outcome {
        self.user()?;
        let mut enabled = String::new();
        for name in all {
            match name.as_str() {
                "CONDSTORE" => self.condstore = true,
                // RFC 7162 3.2.3: it enables CONDSTORE as well.
                "QRESYNC" => (self.condstore, self.qresync) = (true, true),
                "UTF8=ACCEPT" => self.utf8 = true,
                "IMAP4REV2" => (self.rev2, self.utf8) = (true, true),
                _ => continue,
            }
            enabled.push(' ');
            enabled.push_str(if name == "IMAP4REV2" { "IMAP4rev2" } else { name });
        }
        put(w, &format!("* ENABLED{enabled}\r\n"));
        done("Enabled what there is")
    }

    fn user(&self) -> Result<&User, Fail> {
        self.user.as_ref().ok_or(Fail::Bad("log in first"))
    }

    fn selected(&mut self) -> Result<(&mut Selected, &User), Fail> {
        self.user()?;
        let both = self.selected.as_mut().zip(self.place.as_mut());
        let (selected, user) = both.ok_or(Fail::Bad("select a mailbox first"))?;
        // It may have been taken from him meanwhile.
        user.judge_again()?;
        user.needs(selected.folder, place::READ)?;
        Ok((selected, user))
    }

    /// Nothing is selected any more. Whether anything was.
    fn deselect(&mut self) -> bool {
        self.contexts.clear();
        self.place = None;
        self.selected.take().is_some()
    }

    fn writable(&mut self) -> Result<(&mut Selected, &User), Fail> {
        match self.selected()? {
            (selected, _) if selected.read_only => {
                Err(Fail::No(Some("READ-ONLY".into()), "the mailbox was opened for reading".into()))
            }
            both => Ok(both),
        }
    }

    /// The name of a client as text.
    fn named(&self, name: &Name) -> Result<String, Fail> {
        names::decoded(&name.0, self.utf8)
            .ok_or_else(|| no("CANNOT", "the name is no modified UTF-7"))
    }

    /// The folder of a client's name, and as whom he is there.
    fn folder(&self, name: &Name) -> Result<(User, mapi::FolderId), Fail> {
        let found = self.folder_at(&self.named(name)?)?;
        found.ok_or_else(|| no("NONEXISTENT", "there is no such mailbox"))
    }

    /// Ends a command: what happened meanwhile, then its result.
    fn finish(&mut self, tag: &str, outcome: Outcome, expunge: bool, w: &mut Vec<u8>) {
        self.tell(expunge, w);
        match outcome {
            Ok(Done { code: Some(code), text }) => put(w, &format!("{tag} OK [{code}] {text}\r\n")),
            Ok(Done { code: None, text }) => put(w, &format!("{tag} OK {text}\r\n")),
            Err(Fail::No(Some(code), text)) => put(w, &format!("{tag} NO [{code}] {text}\r\n")),
            Err(Fail::No(None, text)) => put(w, &format!("{tag} NO {text}\r\n")),
            Err(Fail::Bad(text)) => put(w, &format!("{tag} BAD {text}\r\n")),
            // What a URL may hold needs no quotes.
            Err(Fail::BadUrl(url)) => {
                put(w, &format!("{tag} NO [BADURL \"{url}\"] Nothing is there for you\r\n"));
            }
        }
    }

    fn tell(&mut self, expunge: bool, w: &mut Vec<u8>) {
        let Some((selected, user)) = self.selected.as_mut().zip(self.place.as_mut()) else {
            return;
        };
        // Also where nothing may be told: what was not read would wake an idle client again and again.
        if let Err(error) = selected.follow(&user.mailbox) {
            tracing::warn!(%error, "the change log cannot be read");
        }
        let judged = user.judge_again();
        if judged.is_err() || !user.may(selected.folder, place::READ).unwrap_or(false) {
            return;
        }
        let changes = context::changes(&mut self.contexts, selected, &user.mailbox);
        let changes = changes.unwrap_or_else(|error| {
            tracing::warn!(%error, "a search cannot be kept up to date");
            Vec::new()
        });
        context::put_removed(&changes, selected, w);
        let changed = selected.tell(w, expunge, self.qresync);
        context::put_added(&changes, selected, w);
        if let Err(error) =
            fetch::tell_flags(&user.mailbox, selected.folder, &changed, self.condstore, w)
        {
            tracing::warn!(%error, "flags cannot be read");
            // They are told with what is answered next.
            selected.did_not_tell(&changed);
        }
    }
}

/// The messages that a set names, in ascending order.
fn messages_of(selected: &Selected, by: By, set: &SequenceSet) -> Result<Vec<Known>, Fail> {
    if *set == SequenceSet::Saved {
        return Ok(selected.saved.iter().filter_map(|uid| selected.by_uid(*uid)).collect());
    }
    match by {
        By::Uid => Ok(selected.in_uids(&set.resolved(selected.largest_uid()))),
        By::Sequence => {
            let ranges = set.resolved(selected.count());
            // RFC 9051 9, `seq-number`: one that nobody has is an error of the client.
            let wrong = |(first, last): &(u32, u32)| *first == 0 || *last > selected.count();
            match ranges.iter().any(wrong) {
                true => Err(Fail::Bad("there is no message of such a number")),
                false => Ok(selected.in_numbers(&ranges)),
            }
        }
    }
}

/// Appends a response that is whole or not there: half a line would take the tagged answer behind it along.
fn whole<E>(w: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let begin = w.len();
    put(w).inspect_err(|_| w.truncate(begin))
}

/// Runs what changes the store, and notes what it changed as this session's own.
fn doing<T>(selected: &mut Selected, work: impl FnOnce() -> T) -> T {
    let (result, own) = notify::own_changes(work);
    selected.did(own);
    result
}

const FORWARDED: &str = "$Forwarded";

/// Flags as marks.
fn marks_of(flags: &[Flag]) -> Marks {
    let mut marks = Marks::default();
    for flag in flags {
        match flag {
            Flag::Answered => marks.answered = true,
            Flag::Flagged => marks.flagged = true,
            Flag::Deleted => marks.deleted = true,
            Flag::Seen => marks.read = true,
            Flag::Draft => marks.draft = true,
            Flag::Keyword(word) if word.eq_ignore_ascii_case(FORWARDED) => marks.forwarded = true,
            Flag::Keyword(word) => marks.categories.push(category(word)),
        }
    }
    marks
}

/// Marks as a list of flags.
fn put_flags(w: &mut Vec<u8>, marks: &Marks) {
    put(w, "(");
    let mut first = true;
    let mut one = |w: &mut Vec<u8>, name: &str| {
        put(w, if std::mem::take(&mut first) { "" } else { " " });
        put(w, name);
    };
    for (has, name) in [
        (marks.answered, "\\Answered"),
        (marks.flagged, "\\Flagged"),
        (marks.deleted, "\\Deleted"),
        (marks.read, "\\Seen"),
        (marks.draft, "\\Draft"),
        (marks.forwarded, FORWARDED),
    ] {
        if has {
            one(w, name);
        }
    }
    for category in marks.categories.iter().filter(|category| !category.is_empty()) {
        one(w, &keyword(category));
    }
    put(w, ")");
}
