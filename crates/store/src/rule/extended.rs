//! Extended rules: associated messages that are rules ([MS-OXORULE] 2.2.4).

use mapi::restriction::RestrictionForm;
use mapi::rule::RuleCondition;
use mapi::rule_action::{Action, ExtendedRuleActions, RuleActions};
use mapi::{
    FolderId, MessageId, PropertyName, PropertyTag, PropertyValue, Reader, Restriction, Wire, tags,
};

use super::run::Ready;
use crate::engine::{Direction, KeyRange, Space};
use crate::keys::{self, Kind};
use crate::mailbox::names;
use crate::mailbox::writer::Tx;
use crate::message::{self, Message};
use crate::record::summary::{Known, Packed};
use crate::table::Contents;
use crate::value::{Properties, Value};
use crate::{Mailbox, Result, folder};

/// PidTagMessageClass of such a message.
pub const EXTENDED_CLASS: &str = "IPM.ExtendedRule.Message";
/// PidTagExtendedRuleSizeLimit: bytes of the condition at most (R1015).
pub const SIZE_LIMIT: u64 = 96 << 10;
/// Extended rules of a folder that are run (R789).
const MAX_RUN: usize = 32;
/// Bytes of actions that are read.
const MAX_ACTIONS: u64 = 256 << 10;

/// The extended rules of a folder, enabled or not.
pub(super) fn read(mailbox: &Mailbox, id: FolderId) -> Result<Vec<Ready>> {
    // Most folders have no associated messages, and know it.
    if folder::readable(mailbox, mailbox.reader(), id)?.associated == 0 {
        return Ok(Vec::new());
    }
    let class = Contents::Associated.to_byte();
    let range = KeyRange::prefix(mailbox.key(Kind::Summary, &[&keys::fid(id), &[class]]));
    let found = mailbox.reader().scan(Space::Mailbox, &range, Direction::Forward, usize::MAX)?;
    let mut rules = Vec::new();
    for (key, value) in found {
        let Some((replica, counter)) = keys::tail_id(&key) else { continue };
        let is_rule = match Packed::new(&value)?.get(tags::MESSAGE_CLASS)? {
            Known::Value(class) => {
                let text = class.as_text().map(|text| text.to_string_lossy());
                text.is_some_and(|text| text.eq_ignore_ascii_case(EXTENDED_CLASS))
            }
            Known::Absent | Known::Unknown => false,
        };
        if is_rule && rules.len() < MAX_RUN {
            let message = message::open(mailbox, MessageId::new(replica, counter))?;
            rules.push(ready(mailbox, &message)?);
        }
    }
    Ok(rules)
}

fn ready(mailbox: &Mailbox, message: &Message) -> Result<Ready> {
    let properties = &message.body.properties;
    let int = |tag| properties.inline(tag).and_then(PropertyValue::as_i32).unwrap_or(0);
    let provider = properties.inline(tags::RULE_MESSAGE_PROVIDER).and_then(PropertyValue::as_text);
    Ok(Ready {
        id: keys::id_number(message.id.replica, message.id.counter),
        extended: Some(message.id),
        sequence: int(tags::RULE_MESSAGE_SEQUENCE),
        state: int(tags::RULE_MESSAGE_STATE) as u32,
        provider: provider.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default(),
        condition: condition(mailbox, properties)?,
        actions: actions(mailbox, properties)?,
    })
}

fn binary(
    mailbox: &Mailbox,
    properties: &Properties,
    tag: PropertyTag,
    limit: u64,
) -> Result<Option<Vec<u8>>> {
    let Some(value) = properties.get(tag).filter(|value| value.size() <= limit) else {
        return Ok(None);
    };
    Ok(match mailbox.store().load(value, limit)? {
        PropertyValue::Binary(bytes) => Some(bytes),
        _ => None,
    })
}

/// None in it where the bytes make no sense.
fn condition(mailbox: &Mailbox, properties: &Properties) -> Result<Option<Option<Restriction>>> {
    let tag = tags::EXTENDED_RULE_MESSAGE_CONDITION;
    let Some(bytes) = binary(mailbox, properties, tag, SIZE_LIMIT)? else { return Ok(None) };
    let mut r = Reader::new(&bytes);
    let Ok(read) = RuleCondition::read_as(&mut r, RestrictionForm::ExtendedRule) else {
        return Ok(None);
    };
    let ids = Ids::of(mailbox, &read.names)?;
    Ok(Some(Some(ids.restriction(read.restriction))))
}

