//! What a case consists of. Folders and messages are named by numbers, taken modulo how many there are, so that
//! any part of a case is a case. The operations of each matter stand with what they do.

use proptest::prelude::*;

use crate::{contents, folders, messages, permissions, public, rules, searches, tables, watches};

/// Which session.
pub type Who = u8;

#[derive(Debug, Clone)]
pub enum Operation {
    Folder(Who, folders::Op),
    Message(Who, messages::Op),
    Content(Who, contents::Op),
    Search(Who, searches::Op),
    Table(Who, tables::Op),
    Watch(Who, watches::Op),
    Permission(permissions::Op),
    Mail(Who, rules::Op),
    Public(public::Op),
    /// Compares everything.
    Compare(Who),
}

pub fn one() -> impl Strategy<Value = Operation> {
    let who = || 0..3u8;
    prop_oneof![
        14 => (who(), folders::one()).prop_map(|(who, op)| Operation::Folder(who, op)),
        30 => (who(), messages::one()).prop_map(|(who, op)| Operation::Message(who, op)),
        10 => (who(), contents::one()).prop_map(|(who, op)| Operation::Content(who, op)),
        6 => (who(), searches::one()).prop_map(|(who, op)| Operation::Search(who, op)),
        6 => (who(), tables::one()).prop_map(|(who, op)| Operation::Table(who, op)),
        4 => (who(), watches::one()).prop_map(|(who, op)| Operation::Watch(who, op)),
        8 => permissions::one().prop_map(Operation::Permission),
        6 => (who(), rules::one()).prop_map(|(who, op)| Operation::Mail(who, op)),
        4 => public::one().prop_map(Operation::Public),
        3 => who().prop_map(Operation::Compare),
    ]
}
