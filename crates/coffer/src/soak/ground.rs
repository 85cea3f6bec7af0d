//! What the cycles of a run stand on: the target, the sessions, and folders to work in, which are taken away
//! again at the end.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mapi::restriction::FuzzyLevel;
use mapi::{ErrorCode, FolderId, MessageId, Restriction, TaggedValue, tags};
use mapi_session::{Folder, Fuse, MapiProp, Message, MsgStore, Profile, Session};

use super::crew::Watch;
use super::mode::Mode;
use super::scenario::{Needs, Scenario, Sessions};
use super::target::Target;

pub struct Ground {
    pub target: Target,
    pub mode: Mode,
    pub threads: usize,
    scenario: &'static Scenario,
    /// Sessions that live as long as the run; none where each cycle makes its own.
    sessions: Vec<Arc<Session>>,
    /// The folder above all others that the soak makes.
    home: OnceLock<FolderId>,
    mark: OnceLock<String>,
    /// A folder for each thread.
    work: OnceLock<Vec<FolderId>>,
    fixture: OnceLock<Fixture>,
    /// How long to wait for what has to happen.
    patience: Duration,
}

/// Mail to be read.
#[derive(Debug, Clone)]
pub struct Fixture {
    pub folder: FolderId,
    pub messages: Vec<MessageId>,
    /// A message with [`ATTACHED`] as attachment 0, and a message embedded in attachment 1, eight deep.
    pub attached: MessageId,
}

pub const ATTACHED: &[u8] = b"what is attached to the message of the soak";
/// How deep messages are embedded in the fixture.
pub const EMBEDDED: u32 = 8;
/// How many messages a fixture has.
pub const MESSAGES: usize = 40;

/// One cycle's view of the ground.
pub struct Visit<'a> {
    /// Goes up from cycle to cycle of a thread.
    pub number: u64,
    pub thread: usize,
    pub ground: &'a Ground,
    /// Where sessions of this cycle log on.
    pub profile: Profile,
    pub watch: &'a Watch,
    /// Where connections of this cycle are cut.
    pub fuse: Option<&'a Fuse>,
    session: Option<Arc<Session>>,
    /// What the target acknowledged in this cycle: these messages have to be readable after it.
    pub acknowledged: &'a Acknowledged,
}

/// Messages whose save was acknowledged and whose removal was not asked for.
pub type Acknowledged = std::cell::RefCell<Vec<(FolderId, Kept)>>;

/// By what a message is found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    Id(MessageId),
    /// It came by another protocol, and no other message has its subject.
    Subject(String),
}

impl From<MessageId> for Kept {
    fn from(id: MessageId) -> Kept {
        Kept::Id(id)
    }
}

impl Visit<'_> {
    /// The session of the cycle.
    pub fn session(&self) -> Result<&Session> {
        self.session.as_deref().context("the scenario has no session before its cycles")
    }

    /// The thread's own folder.
    pub fn folder(&self) -> Result<FolderId> {
        self.ground.work()?.get(self.thread).copied().context("a thread without a folder")
    }

    /// Whether the cycle speaks a protocol of mail.
    pub fn is_of_mail(&self) -> bool {
        matches!(self.ground.scenario.needs, Needs::Lmtp | Needs::Imap)
    }

    /// Logs on by itself; waits while the user has as many sessions as he may, since abandoned ones are on
    /// their way out.
    pub fn logon(&self) -> Result<Session> {
        self.ground.logon(&self.profile)
    }
}

impl Ground {
    pub fn new(
        target: Target,
        scenario: &'static Scenario,
        mode: Mode,
        threads: usize,
        patience: Duration,
    ) -> Result<Ground> {
        let mut ground = Ground {
            target,
            mode,
            threads,
            scenario,
            sessions: Vec::new(),
            home: OnceLock::new(),
            mark: OnceLock::new(),
            work: OnceLock::new(),
            fixture: OnceLock::new(),
            patience,
        };
        let count = match (scenario.sessions, mode) {
            (Sessions::Own | Sessions::Abandoned, _) => 0,
            (_, Mode::Cut | Mode::Abandon | Mode::Fault) => 0,
            (Sessions::One, Mode::Plain) => 1,
            (Sessions::Shared, Mode::Plain) => threads.div_ceil(8),
        };
        for _ in 0..count {
            let session = ground.logon(&ground.target.profile(None)).context("cannot log on")?;
            ground.sessions.push(Arc::new(session));
        }
        meet(&ground.target.profile(None))?;
        if scenario.writes && scenario.needs != Needs::Store {
            ground.make_work()?;
        }
        Ok(ground)
    }

