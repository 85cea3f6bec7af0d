//! Conditions on messages, as restrictions and as what the model says of them.

use mapi::restriction::{BitTest, FuzzyLevel, Relation};
use mapi::{Restriction, TaggedValue, tags};
use proptest::prelude::*;

use crate::store::Message;

#[derive(Debug, Clone)]
pub enum Want {
    Importance(u8),
    Unread,
    /// The subject holds the digits of a number.
    Subject(u8),
    Not(Box<Want>),
    Both(Box<Want>, Box<Want>),
    Either(Box<Want>, Box<Want>),
}

pub fn one() -> impl Strategy<Value = Want> {
    let plain = prop_oneof![
        3 => (0..3u8).prop_map(Want::Importance),
        2 => Just(Want::Unread),
        2 => (0..20u8).prop_map(Want::Subject),
    ];
    plain.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|want| Want::Not(Box::new(want))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Want::Both(a.into(), b.into())),
            (inner.clone(), inner).prop_map(|(a, b)| Want::Either(a.into(), b.into())),
        ]
    })
}

impl Want {
    pub fn holds(&self, message: &Message) -> bool {
        match self {
            Want::Importance(importance) => message.importance == i32::from(*importance),
            Want::Unread => !message.read,
            Want::Subject(number) => message.subject.contains(&number.to_string()),
            Want::Not(want) => !want.holds(message),
            Want::Both(a, b) => a.holds(message) && b.holds(message),
            Want::Either(a, b) => a.holds(message) || b.holds(message),
        }
    }

    pub fn restriction(&self) -> Restriction {
        match self {
            Want::Importance(importance) => Restriction::Property {
                relation: Relation::Equal,
                tag: tags::IMPORTANCE,
                value: TaggedValue::new(tags::IMPORTANCE, i32::from(*importance)),
            },
            Want::Unread => {
                let (tag, mask) = (tags::MESSAGE_FLAGS, 1);
                Restriction::Bitmask { test: BitTest::AllClear, tag, mask }
            }
            Want::Subject(number) => Restriction::Content {
                level: FuzzyLevel { low: FuzzyLevel::SUBSTRING, high: FuzzyLevel::IGNORE_CASE },
                tag: tags::SUBJECT,
                value: TaggedValue::new(tags::SUBJECT, number.to_string()),
            },
            Want::Not(want) => Restriction::Not(Box::new(want.restriction())),
            Want::Both(a, b) => Restriction::And(vec![a.restriction(), b.restriction()]),
            Want::Either(a, b) => Restriction::Or(vec![a.restriction(), b.restriction()]),
        }
    }
}
