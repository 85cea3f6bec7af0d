//! Commands on mailboxes: LIST, STATUS, CREATE and so on (RFC 9051 6.3), and quotas (RFC 9208).

use std::collections::BTreeSet;

use mapi::{PropertyType, PropertyValue, WString, tags};
use store::folder::{self, DeleteOptions};
use store::mailbox::store_properties;
use store::permission::Action;
use store::{Mailbox, SpecialFolder, StoreError, message, quota};

use super::place::{self, User};
use super::property;
use super::select::mailbox_id;
use super::{Fail, Outcome, Session, done, done_with, no, source, special, whole};
use crate::imap::command::{List, Name, StatusItem};
use crate::imap::names::{self, DELIMITER, Named, matches};
use crate::imap::response::{mailbox, put, string};

/// Names that one user may be subscribed to.
const MAX_SUBSCRIBED: usize = 10_000;
/// Patterns of one LIST at most.
const MAX_PATTERNS: usize = 64;

impl Session {
    pub(super) fn list(&mut self, list: &List, w: &mut Vec<u8>) -> Outcome {
        let user = self.user()?;
        if list.patterns.len() > MAX_PATTERNS {
            return Err(no("LIMIT", "there are too many patterns"));
        }
        if !list.extended && list.patterns == [""] {
            put(w, "* LIST (\\Noselect) \"/\" \"\"\r\n");
            return done("This is the delimiter");
        }
        let patterns = self.patterns(&list.reference, &list.patterns)?;
        self.list_shared(list, &patterns, w)?;
        let all = names::all(&user.mailbox)?;
        let uses = special::Uses::read(&user.mailbox)?;
        let subscribed = match list.subscribed || list.returned.subscribed {
            true => subscriptions(&user.mailbox, &all)?,
            false => BTreeSet::new(),
        };
        let wanted = |name: &str| patterns.iter().any(|pattern| matches(pattern, name));
        for named in &all {
            let selected = !list.subscribed || subscribed.contains(&named.name);
            let below = list.recursive && has_below(&subscribed, &named.name);
            let use_ = uses.of(named.info.id);
            if !wanted(&named.name) || !(selected || below) || list.special_use && use_.is_none() {
                continue;
            }
            let mut attributes = vec![match named.children > 0 {
                true => "\\HasChildren",
                false => "\\HasNoChildren",
            }];
            if subscribed.contains(&named.name) {
                attributes.push("\\Subscribed");
            }
            attributes.extend(use_);
            put_list(w, "LIST", &attributes, &named.name, self.utf8);
            put(w, if below { " (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n" } else { "\r\n" });
            if let Some(items) = &list.returned.status {
                self.put_status(user, &named.name, named.info.id, items, w)?;
            }
            if list.returned.my_rights {
                self.put_my_rights(user, named.info.id, &named.name, w)?;
            }
        }
        // Names that somebody subscribed to and that are gone (RFC 5258 3.1).
        if list.subscribed && !list.special_use {
            let known: BTreeSet<&str> = all.iter().map(|named| named.name.as_str()).collect();
            let gone = subscribed.iter().filter(|name| !known.contains(name.as_str()));
            for name in gone.filter(|name| wanted(name)) {
                put_list(w, "LIST", &["\\NonExistent", "\\Subscribed"], name, self.utf8);
                put(w, "\r\n");
            }
        }
        done("Listed")
    }

    pub(super) fn lsub(&mut self, reference: &Name, pattern: &str, w: &mut Vec<u8>) -> Outcome {
        let user = self.user()?;
        let patterns = self.patterns(reference, &[pattern.to_owned()])?;
        let all = names::all(&user.mailbox)?;
        let mut told = BTreeSet::new();
        let subscribed = subscriptions(&user.mailbox, &all)?;
        for name in &subscribed {
            if patterns.iter().any(|pattern| matches(pattern, name)) {
                told.insert((name.as_str(), true));
                continue;
            }
            // RFC 3501 6.3.9: with %, a parent stands for what is below it.
            let parents = name.match_indices(DELIMITER).map(|(at, _)| &name[..at]);
            for parent in parents.filter(|_| pattern.ends_with('%')) {
                if !subscribed.contains(parent) && patterns.iter().any(|p| matches(p, parent)) {
                    told.insert((parent, false));
                }
            }
        }
        for (name, is) in told {
            put_list(w, "LSUB", if is { &[] } else { &["\\Noselect"] }, name, self.utf8);
            put(w, "\r\n");
        }
        done("Listed")
    }

    fn patterns(&self, reference: &Name, patterns: &[String]) -> Result<Vec<String>, Fail> {
        let reference = self.named(reference)?;
        let all = patterns.iter().map(|pattern| {
            let pattern = self.named(&Name(pattern.clone()))?;
            Ok(match pattern.strip_prefix(DELIMITER) {
                Some(absolute) => absolute.to_owned(),
                None => format!("{reference}{pattern}"),
            })
        });
        all.collect()
    }