    /// A cycle in a session that lives on.
    pub fn visit<'a>(
        &'a self,
        thread: usize,
        number: u64,
        watch: &'a Watch,
        acknowledged: &'a Acknowledged,
    ) -> Visit<'a> {
        let session = match self.sessions.len() {
            0 => None,
            count => Some(self.sessions[thread % count].clone()),
        };
        let profile = self.target.profile(None);
        Visit { number, thread, ground: self, profile, watch, fuse: None, session, acknowledged }
    }

    /// A cycle in a session of its own, if the scenario has one, over connections that the fuse cuts.
    pub fn fresh_visit<'a>(
        &'a self,
        thread: usize,
        number: u64,
        fuse: Option<&'a Fuse>,
        watch: &'a Watch,
        acknowledged: &'a Acknowledged,
    ) -> Result<Visit<'a>> {
        let profile = self.target.profile(fuse);
        let session = match self.scenario.sessions {
            Sessions::One | Sessions::Shared => Some(Arc::new(self.logon(&profile)?)),
            Sessions::Own | Sessions::Abandoned => None,
        };
        Ok(Visit { number, thread, ground: self, profile, watch, fuse, session, acknowledged })
    }

    pub fn logon(&self, profile: &Profile) -> Result<Session> {
        let started = Instant::now();
        loop {
            match Session::logon(profile.clone()) {
                Err(error)
                    if error.code() == Some(ErrorCode::TOO_MANY_SESSIONS)
                        && started.elapsed() < self.patience =>
                {
                    self.target.reap();
                    std::thread::sleep(Duration::from_millis(20));
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Whether cycles leave sessions behind that the server has to reap.
    pub fn abandons(&self) -> bool {
        matches!(self.mode, Mode::Cut | Mode::Abandon)
            || self.scenario.sessions == Sessions::Abandoned
    }

    /// Waits until the server has ended what cycles abandoned.
    pub fn end_sessions(&self) -> Result<()> {
        match self.abandons() {
            true => self.target.wait_for_the_end_of_sessions(self.patience),
            false => Ok(()),
        }
    }

    /// Makes a quiescent point: what waits to be released is released, abandoned sessions are gone, and what
    /// broken cycles left in the mailbox is deleted. If the engine was made to give back what it holds, the
    /// result is what was allocated before.
    pub fn settle(&self) -> Result<Option<i64>> {
        for session in &self.sessions {
            session.flush()?;
        }
        self.end_sessions()?;
        self.target.wait_for_the_end_of_mail(self.patience)?;
        if self.scenario.writes {
            // One of mail goes by turns and leaves what it appended.
            if self.mode != Mode::Plain || self.scenario.needs == Needs::Imap {
                self.clean_work()?;
            }
            self.target.trim()?;
        }
        self.target.settle(self.scenario.writes, self.patience)
    }

    /// Folders to write into, one a thread.
    fn work(&self) -> Result<&[FolderId]> {
        self.work.get().map(Vec::as_slice).context("the scenario has no folders to write into")
    }

    fn make_work(&self) -> Result<()> {
        let session = self.logon(&self.target.profile(None))?;
        let home = session.open_default_msg_store()?.open_folder(self.home(&session)?)?;
        let make = |thread| Ok(home.create_folder(&format!("thread {thread}"))?.id());
        let made = (0..self.threads).map(make).collect::<Result<Vec<_>>>()?;
        let _ = self.work.set(made);
        Ok(session.logoff()?)
    }

    fn clean_work(&self) -> Result<()> {
        let Some(folders) = self.work.get() else { return Ok(()) };
        let session = self.logon(&self.target.profile(None))?;
        let store = session.open_default_msg_store()?;
        for folder in folders {
            empty(&store, &store.open_folder(*folder)?)?;
        }
        if self.scenario.needs == Needs::Lmtp {
            let inbox = store.inbox()?;
            let left = of_subject(&inbox, self.mark.get().context("nothing is marked")?)?;
            if !left.is_empty() {
                inbox.hard_delete_messages(&left)?;
            }
        }
        Ok(session.logoff()?)
    }

    /// Whether what the target acknowledged is there.
    pub fn check(&self, acknowledged: &Acknowledged) -> Result<()> {
        if acknowledged.borrow().is_empty() {
            return Ok(());
        }
        let session = self.logon(&self.target.profile(None))?;
        let store = session.open_default_msg_store()?;
        for (folder, kept) in acknowledged.borrow_mut().drain(..) {
            let found = store.open_folder(folder).map_err(Into::into).and_then(|folder| {
                let id = match &kept {
                    Kept::Id(id) => *id,
                    Kept::Subject(subject) => {
                        one_of_subject(&folder, subject)?.context("nothing has its subject")?
                    }
                };
                anyhow::Ok(folder.open_message(id)?)
            });
            let message = found.context("a message whose save was acknowledged is not there")?;
            ensure!(message.text(tags::SUBJECT)?.is_some(), "a saved message lost its subject");
        }
        Ok(session.logoff()?)
    }

    fn home(&self, session: &Session) -> Result<FolderId> {
        if let Some(home) = self.home.get() {
            return Ok(*home);
        }
        let store = session.open_default_msg_store()?;
        let above = match self.scenario.needs {
            // Where others than MAPI see it.
            Needs::Lmtp | Needs::Imap => store.ipm_subtree()?,
            _ => store.root_folder()?,
        };
        let name = self.mark()?;
        let made = above.create_folder(name).context("the folder for the soak cannot be made")?;
        Ok(*self.home.get_or_init(|| made.id()))
    }

    /// What the run calls what it makes: the name of its folder, and the begin of subjects.
    pub fn mark(&self) -> Result<&str> {
        if let Some(mark) = self.mark.get() {
            return Ok(mark);
        }
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|e| anyhow::anyhow!("no random number: {e}"))?;
        let mark = format!("coffer soak {:08x}", u32::from_le_bytes(random));
        Ok(self.mark.get_or_init(|| mark))
    }

    /// The path of a thread's folder in IMAP.
    pub fn path(&self, thread: usize) -> Result<String> {
        Ok(format!("{}/thread {thread}", self.mark()?))
    }

    /// Mail to be read, made when it is first asked for, by whoever sets a scenario.
    pub fn fixture(&self) -> Result<Fixture> {
        if let Some(fixture) = self.fixture.get() {
            return Ok(fixture.clone());
        }
        let session = self.logon(&self.target.profile(None))?;
        let store = session.open_default_msg_store()?;
        let folder = store.open_folder(self.home(&session)?)?.create_folder("to be read")?;
        let mut messages = Vec::with_capacity(MESSAGES);
        for number in 0..MESSAGES {
            let message = folder.create_message()?;
            message.set(tags::SUBJECT, format!("Message {number} of the soak").as_str())?;
            message.set(tags::MESSAGE_CLASS, "IPM.Note")?;
            message.set(tags::IMPORTANCE, (number % 3) as i32)?;
            message.set(tags::BODY, "A line of text.\r\n".repeat(20).as_str())?;
            messages.push(message.save()?);
        }
        let attached = make_attached(&folder)?;
        messages.push(attached);
        let fixture = Fixture { folder: folder.id(), messages, attached };
        session.logoff()?;
        Ok(self.fixture.get_or_init(|| fixture).clone())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let Some(home) = self.home.get() else { return };
        self.sessions.clear();
        // A store of its own goes with all that is in it.
        if matches!(self.target, Target::Local(_)) {
            return;
        }
        let remove = || -> Result<()> {
            let session = self.logon(&self.target.profile(None))?;
            let root = session.open_default_msg_store()?.root_folder()?;
            root.hard_delete_folder(*home)?;
            Ok(session.logoff()?)
        };
        if let Err(error) = remove() {
            eprintln!("coffer: the folder that the soak made is still there: {error:#}");
        }
    }
}

/// Makes some sessions before anything is measured, several at once: a server's table of sessions has many
/// parts, and each takes its room when a session falls into it for the first time; and each of its threads keeps
/// something for itself from its first request on.
pub fn meet(profile: &Profile) -> Result<()> {
    const AT_ONCE: usize = 8;
    const SESSIONS: usize = 40;
    let meet = || -> Result<()> {
        for _ in 0..SESSIONS {
            let session = Session::logon(profile.clone())?;
            session.open_default_msg_store()?.inbox()?.contents_table()?.row_count()?;
            session.logoff()?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(meet)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a session panicked")))
        })
    })
}

