//! A rule as it is kept: the properties that a client gave it ([MS-OXORULE] 2.2.1.3.1).

use mapi::restriction::Restriction;
use mapi::rule_action::RuleActions;
use mapi::{PropertyTag, PropertyType, PropertyValue, Reader, Wire, WireError, tags};

use crate::record::properties;
use crate::value::{Properties, Value};
use crate::{Result, StoreError};

const VERSION: u8 = 1;

/// [MS-OXORULE] 2.2.1.3.1.3
pub const ENABLED: u32 = 0x01;
pub const ERROR: u32 = 0x02;
pub const ONLY_WHEN_OOF: u32 = 0x04;
pub const KEEP_OOF_HISTORY: u32 = 0x08;
pub const EXIT_LEVEL: u32 = 0x10;
pub const SKIP_IF_SCL_IS_SAFE: u32 = 0x20;
pub const PARSE_ERROR: u32 = 0x40;
/// What the server says; it is not taken from clients (R66, R77).
pub(crate) const OF_SERVER: u32 = ERROR | PARSE_ERROR;

/// What a standard rule may have.
const KNOWN: [PropertyTag; 10] = [
    tags::RULE_ACTIONS,
    tags::RULE_CONDITION,
    tags::RULE_ID,
    tags::RULE_LEVEL,
    tags::RULE_NAME,
    tags::RULE_PROVIDER,
    tags::RULE_PROVIDER_DATA,
    tags::RULE_SEQUENCE,
    tags::RULE_STATE,
    tags::RULE_USER_FLAGS,
];

/// A standard rule of a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// PidTagRuleId: unique in the mailbox, never used again.
    pub id: u64,
    /// All other properties.
    pub properties: Properties,
}

impl Rule {
    pub(crate) fn read(id: u64, bytes: &[u8]) -> Result<Rule, WireError> {
        let mut r = Reader::new(bytes);
        crate::record::version(&mut r, VERSION)?;
        let properties = properties::read(&mut r)?;
        r.finish("nothing behind the properties of a rule")?;
        Ok(Rule { id, properties })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut w = vec![VERSION];
        properties::write(&mut w, &self.properties);
        w
    }

    pub fn sequence(&self) -> i32 {
        self.int(tags::RULE_SEQUENCE)
    }

    pub fn state(&self) -> u32 {
        self.int(tags::RULE_STATE) as u32
    }

    fn int(&self, tag: PropertyTag) -> i32 {
        self.properties.inline(tag).and_then(PropertyValue::as_i32).unwrap_or(0)
    }

    pub(crate) fn add_state(&mut self, bits: u32) {
        let state = self.state() | bits;
        self.properties.set(tags::RULE_STATE, state as i32);
    }

    pub(crate) fn provider(&self) -> String {
        let text = self.properties.inline(tags::RULE_PROVIDER).and_then(PropertyValue::as_text);
        text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// None for a rule without a condition, which holds for every message.
    pub(crate) fn condition(&self) -> Result<Option<Restriction>, WireError> {
        match self.properties.inline(tags::RULE_CONDITION) {
            Some(PropertyValue::Restriction(bytes)) => Restriction::from_wire(bytes).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn actions(&self) -> Result<RuleActions, WireError> {
        match self.properties.inline(tags::RULE_ACTIONS) {
            Some(PropertyValue::RuleAction(bytes)) => RuleActions::parse(bytes),
            _ => Ok(RuleActions::default()),
        }
    }
}

/// Takes what a client says of a rule, if it makes sense.
///
/// Errors: [`StoreError::Invalid`], or why a condition cannot be evaluated.
pub(crate) fn accept(given: &Properties, new: bool) -> Result<()> {
    for (id, value) in given.iter() {
        let known = KNOWN.iter().find(|known| known.id() == id);
        let known = known.ok_or(StoreError::Invalid("a property that no rule has"))?;
        if value.property_type() != known.property_type() {
            return Err(StoreError::Invalid("a property of a rule with another type"));
        }
        let Value::Inline(value) = value else {
            return Err(StoreError::Invalid("a property of a rule that is too large"));
        };
        match value {
            PropertyValue::RuleAction(bytes) => {
                let actions = RuleActions::parse(bytes)
                    .map_err(|_| StoreError::Invalid("rule actions that cannot be read"))?;
                // MS-OXORULE R232
                if actions.0.is_empty() {
                    return Err(StoreError::Invalid("a rule without an action"));
                }
                if let Some(fault) = actions.0.iter().find_map(|block| block.fault()) {
                    return Err(StoreError::Invalid(fault));
                }
            }
            PropertyValue::Restriction(bytes) => {
                let condition = Restriction::from_wire(bytes)
                    .map_err(|_| StoreError::Invalid("a condition that cannot be read"))?;
                crate::table::check_restriction(&condition)?;
            }
            _ => {}
        }
    }
    let missing = |tag: &&PropertyTag| given.get(**tag).is_none();
    // MS-OXORULE R463
    let needed = [tags::RULE_PROVIDER, tags::RULE_CONDITION, tags::RULE_ACTIONS];
    match new && needed.iter().find(missing).is_some() {
        true => Err(StoreError::Invalid("a new rule needs a provider, a condition and actions")),
        false => Ok(()),
    }
}

/// The type by which a rule keeps a property.
pub fn type_of(tag: PropertyTag) -> Option<PropertyType> {
    KNOWN.iter().find(|known| known.id() == tag.id()).map(|known| known.property_type())
}
