//! Running the rules of a folder on a message that arrives ([MS-OXORULE] 3.2.5.1).

use mapi::entry_id::EntryId;
use mapi::rule_action::{Action, ActionBlock, Destination, RuleActions};
use mapi::rule_action::{BOUNCE_FORM, BOUNCE_TOO_LARGE};
use mapi::server_id::ServerId;
use mapi::{
    FolderId, MessageId, PropertyType, PropertyValue, Restriction, TaggedValue, Wire, tags,
};

use super::deferred::{self, Cause, Deferred};
use super::record::{
    ENABLED, ERROR, EXIT_LEVEL, KEEP_OOF_HISTORY, OF_SERVER, ONLY_WHEN_OOF, PARSE_ERROR, Rule,
};
use super::{MAX_BYTES, Note, answer, extended, forward, junk, post};
use crate::delivery::{Arrival, Outgoing, Reason};
use crate::engine::Space;
use crate::folder::FolderKind;
use crate::mailbox::{ids, store_properties};
use crate::message::Message;
use crate::{Mailbox, Result, SpecialFolder, folder, message, table};

/// Folders whose rules look at one message, each of which moves it to the next.
const MAX_MOVES: usize = 16;

/// A rule that can be run.
pub(super) struct Ready {
    pub(super) id: u64,
    /// The message of an extended rule.
    pub(super) extended: Option<MessageId>,
    pub(super) sequence: i32,
    pub(super) state: u32,
    pub(super) provider: String,
    /// None where it cannot be read; in it None where the rule has none.
    pub(super) condition: Option<Option<Restriction>>,
    pub(super) actions: Option<RuleActions>,
}

impl Ready {
    fn of(rule: &Rule) -> Ready {
        Ready {
            id: rule.id,
            extended: None,
            sequence: rule.sequence(),
            state: rule.state(),
            provider: rule.provider(),
            condition: rule.condition().ok(),
            actions: rule.actions().ok(),
        }
    }

    fn has(&self, bits: u32) -> bool {
        self.state & bits != 0
    }
}

/// Lets the rules of the receive folder, and of folders that they move the message to, make of an arrival what
/// they want.
///
/// Errors: the inner one is why a rule refuses the message.
pub(crate) fn run(arrival: &mut Arrival<'_>) -> Result<Result<(), Reason>> {
    let folder = arrival.message.folder;
    let (mailbox, account) = (arrival.mailbox, arrival.account);
    let mut run = Run {
        mailbox,
        account,
        silent: arrival.envelope.silent,
        message: &mut arrival.message,
        oof: None,
        looked: Vec::new(),
        places: Vec::new(),
        deferred: Vec::new(),
        others: Vec::new(),
        sends: Vec::new(),
        notes: Vec::new(),
        refused: None,
        tagged: false,
    };
    run.folder(folder)?;
    if let Some(reason) = run.refused {
        return Ok(Err(reason));
    }
    for deferred in std::mem::take(&mut run.deferred) {
        run.others.push(deferred::action_message(mailbox, deferred)?);
        run.message.body.properties.set(tags::HAS_DEFERRED_ACTION_MESSAGES, true);
    }
    if run.tagged {
        message::prepare(mailbox, run.message)?;
    }
    let Run { places, others, sends, notes, .. } = run;
    arrival.folders = places;
    arrival.others.extend(others);
    arrival.sends.extend(sends);
    arrival.notes.extend(notes);
    Ok(Ok(()))
}

/// The standard rules of a folder that are enabled and within the limit (R912), and the extended ones; and whether the
/// junk e-mail rule is among them, enabled or not.
fn rules(mailbox: &Mailbox, id: FolderId) -> Result<(Vec<Ready>, bool)> {
    let mut bytes = 0;
    let standard = super::read(mailbox, mailbox.reader(), id)?;
    let within = |rule: &&Rule| {
        bytes += rule.to_bytes().len();
        bytes <= MAX_BYTES
    };
    let mut rules: Vec<Ready> = standard.iter().filter(within).map(Ready::of).collect();
    // Extended rules are no rules of public folders (MS-OXORULE R638).
    if !mailbox.is_public() {
        rules.extend(extended::read(mailbox, id)?);
    }
    let has_junk_rule = junk::is_among(&rules);
    rules.retain(|rule| rule.has(ENABLED));
    rules.sort_by_key(|rule| (rule.sequence, rule.id));
    Ok((rules, has_junk_rule))
}