/// The messages of a folder whose subjects begin so, at most a hundred of them.
pub fn of_subject(folder: &Folder, begin: &str) -> Result<Vec<MessageId>> {
    let table = folder.contents_table()?.with_columns(&[tags::MID, tags::SUBJECT])?;
    table.restrict(Some(Restriction::Content {
        level: FuzzyLevel { low: FuzzyLevel::PREFIX, high: 0 },
        tag: tags::SUBJECT,
        value: TaggedValue::new(tags::SUBJECT, begin),
    }))?;
    let rows = table.query_rows(100)?;
    Ok(rows.iter().filter_map(|row| row.integer(tags::MID)).map(MessageId::from_i64).collect())
}

/// The only message with a subject.
pub fn one_of_subject(folder: &Folder, subject: &str) -> Result<Option<MessageId>> {
    let found = of_subject(folder, subject)?;
    ensure!(found.len() < 2, "{} messages have the subject of one", found.len());
    Ok(found.first().copied())
}

/// A message with an attachment of bytes and one of a message, in which others are embedded.
fn make_attached(folder: &Folder) -> Result<MessageId> {
    let message = folder.create_message()?;
    message.set(tags::SUBJECT, "Message with attachments of the soak")?;
    message.set(tags::MESSAGE_CLASS, "IPM.Note")?;
    let attachment = message.create_attachment()?;
    attachment.set(tags::ATTACH_METHOD, 1_i32)?;
    attachment.set(tags::ATTACH_LONG_FILENAME, "soak.txt")?;
    attachment.set(tags::ATTACH_DATA_BINARY, ATTACHED)?;
    attachment.save()?;
    embed(&message, EMBEDDED)?;
    Ok(message.save()?)
}

