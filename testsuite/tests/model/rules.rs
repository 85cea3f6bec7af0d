//! Submission between two mailboxes, and the rules of the Inbox at delivery.

use mapi::rule_action::{Action as Wire, ActionBlock, Destination, RuleActions};
use mapi::server_id::ServerId;
use mapi::wire::Counted;
use mapi::{
    FolderId, MessageId, PropertyRow, PropertyValue, RecipientRow, TaggedValue, Wire as _, tags,
};
use mapi_rop::RopRequest;
use mapi_rop::folder::TableFlags;
use mapi_rop::message::{ModifyRecipientRow, ModifyRecipientsRequest, RecipientType};
use mapi_rop::rule::{ModifyRulesFlags, ModifyRulesRequest, RuleData, RuleDataFlags};
use mapi_rop::transport::{SubmitFlags, SubmitMessageRequest};
use proptest::collection::vec;
use proptest::prelude::*;
use store::SpecialFolder;
use testsuite::raw::{Answer, Client};
use testsuite::rig::{DELEGATE, ME, Rig};

use crate::compare::{all_rows, int, same, text, words};
use crate::events::Event;
use crate::run::{Outcome, Run};
use crate::store::{FolderKey, INBOX, Message};
use crate::want::{self, Want};

#[derive(Debug, Clone)]
pub enum Op {
    /// A message goes from the mailbox to its owner, to DELEGATE, or to both.
    Submit { folder: u8, importance: u8, to_me: bool, to_delegate: bool },
    /// DELEGATE sends one from his own mailbox.
    Receive { importance: u8 },
    /// The Inbox has these rules from now on.
    SetRules { rules: Vec<NewRule> },
}

#[derive(Debug, Clone)]
pub struct NewRule {
    want: Want,
    actions: Vec<NewAction>,
    stops: bool,
}

#[derive(Debug, Clone)]
enum NewAction {
    Move(u8),
    Copy(u8),
    Delete,
    MarkRead,
    Importance(u8),
}

pub fn one() -> impl Strategy<Value = Op> {
    let action = prop_oneof![
        2 => (0..8u8).prop_map(NewAction::Move),
        2 => (0..8u8).prop_map(NewAction::Copy),
        1 => Just(NewAction::Delete),
        1 => Just(NewAction::MarkRead),
        1 => (0..3u8).prop_map(NewAction::Importance),
    ];
    let rule = (want::one(), vec(action, 1..3), proptest::bool::weighted(0.3))
        .prop_map(|(want, actions, stops)| NewRule { want, actions, stops });
    prop_oneof![
        4 => (0..8u8, 0..3u8, any::<bool>(), any::<bool>()).prop_map(
            |(folder, importance, to_me, to_delegate)| Op::Submit {
                folder, importance, to_me, to_delegate
            }
        ),
        2 => (0..3u8).prop_map(|importance| Op::Receive { importance }),
        3 => vec(rule, 0..4).prop_map(|rules| Op::SetRules { rules }),
    ]
}

struct Rule {
    want: Want,
    actions: Vec<Action>,
    stops: bool,
}

enum Action {
    Move(FolderKey),
    Copy(FolderKey),
    Delete,
    MarkRead,
    Importance(i32),
}

/// DELEGATE, logged on to his own mailbox, what came there, and the rules of the other one.
pub struct Mail {
    pub client: Client,
    /// Subjects and importances.
    inbox: Vec<(String, i32)>,
    rules: Vec<Rule>,
}

impl Mail {
    pub fn new(rig: &Rig) -> Outcome<Mail> {
        let client = rig.client(DELEGATE).map_err(words)?;
        Ok(Mail { client, inbox: Vec::new(), rules: Vec::new() })
    }
}