fn actions(mailbox: &Mailbox, properties: &Properties) -> Result<Option<RuleActions>> {
    let tag = tags::EXTENDED_RULE_MESSAGE_ACTIONS;
    let Some(bytes) = binary(mailbox, properties, tag, MAX_ACTIONS)? else { return Ok(None) };
    let Ok(mut read) = ExtendedRuleActions::from_wire(&bytes) else { return Ok(None) };
    // MS-OXORULE R208
    if read.version != 1 || read.actions.0.is_empty() {
        return Ok(None);
    }
    let ids = Ids::of(mailbox, &read.names)?;
    for block in &mut read.actions.0 {
        if let Action::Tag(value) = &mut block.action {
            value.tag = ids.tag(value.tag);
        }
    }
    Ok(Some(read.actions))
}

/// The mailbox's ids of the named properties that a rule brings along.
struct Ids(Vec<(u16, u16)>);

impl Ids {
    /// Names that the mailbox does not know have no id in it; no message has such a property.
    fn of(mailbox: &Mailbox, names: &[(u16, PropertyName)]) -> Result<Ids> {
        const NO_PROPERTY: u16 = 0xffff;
        let wanted: Vec<PropertyName> = names.iter().map(|(_, name)| name.clone()).collect();
        let found = names::ids_of(mailbox, &wanted, false)?;
        let ids = names.iter().zip(found);
        Ok(Ids(ids.map(|((id, _), found)| (*id, found.unwrap_or(NO_PROPERTY))).collect()))
    }

    fn tag(&self, tag: PropertyTag) -> PropertyTag {
        match self.0.iter().find(|(id, _)| *id == tag.id()) {
            Some((_, own)) => PropertyTag::from_parts(*own, tag.property_type()),
            None => tag,
        }
    }

    fn restriction(&self, restriction: Restriction) -> Restriction {
        use Restriction as R;
        let all = |parts: Vec<R>| parts.into_iter().map(|part| self.restriction(part)).collect();
        let boxed = |part: Box<R>| Box::new(self.restriction(*part));
        match restriction {
            R::And(parts) => R::And(all(parts)),
            R::Or(parts) => R::Or(all(parts)),
            R::Not(part) => R::Not(boxed(part)),
            R::Content { level, tag, value } => R::Content { level, tag: self.tag(tag), value },
            R::Property { relation, tag, value } => {
                R::Property { relation, tag: self.tag(tag), value }
            }
            R::CompareProperties { relation, left, right } => {
                R::CompareProperties { relation, left: self.tag(left), right: self.tag(right) }
            }
            R::Bitmask { test, tag, mask } => R::Bitmask { test, tag: self.tag(tag), mask },
            R::Size { relation, tag, size } => R::Size { relation, tag: self.tag(tag), size },
            R::Exist { tag } => R::Exist { tag: self.tag(tag) },
            R::SubObject { tag, restriction } => {
                R::SubObject { tag, restriction: boxed(restriction) }
            }
            R::Comment { values, restriction } => {
                R::Comment { values, restriction: restriction.map(boxed) }
            }
            R::Count { limit, restriction } => R::Count { limit, restriction: boxed(restriction) },
        }
    }
}

/// Writes into an extended rule that it could not be run.
pub(super) fn add_state(tx: &mut Tx<'_>, id: MessageId, bits: u32) -> Result<()> {
    let Some(_) = message::read_hot(tx.mailbox, tx.reader(), id)? else { return Ok(()) };
    let mut rule = message::read_in(tx.mailbox, tx.reader(), id)?;
    let state = rule.body.properties.inline(tags::RULE_MESSAGE_STATE);
    let state = state.and_then(PropertyValue::as_i32).unwrap_or(0) | bits as i32;
    rule.body.properties.set(tags::RULE_MESSAGE_STATE, Value::from(state));
    message::write(tx, &mut rule, true)
}