    pub(super) fn status(&mut self, name: &Name, items: &[StatusItem], w: &mut Vec<u8>) -> Outcome {
        let (user, id) = self.folder(name)?;
        user.needs(id, place::READ)?;
        let name = self.named(name)?;
        self.condstore |= items.contains(&StatusItem::HighestModSeq);
        self.put_status(&user, &name, id, items, w)?;
        done("This is the status")
    }

    pub(super) fn put_status(
        &self,
        user: &User,
        name: &str,
        id: mapi::FolderId,
        items: &[StatusItem],
        w: &mut Vec<u8>,
    ) -> Result<(), Fail> {
        let mailbox_ = &user.mailbox;
        let info = folder::info(mailbox_, id)?;
        let deleted = || -> Result<Vec<message::Listed>, Fail> {
            let mut all = message::list(mailbox_, id)?;
            all.retain(|message| message.marks().deleted);
            Ok(all)
        };
        whole(w, |w| {
            put(w, "* STATUS ");
            mailbox(w, name, self.utf8);
            for (index, item) in items.iter().enumerate() {
                put(w, if index == 0 { " (" } else { " " });
                put(w, item.name());
                let value = match item {
                    StatusItem::Messages => u64::from(info.contents),
                    StatusItem::Recent => 0,
                    StatusItem::UidNext => info.uid_next.into(),
                    StatusItem::UidValidity => info.uid_validity.into(),
                    StatusItem::Unseen => info.unread.into(),
                    StatusItem::Deleted => deleted()?.len() as u64,
                    StatusItem::Size => source::sizes(mailbox_, id, &message::list(mailbox_, id)?)?,
                    StatusItem::DeletedStorage => source::sizes(mailbox_, id, &deleted()?)?,
                    StatusItem::HighestModSeq => info.sequence.max(1),
                    StatusItem::AppendLimit => self.options.append_limit.into(),
                    StatusItem::MailboxId => {
                        put(w, &format!(" ({})", mailbox_id(id)));
                        continue;
                    }
                };
                put(w, &format!(" {value}"));
            }
            put(w, if items.is_empty() { " ()\r\n" } else { ")\r\n" });
            Ok::<_, Fail>(())
        })
    }

    pub(super) fn create(&mut self, name: &Name, uses: &[String]) -> Outcome {
        let name = self.named(name)?;
        let name = name.strip_suffix(DELIMITER).unwrap_or(&name);
        let (user, name) = self.place(name)?;
        if names::find(&user.mailbox, name)?.is_some() {
            return Err(no("ALREADYEXISTS", "the mailbox exists already"));
        }
        if !uses.is_empty() && !user.prefix.is_empty() {
            return Err(no("USEATTR", "special uses are for mailboxes of one's own"));
        }
        special::check(&user.mailbox, uses)?;
        self.may_make(&user, name)?;
        let creator = (!user.prefix.is_empty()).then_some(user.account.mailbox_guid);
        let id = names::create(&user.mailbox, name, creator)?;
        if !uses.is_empty() {
            special::set_archive(&user.mailbox, id)?;
        }
        done_with(format!("MAILBOXID ({})", mailbox_id(id)), "Created")
    }

    pub(super) fn delete(&mut self, name: &Name) -> Outcome {
        let (user, id) = self.folder(name)?;
        user.needs(id, Action::ChangeFolder)?;
        let mailbox = &*user.mailbox;
        if SpecialFolder::from_id(id).is_some() {
            return Err(no("CANNOT", "a folder that every mailbox has cannot be deleted"));
        }
        let options = DeleteOptions { messages: true, ..DeleteOptions::default() };
        match folder::delete(mailbox, id, options) {
            Err(StoreError::NotEmpty) => {
                Err(no("HASCHILDREN", "there are mailboxes below it: delete them first"))
            }
            Err(error) => Err(error.into()),
            Ok(()) => done("Deleted"),
        }
    }

