//! Damaged rules (kind 19) and senders that rules answered (kind 1A).

use mapi::restriction::Restriction;
use mapi::rule_action::{Action, ActionBlock, RuleActions};
use mapi::{FolderId, PropertyValue, Wire, tags};
use store::Properties;
use store::check::What;
use store::engine::{Reader, Space};
use store::rule::{self, Change};

use super::fixture::{Fixture, INBOX, bytes, mends, nothing};

const MAILBOX: Space = Space::Mailbox;
const RULE: u8 = 0x19;
const ANSWERED: u8 = 0x1a;

type Damage = fn(&mut Vec<u8>);

/// Version 1, and a time.
const THEN: [u8; 9] = [1, 0, 0, 0x11, 0x22, 0x33, 0x44, 0xd5, 0x01];

fn some_rule(name: &str) -> Change {
    let mut rule = Properties::default();
    let condition = Restriction::Exist { tag: tags::SUBJECT };
    let block = ActionBlock { flavor: 0, flags: 0, action: Action::MarkAsRead };
    rule.set(tags::RULE_SEQUENCE, 1);
    rule.set(tags::RULE_STATE, 1);
    rule.set(tags::RULE_NAME, name);
    rule.set(tags::RULE_PROVIDER, "Test");
    rule.set(tags::RULE_CONDITION, PropertyValue::Restriction(condition.to_wire()));
    rule.set(tags::RULE_ACTIONS, PropertyValue::RuleAction(RuleActions(vec![block]).to_bytes()));
    Change::Add(rule)
}

fn rule_key(f: &Fixture, folder: FolderId, rule: u64) -> Vec<u8> {
    f.key(RULE, &[&bytes(folder.to_wire()), &rule.to_be_bytes()])
}

fn answered_key(f: &Fixture, folder: FolderId, rule: u64) -> Vec<u8> {
    f.key(ANSWERED, &[&bytes(folder.to_wire()), &rule.to_be_bytes(), &[7; 16]])
}

/// Two rules in the Inbox, the first of which answered somebody; their ids.
fn two_rules(f: &Fixture) -> [u64; 2] {
    rule::modify(&f.mailbox, INBOX, false, &[some_rule("first"), some_rule("second")]).unwrap();
    let rules = rule::list(&f.mailbox, INBOX).unwrap();
    let ids = [rules[0].id, rules[1].id];
    f.put(MAILBOX, &answered_key(f, INBOX, ids[0]), THEN);
    assert!(f.check().is_clean(), "{:?}", f.check().left_in_words());
    ids
}

fn names(f: &Fixture) -> Vec<String> {
    let rules = rule::list(&f.mailbox, INBOX).unwrap();
    let name = |rule: &rule::Rule| match rule.properties.inline(tags::RULE_NAME) {
        Some(PropertyValue::String(name)) => name.to_string_lossy().into_owned(),
        other => panic!("{other:?}"),
    };
    rules.iter().map(name).collect()
}

fn has(f: &Fixture, key: &[u8]) -> bool {
    f.engine.get(MAILBOX, key).unwrap().is_some()
}

#[test]
fn a_rule() {
    let first = |f: &Fixture| {
        let [id, _] = two_rules(f);
        rule_key(f, INBOX, id)
    };
    let flipped = |f: &Fixture| f.flip(MAILBOX, &first(f));
    let (fixture, _) = mends("flipped", flipped, &[What::Rule], nothing);
    assert_eq!(names(&fixture), ["second"], "the other rule stays, and is run");
    let version = |f: &Fixture| f.alter(MAILBOX, &first(f), |value| value[0] = 9);
    let (fixture, _) = mends("of a later layout", version, &[What::Rule], nothing);
    assert_eq!(names(&fixture), ["second"]);
    let short = |f: &Fixture| f.alter(MAILBOX, &first(f), |value| value.truncate(20));
    let (fixture, _) = mends("cut off", short, &[What::Rule], nothing);
    assert_eq!(names(&fixture), ["second"]);
    let long = |f: &Fixture| f.alter(MAILBOX, &first(f), |value| value.push(0));
    let (fixture, _) = mends("with a tail", long, &[What::Rule], nothing);
    assert_eq!(names(&fixture), ["second"]);
}

#[test]
fn a_rule_of_no_folder() {
    let nowhere = FolderId::own(0x7777);
    let stray = |f: &Fixture| {
        let [id, _] = two_rules(f);
        let value = f.get(MAILBOX, &rule_key(f, INBOX, id));
        f.put(MAILBOX, &rule_key(f, nowhere, id), value);
    };
    let (fixture, repaired) = mends("stray", stray, &[What::Rule], nothing);
    assert_eq!(repaired.problems.len(), 1, "{:?}", repaired.problems);
    assert_eq!(names(&fixture), ["first", "second"]);
    assert!(fixture.keys(MAILBOX, &fixture.key(RULE, &[&bytes(nowhere.to_wire())])).is_empty());
}

#[test]
fn whom_a_rule_answered() {
    let first = |f: &Fixture| {
        let [id, _] = two_rules(f);
        answered_key(f, INBOX, id)
    };
    let damages: [(&str, Damage); 3] = [
        ("of a later layout", |value| value[0] = 9),
        ("cut off", |value| value.truncate(8)),
        ("with a tail", |value| value.push(0)),
    ];
    for (name, damage) in damages {
        let damage = |f: &Fixture| f.alter(MAILBOX, &first(f), damage);
        let (fixture, _) = mends(name, damage, &[What::Rule], nothing);
        assert_eq!(names(&fixture), ["first", "second"], "{name}");
        assert!(fixture.keys(MAILBOX, &fixture.key(ANSWERED, &[])).is_empty(), "{name}");
    }
    let flipped = |f: &Fixture| f.flip(MAILBOX, &first(f));
    let (fixture, _) = mends("flipped", flipped, &[What::Rule], nothing);
    assert_eq!(names(&fixture), ["first", "second"]);
    let stray = |f: &Fixture| {
        let [id, _] = two_rules(f);
        f.put(MAILBOX, &answered_key(f, FolderId::own(0x7777), id), THEN);
    };
    let (fixture, _) = mends("of no folder", stray, &[What::Rule], nothing);
    let id = rule::list(&fixture.mailbox, INBOX).unwrap()[0].id;
    assert!(has(&fixture, &answered_key(&fixture, INBOX, id)), "the one of the Inbox stays");
    assert_eq!(fixture.keys(MAILBOX, &fixture.key(ANSWERED, &[])).len(), 1);
}