pub(super) struct Run<'a> {
    pub(super) mailbox: &'a Mailbox,
    pub(super) account: &'a crate::Account,
    /// The message is a report or an automatic answer.
    pub(super) silent: bool,
    pub(super) message: &'a mut Message,
    oof: Option<bool>,
    /// Folders whose rules were run.
    looked: Vec<FolderId>,
    /// Where the message goes.
    places: Vec<FolderId>,
    deferred: Vec<Deferred>,
    others: Vec<Message>,
    pub(super) sends: Vec<Outgoing>,
    notes: Vec<Note>,
    refused: Option<Reason>,
    tagged: bool,
}

/// What an action came to.
enum Step {
    Done,
    /// The message leaves the folder.
    Gone,
    Failed(Cause),
    /// A client has to do it.
    Defer,
}

impl Run<'_> {
    fn place(&mut self, id: FolderId) {
        if !self.places.contains(&id) {
            self.places.push(id);
        }
    }

    fn folder(&mut self, id: FolderId) -> Result<()> {
        // A folder looks at a message once, whatever way it comes back.
        if self.looked.contains(&id) || self.looked.len() >= MAX_MOVES {
            self.place(id);
            return Ok(());
        }
        self.looked.push(id);
        let (rules, has_junk_rule) = rules(self.mailbox, id)?;
        // Of those who have no such rule it is the first, and the last that runs.
        let default = self.looked.len() == 1 && !has_junk_rule && !self.mailbox.is_public();
        if default && junk::is_junk(self.message) {
            let junk = SpecialFolder::JunkEmail.id();
            match folder::record(self.mailbox, self.mailbox.reader(), junk) {
                Ok(_) => {
                    self.place(junk);
                    return Ok(());
                }
                Err(crate::StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let (mut stays, mut exited) = (true, false);
        for rule in rules {
            let only_oof = rule.has(ONLY_WHEN_OOF);
            // Behind an exit only those for when the user is out (R560, R807).
            if exited && !only_oof || only_oof && !self.is_out()? {
                continue;
            }
            let (Some(condition), Some(actions)) = (&rule.condition, &rule.actions) else {
                self.fail(id, &rule, Cause::Parsing, None)?;
                continue;
            };
            let sender = self.history_of(id, &rule, actions);
            if let Some(Note::Answered { rule, sender, .. }) = &sender
                && self.was_answered(id, *rule, sender)?
            {
                continue;
            }
            match condition {
                None => {}
                Some(condition) => match table::fulfils(self.mailbox, self.message, condition) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(_) => {
                        self.fail(id, &rule, Cause::Processing, None)?;
                        continue;
                    }
                },
            }
            for (number, block) in actions.0.iter().enumerate() {
                match self.act(block)? {
                    Step::Done => {}
                    Step::Gone => {
                        stays = false;
                        exited |= matches!(block.action, Action::Delete);
                    }
                    Step::Failed(cause) => {
                        let action = Some((number, block.action.kind()));
                        self.fail(id, &rule, cause, action)?;
                    }
                    Step::Defer => self.defer(id, &rule, block),
                }
                if self.refused.is_some() {
                    return Ok(());
                }
            }
            self.notes.extend(sender);
            exited |= rule.has(EXIT_LEVEL);
        }
        if stays {
            self.place(id);
        }
        Ok(())
    }

    fn act(&mut self, block: &ActionBlock) -> Result<Step> {
        Ok(match &block.action {
            action if self.mailbox.is_public() && post::is_barred(action) => {
                Step::Failed(Cause::Executing)
            }
            Action::Move(to) => match self.destination(to)? {
                Place::Here(to) => {
                    // Its rules come first (R512).
                    self.folder(to)?;
                    Step::Gone
                }
                Place::Nowhere => Step::Failed(Cause::MovingOrCopying),
                Place::Elsewhere => Step::Defer,
            },
            Action::Copy(to) => match self.destination(to)? {
                Place::Here(to) => {
                    self.place(to);
                    Step::Done
                }
                Place::Nowhere => Step::Failed(Cause::MovingOrCopying),
                Place::Elsewhere => Step::Defer,
            },
            Action::Reply(template) => step(answer::answer(self, template, block.flavor, false)?),
            Action::OofReply(template) => step(answer::answer(self, template, block.flavor, true)?),
            Action::Defer(_) => Step::Defer,
            Action::Bounce(code) => {
                self.refused = Some(match *code {
                    BOUNCE_TOO_LARGE => Reason::RuleSize,
                    BOUNCE_FORM => Reason::RuleForm,
                    _ => Reason::RuleDenied,
                });
                Step::Done
            }
            Action::Forward(recipients) => step(forward::forward(self, recipients, block.flavor)?),
            Action::Delegate(recipients) => step(forward::delegate(self, recipients)?),
            Action::Tag(value) => self.tag(value),
            Action::Delete => Step::Gone,
            Action::MarkAsRead => {
                self.message.read = true;
                Step::Done
            }
            Action::Other { .. } => Step::Failed(Cause::Executing),
        })
    }

    fn tag(&mut self, value: &TaggedValue) -> Step {
        let kind = value.value.property_type();
        let no_value = [PropertyType::NULL, PropertyType::ERROR_CODE, PropertyType::OBJECT];
        if message::is_computed(value.tag) || no_value.contains(&kind) {
            return Step::Failed(Cause::Executing);
        }
        self.message.body.properties.set(value.tag, value.value.clone());
        self.tagged = true;
        Step::Done
    }

    fn destination(&self, to: &Destination) -> Result<Place> {
        if to.in_this_store == 0 {
            return Ok(Place::Elsewhere);
        }
        let id = match ServerId::from_wire(&to.folder) {
            Ok(ServerId::Own { folder, .. }) => folder,
            // An extended rule names it by its entry id.
            _ => match EntryId::parse(&to.folder) {
                EntryId::Folder(id) => match ids::from_long_term(self.mailbox, &id.folder) {
                    Ok((replica, counter)) => FolderId::new(replica, counter),
                    Err(_) => return Ok(Place::Nowhere),
                },
                _ => return Ok(Place::Nowhere),
            },
        };
        Ok(match folder::record(self.mailbox, self.mailbox.reader(), id) {
            Ok(record) if record.kind != FolderKind::Search => Place::Here(id),
            Ok(_) | Err(crate::StoreError::NotFound(_)) => Place::Nowhere,
            Err(error) => return Err(error),
        })
    }

    /// One message for all that rules of a provider leave to the client (R569, R571).
    fn defer(&mut self, folder: FolderId, rule: &Ready, block: &ActionBlock) {
        let same = |known: &&mut Deferred| known.provider == rule.provider;
        match self.deferred.iter_mut().find(same) {
            Some(known) => {
                known.actions.push(block.clone());
                known.rules += 1;
            }
            None => self.deferred.push(Deferred {
                folder,
                provider: rule.provider.clone(),
                rule: rule.id,
                rules: 1,
                actions: vec![block.clone()],
            }),
        }
    }

    /// Tells the client that a rule is in error, once (R581, R813).
    fn fail(
        &mut self,
        folder: FolderId,
        rule: &Ready,
        cause: Cause,
        action: Option<(usize, u8)>,
    ) -> Result<()> {
        let bits = if cause == Cause::Parsing { PARSE_ERROR } else { ERROR };
        let told = |note: &Note| matches!(note, Note::Failed { rule: id, .. } if *id == rule.id);
        if rule.has(OF_SERVER) || self.notes.iter().any(told) {
            return Ok(());
        }
        // The store of public folders has no folder for such messages.
        if !self.mailbox.is_public() {
            self.others.push(deferred::error_message(self.mailbox, folder, rule, cause, action)?);
        }
        let extended = rule.extended;
        self.notes.push(Note::Failed { folder, rule: rule.id, extended, bits });
        Ok(())
    }

    /// PidTagOutOfOfficeState, asked when the first rule needs it.
    fn is_out(&mut self) -> Result<bool> {
        if let Some(oof) = self.oof {
            return Ok(oof);
        }
        let values = store_properties::get(self.mailbox, &[tags::OUT_OF_OFFICE_STATE])?;
        let state = values.into_iter().next().flatten();
        let state =
            state.as_ref().and_then(|value| value.inline()).and_then(PropertyValue::as_bool);
        Ok(*self.oof.insert(state == Some(true)))
    }

    /// What is noted when a rule answers that keeps a list of whom it answered ([MS-OXORULE] 3.2.5.1.1).
    fn history_of(&self, folder: FolderId, rule: &Ready, actions: &RuleActions) -> Option<Note> {
        let answers = actions.0.iter().any(|block| matches!(block.action, Action::OofReply(_)));
        if !rule.has(KEEP_OOF_HISTORY) || !answers {
            return None;
        }
        let sender = answer::sender_key(&self.message.body.properties)?;
        Some(Note::Answered { folder, rule: rule.id, sender })
    }

    fn was_answered(&self, folder: FolderId, rule: u64, sender: &[u8; 16]) -> Result<bool> {
        let key = super::answered_key(self.mailbox, folder, rule, sender);
        Ok(self.mailbox.reader().get(Space::Mailbox, &key)?.is_some())
    }
}

enum Place {
    Here(FolderId),
    /// In the mailbox, but it is not there.
    Nowhere,
    /// In another store.
    Elsewhere,
}

fn step(result: std::result::Result<(), Cause>) -> Step {
    match result {
        Ok(()) => Step::Done,
        Err(cause) => Step::Failed(cause),
    }
}