    pub(super) fn rename(&mut self, from: &Name, to: &Name) -> Outcome {
        let (user, id) = self.folder(from)?;
        user.needs(id, Action::ChangeFolder)?;
        let to = self.named(to)?;
        let (there, to) = self.place(&to)?;
        let mailbox = &*user.mailbox;
        if !there.mailbox.is(mailbox) {
            return Err(no("CANNOT", "a mailbox stays with whom it belongs to: copy its messages"));
        }
        self.may_make(&there, to)?;
        if names::find(mailbox, to)?.is_some_and(|found| found != id) {
            return Err(no("ALREADYEXISTS", "the mailbox exists already"));
        }
        // RFC 9051 6.3.6: what is in INBOX moves, and INBOX stays.
        if id == SpecialFolder::Inbox.id() {
            let target = names::create(mailbox, to, None)?;
            let ids: Vec<_> = message::list(mailbox, id)?.iter().map(|listed| listed.id).collect();
            message::move_to(mailbox, id, &ids, mailbox, target)?;
            return done("What was in INBOX is there now");
        }
        if SpecialFolder::from_id(id).is_some() {
            return Err(no("CANNOT", "a folder that every mailbox has cannot be renamed"));
        }
        let (parent, display_name) = names::place(mailbox, to)?;
        match folder::info(mailbox, id)?.parent == parent {
            true => {
                folder::set(mailbox, id, vec![(tags::DISPLAY_NAME, display_name.as_str().into())])?;
            }
            false => folder::move_to(mailbox, id, parent, Some(&display_name))?,
        }
        done("Renamed")
    }

    pub(super) fn subscribe(&mut self, name: &Name, subscribe: bool) -> Outcome {
        let mailbox = &self.user()?.mailbox;
        let name = self.named(name)?;
        if name.is_empty() || name.len() > 4_096 || name.chars().any(char::is_control) {
            return Err(no("CANNOT", "that is no name of a mailbox"));
        }
        let all = names::all(mailbox)?;
        let mut subscribed = subscriptions(mailbox, &all)?;
        // As the folder is written, whatever case the client has.
        let id = names::find(mailbox, &name)?;
        let known = all.iter().find(|named| Some(named.info.id) == id);
        let name = known.map_or(name, |named| named.name.clone());
        match subscribe {
            true => subscribed.insert(name),
            false => subscribed.remove(&name),
        };
        if subscribed.len() > MAX_SUBSCRIBED {
            return Err(no("LIMIT", "there are too many subscriptions"));
        }
        let names: Vec<WString> = subscribed.iter().map(|name| name.as_str().into()).collect();
        let tag = SUBSCRIPTIONS.made(mailbox)?;
        let value = PropertyValue::MultipleString(names);
        store_properties::set(mailbox, vec![(tag, value.into())])?;
        done(if subscribe { "Subscribed" } else { "Not subscribed any more" })
    }

    pub(super) fn quota_root(&mut self, name: &Name, w: &mut Vec<u8>) -> Outcome {
        let (user, _) = self.folder(name)?;
        put(w, "* QUOTAROOT ");
        mailbox(w, &self.named(name)?, self.utf8);
        // How full somebody else's mailbox is he alone sees.
        if !user.prefix.is_empty() {
            put(w, "\r\n");
            return done("Its quota is not yours");
        }
        put(w, " \"\"\r\n");
        self.quota(w)?;
        done("This is the quota")
    }

    /// The one quota of a mailbox, in KiB (RFC 9208 5.1).
    pub(super) fn quota(&self, w: &mut Vec<u8>) -> Result<(), Fail> {
        let usage = quota::usage(&self.user()?.mailbox)?;
        put(w, "* QUOTA ");
        string(w, b"");
        match usage.quota.prohibit_receive {
            Some(limit) => {
                let used = usage.used.div_ceil(1_024);
                put(w, &format!(" (STORAGE {used} {})\r\n", limit / 1_024));
            }
            None => put(w, " ()\r\n"),
        }
        Ok(())
    }
}

pub(super) fn put_list(
    w: &mut Vec<u8>,
    response: &str,
    attributes: &[&str],
    name: &str,
    utf8: bool,
) {
    put(w, &format!("* {response} ({}) \"{DELIMITER}\" ", attributes.join(" ")));
    mailbox(w, name, utf8);
}

fn has_below(subscribed: &BTreeSet<String>, name: &str) -> bool {
    let prefix = format!("{name}{DELIMITER}");
    subscribed.range(prefix.clone()..).next().is_some_and(|first| first.starts_with(&prefix))
}

/// A property of the store object: the names that the user is subscribed to.
const SUBSCRIPTIONS: property::Named =
    property::Named { name: "coffer:ImapSubscriptions", kind: PropertyType::MULTIPLE_STRING };

/// The names that the user is subscribed to: all there are, until he subscribes or unsubscribes for the first time.
fn subscriptions(mailbox: &Mailbox, all: &[Named]) -> Result<BTreeSet<String>, Fail> {
    let everything = || all.iter().map(|named| named.name.clone()).collect();
    let Some(tag) = SUBSCRIPTIONS.tag(mailbox)? else { return Ok(everything()) };
    let value = store_properties::get(mailbox, &[tag])?.into_iter().next().flatten();
    let Some(value) = value else { return Ok(everything()) };
    match mailbox.store().load(&value, 64 << 20)? {
        PropertyValue::MultipleString(names) => {
            Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
        }
        _ => Ok(everything()),
    }
}