impl Run<'_> {
    pub fn mail_step(&mut self, who: usize, op: &Op) -> Outcome {
        match op {
            Op::Submit { folder, importance, to_me, to_delegate } => {
                self.submit(who, *folder, i32::from(*importance), *to_me, *to_delegate)
            }
            Op::Receive { importance } => {
                let (subject, importance) = (self.model.subject(), i32::from(*importance));
                let outbox = SpecialFolder::Outbox.id();
                let sent = submit(&mut self.mail.client, outbox, &subject, importance, &[ME]);
                same("a submission of DELEGATE's", sent, Ok(()))?;
                self.deliver(who, subject, importance)
            }
            Op::SetRules { rules } => self.set_rules(who, rules),
        }
    }

    fn submit(
        &mut self,
        who: usize,
        folder: u8,
        importance: i32,
        to_me: bool,
        to_delegate: bool,
    ) -> Outcome {
        let folder = self.id(self.model.pick(folder));
        let subject = self.model.subject();
        let to: &[&str] = match (to_me, to_delegate) {
            (true, true) => &[ME, DELEGATE],
            (false, true) => &[DELEGATE],
            (_, false) => &[ME],
        };
        let sent = submit(&mut self.clients[who], folder, &subject, importance, to);
        same("a submission", sent, Ok(()))?;
        if to.contains(&DELEGATE) {
            self.mail.inbox.push((subject.clone(), importance));
        }
        match to.contains(&ME) {
            true => self.deliver(who, subject, importance),
            false => Ok(()),
        }
    }

    /// A message comes in for ME: the rules say where it goes, and what it is there.
    fn deliver(&mut self, who: usize, subject: String, importance: i32) -> Outcome {
        let mut message = Message { read: false, ..Message::new(None, subject, importance) };
        let inbox = self.key(INBOX);
        let mut places: Vec<FolderKey> = Vec::new();
        let (mut stays, mut stopped) = (true, false);
        for rule in &self.mail.rules {
            if stopped || !rule.want.holds(&message) {
                continue;
            }
            for action in &rule.actions {
                match action {
                    // A folder that is gone is an error of the rule, and nothing else.
                    Action::Move(to) | Action::Copy(to) if !self.model.has(*to) => {}
                    Action::Move(to) => {
                        places.push(*to);
                        stays = false;
                    }
                    Action::Copy(to) => places.push(*to),
                    Action::Delete => {
                        stays = false;
                        stopped = true;
                    }
                    Action::MarkRead => message.read = true,
                    Action::Importance(importance) => message.importance = *importance,
                }
            }
            stopped |= rule.stops;
        }
        if stays {
            places.push(inbox);
        }
        let mut seen = Vec::new();
        for place in places {
            if seen.contains(&place) {
                continue;
            }
            seen.push(place);
            let at = self.model.index(place);
            self.model.folders[at].messages.push(message.clone());
            self.compare_folder(who, at)?;
            let folder = self.id(at);
            let id = self.model.folders[at].messages.last().and_then(|message| message.id);
            let id = id.unwrap_or(MessageId::NONE);
            self.model.events.extend([Event::NewMail(folder, id), Event::Created(folder, id)]);
        }
        Ok(())
    }

    fn set_rules(&mut self, who: usize, rules: &[NewRule]) -> Outcome {
        let rules: Vec<Rule> = rules.iter().map(|rule| self.rule(rule)).collect();
        let rows: Vec<RuleData> =
            rules.iter().enumerate().map(|(at, rule)| self.row(at as i32, rule)).collect();
        let request =
            ModifyRulesRequest { flags: ModifyRulesFlags::REPLACE, rules: Counted::from(rows) };
        let body = RopRequest::ModifyRules(request);
        let set = self
            .with_folder(who, self.id(INBOX), |client, inbox| client.call(inbox, body).map(drop))?;
        self.mail.rules = rules;
        same("setting rules", set, Ok(()))
    }

    fn rule(&self, new: &NewRule) -> Rule {
        let folder = |number: &u8| self.key(self.model.pick(*number));
        let action = |action: &NewAction| match action {
            NewAction::Move(to) => Action::Move(folder(to)),
            NewAction::Copy(to) => Action::Copy(folder(to)),
            NewAction::Delete => Action::Delete,
            NewAction::MarkRead => Action::MarkRead,
            NewAction::Importance(importance) => Action::Importance(i32::from(*importance)),
        };
        let actions = new.actions.iter().map(action).collect();
        Rule { want: new.want.clone(), actions, stops: new.stops }
    }

    fn row(&self, sequence: i32, rule: &Rule) -> RuleData {
        const ENABLED: i32 = 0x01;
        const EXIT_LEVEL: i32 = 0x10;
        let destination = |folder: &FolderKey| {
            let folder = self.id_of(*folder);
            let id = ServerId::Own { folder, message: MessageId::NONE, instance: 0 };
            Destination { in_this_store: 1, store: vec![0], folder: id.to_wire() }
        };
        let block = |action: &Action| {
            let action = match action {
                Action::Move(to) => Wire::Move(destination(to)),
                Action::Copy(to) => Wire::Copy(destination(to)),
                Action::Delete => Wire::Delete,
                Action::MarkRead => Wire::MarkAsRead,
                Action::Importance(importance) => {
                    Wire::Tag(TaggedValue::new(tags::IMPORTANCE, *importance))
                }
            };
            ActionBlock { flavor: 0, flags: 0, action }
        };
        let actions = RuleActions(rule.actions.iter().map(block).collect()).to_bytes();
        let condition = rule.want.restriction().to_wire();
        let state = if rule.stops { ENABLED | EXIT_LEVEL } else { ENABLED };
        let values = vec![
            TaggedValue::new(tags::RULE_SEQUENCE, sequence),
            TaggedValue::new(tags::RULE_STATE, state),
            TaggedValue::new(tags::RULE_PROVIDER, "Test"),
            TaggedValue::new(tags::RULE_CONDITION, PropertyValue::Restriction(condition)),
            TaggedValue::new(tags::RULE_ACTIONS, PropertyValue::RuleAction(actions)),
        ];
        RuleData { flags: RuleDataFlags::ADD, values: Counted::from(values) }
    }

    /// The other mailbox got what was sent to it.
    pub fn compare_mail(&mut self) -> Outcome {
        let client = &mut self.mail.client;
        let mut look = || -> Answer<Vec<(String, i32)>> {
            let inbox = client.open_folder(SpecialFolder::Inbox.id())?;
            let table = client.contents(inbox, TableFlags::NONE)?;
            client.set_columns(table, &[tags::SUBJECT, tags::IMPORTANCE])?;
            let rows = all_rows(client, table)?;
            client.release(table);
            client.release(inbox);
            Ok(rows.iter().map(|row| (text(row, 0), int(row, 1))).collect())
        };
        let mut found = look().map_err(|code| format!("DELEGATE's Inbox: {code}"))?;
        found.sort();
        let mut expected = self.mail.inbox.clone();
        expected.sort();
        same("what came to DELEGATE", found, expected)
    }
}

fn submit(
    client: &mut Client,
    folder: FolderId,
    subject: &str,
    importance: i32,
    to: &[&str],
) -> Answer<()> {
    let message = client.create_message(folder, false)?;
    let values = [
        TaggedValue::new(tags::SUBJECT, subject),
        TaggedValue::new(tags::IMPORTANCE, importance),
        TaggedValue::new(tags::DELETE_AFTER_SUBMIT, true),
    ];
    client.set_all(message, &values)?;
    let rows = to.iter().zip(0..).map(|(address, row_id)| {
        let row = RecipientRow::smtp(address, address, PropertyRow::Standard(vec![]));
        ModifyRecipientRow { row_id, recipient_type: RecipientType::TO, row: Some(row) }
    });
    let request = ModifyRecipientsRequest { columns: Vec::new(), rows: rows.collect() };
    client.call(message, RopRequest::ModifyRecipients(request))?;
    let request = SubmitMessageRequest { flags: SubmitFlags::NONE };
    client.call(message, RopRequest::SubmitMessage(request))?;
    client.release(message);
    Ok(())
}