fn embed(outer: &Message, depth: u32) -> Result<()> {
    let attachment = outer.create_attachment()?;
    attachment.set(tags::ATTACH_METHOD, 5_i32)?;
    let inner = attachment.create_message()?;
    inner.set(tags::SUBJECT, format!("{depth} more").as_str())?;
    inner.set(tags::MESSAGE_CLASS, "IPM.Note")?;
    if depth > 1 {
        embed(&inner, depth - 1)?;
    }
    inner.save()?;
    attachment.save()?;
    Ok(())
}

/// Deletes what is in a folder for good; what waits to be sent is taken back first.
fn empty(store: &MsgStore, folder: &Folder) -> Result<()> {
    const SUBMITTED: i32 = 0x4;
    loop {
        let table = folder.contents_table()?.with_columns(&[tags::MID, tags::MESSAGE_FLAGS])?;
        let mut ids = Vec::new();
        for row in table.query_rows(500)? {
            let Some(id) = row.integer(tags::MID).map(MessageId::from_i64) else { continue };
            let flags = row.get(tags::MESSAGE_FLAGS).and_then(|flags| flags.as_i32());
            if flags.unwrap_or_default() & SUBMITTED != 0 {
                store.abort_submit(folder.id(), id)?;
            }
            ids.push(id);
        }
        if ids.is_empty() {
            break;
        }
        folder.hard_delete_messages(&ids)?;
    }
    let folders = folder.hierarchy_table()?.with_columns(&[tags::FOLDER_ID])?;
    let ids: Vec<FolderId> = folders
        .query_rows(500)?
        .iter()
        .filter_map(|row| row.integer(tags::FOLDER_ID))
        .map(FolderId::from_i64)
        .collect();
    for id in ids {
        folder.hard_delete_folder(id)?;
    }
    if folder.contents_table()?.row_count()? > 0 {
        bail!("a folder cannot be emptied");
    }
    Ok(())
}
