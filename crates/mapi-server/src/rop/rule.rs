//! Rules of folders ([MS-OXORULE] 3.2.5.2 to 3.2.5.4).

use mapi::restriction::Restriction;
use mapi::rule_action::{Action, RuleActions};
use mapi::{ErrorCode, FolderId, PropertyTag, PropertyValue, TaggedValue, Wire, tags};
use mapi_rop::parts::Empty;
use mapi_rop::rule::{
    GetRulesTableRequest, ModifyRulesFlags, ModifyRulesRequest, RuleData, RuleDataFlags,
    RulesTableFlags, UpdateDeferredActionMessagesRequest,
};
use store::rule::{self, Change, Saved};
use store::{Mailbox, Properties, Value};

use crate::call::{Call, Opened};
use crate::convert::{stored_tag, to_stored};
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::TableKind;
use crate::rop::{property, table};

/// RopModifyRules ([MS-OXORULE] 3.2.5.2). All changes are made, or none; more than is run is saved all the same,
/// and told (R815, R911).
pub fn modify_rules(call: &Call<'_>, input: NodeId, request: &ModifyRulesRequest) -> Result<()> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    // MS-OXORULE R822
    if request.flags.0 & !ModifyRulesFlags::REPLACE.0 != 0 {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let replace = request.flags.contains(ModifyRulesFlags::REPLACE);
    let mut changes = Vec::with_capacity(request.rules.items.len());
    for data in &request.rules.items {
        // MS-OXORULE R670
        if replace && data.flags != RuleDataFlags::ADD {
            return Err(ErrorCode::INVALID_PARAMETER.into());
        }
        changes.push(change(data, call.session.locale.code_page)?);
    }
    match rule::modify(&*call.mailbox()?, folder, replace, &changes) {
        Ok(Saved::Within) => Ok(()),
        Ok(Saved::Beyond) => Err(ErrorCode::OUT_OF_MEMORY.into()),
        Err(error) => Err(error.into()),
    }
}

/// One RuleData ([MS-OXORULE] 2.2.1.3).
fn change(data: &RuleData, code_page: u32) -> Result<Change> {
    let mut id = None;
    let mut properties = Properties::new();
    for value in &data.values.items {
        match (value.tag, &value.value) {
            (tags::RULE_ID, PropertyValue::Integer64(given)) => id = Some(*given as u64),
            _ => {
                let value = stored(value.clone(), code_page)?;
                properties.set(value.tag, Value::Inline(value.value));
            }
        }
    }
    match (data.flags, id) {
        // MS-OXORULE R53: the server gives the id.
        (RuleDataFlags::ADD, None) => Ok(Change::Add(properties)),
        // MS-OXORULE R54
        (RuleDataFlags::MODIFY, Some(id)) => Ok(Change::Modify(id, properties)),
        (RuleDataFlags::REMOVE, Some(id)) => Ok(Change::Remove(id)),
        _ => Err(ErrorCode::INVALID_PARAMETER.into()),
    }
}

/// A property of a rule with text in the form that the store keeps, also within conditions and actions.
fn stored(value: TaggedValue, code_page: u32) -> Result<TaggedValue> {
    let tag = stored_tag(value.tag);
    let value = match value.value {
        PropertyValue::Restriction(bytes) => {
            let restriction =
                Restriction::from_wire(&bytes).map_err(|_| ErrorCode::INVALID_PARAMETER)?;
            PropertyValue::Restriction(property::map_restriction(restriction, code_page).to_wire())
        }
        PropertyValue::RuleAction(bytes) => {
            let mut actions =
                RuleActions::parse(&bytes).map_err(|_| ErrorCode::INVALID_PARAMETER)?;
            for block in &mut actions.0 {
                block.action = stored_action(block.action.clone(), code_page);
            }
            PropertyValue::RuleAction(actions.to_bytes())
        }
        other => to_stored(other, code_page),
    };
    Ok(TaggedValue { tag, value })
}

fn stored_action(action: Action, code_page: u32) -> Action {
    let value = |value: TaggedValue| TaggedValue {
        tag: stored_tag(value.tag),
        value: to_stored(value.value, code_page),
    };
    match action {
        Action::Tag(tagged) => Action::Tag(value(tagged)),
        Action::Forward(mut recipients) => {
            for recipient in &mut recipients {
                recipient.values =
                    std::mem::take(&mut recipient.values).into_iter().map(value).collect();
            }
            Action::Forward(recipients)
        }
        Action::Delegate(mut recipients) => {
            for recipient in &mut recipients {
                recipient.values =
                    std::mem::take(&mut recipient.values).into_iter().map(value).collect();
            }
            Action::Delegate(recipients)
        }
        other => other,
    }
}

/// RopGetRulesTable ([MS-OXORULE] 3.2.5.3).
pub fn get_rules_table(
    call: &mut Call<'_>,
    input: NodeId,
    request: &GetRulesTableRequest,
) -> Result<Opened<Empty>> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    // MS-OXORULE R827
    if request.flags.0 & !RulesTableFlags::UNICODE.0 != 0 {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    rule::has_any(&*call.mailbox()?, folder)?;
    let unicode = request.flags.contains(RulesTableFlags::UNICODE);
    table::open_list(call, None, TableKind::Rules { folder }, unicode)
}

/// The rows of a rules table: what clients set, and the ids.
pub fn rows(mailbox: &Mailbox, folder: FolderId) -> Result<Vec<Properties>> {
    let row = |rule: rule::Rule| {
        let mut row = rule.properties;
        row.set(tags::RULE_ID, rule.id as i64);
        row
    };
    Ok(rule::list(mailbox, folder)?.into_iter().map(row).collect())
}

pub const COLUMNS: &[PropertyTag] = &[
    tags::RULE_ID,
    tags::RULE_SEQUENCE,
    tags::RULE_STATE,
    tags::RULE_NAME,
    tags::RULE_PROVIDER,
    tags::RULE_LEVEL,
    tags::RULE_USER_FLAGS,
    tags::RULE_PROVIDER_DATA,
    tags::RULE_CONDITION,
    tags::RULE_ACTIONS,
];

/// RopUpdateDeferredActionMessages ([MS-OXORULE] 3.2.5.4).
pub fn update_deferred_action_messages(
    call: &Call<'_>,
    input: NodeId,
    request: &UpdateDeferredActionMessagesRequest,
) -> Result<()> {
    call.need_logon(input)?;
    let (server, client) = (&request.server_entry_id.bytes, &request.client_entry_id.bytes);
    rule::patch_deferred(&*call.mailbox()?, server, client)?;
    Ok(())
}

/// Refuses an extended rule whose condition is larger than PidTagExtendedRuleSizeLimit says
/// ([MS-OXORULE] 3.2.5.1 R1016).
pub fn check_extended(message: &store::message::Message) -> Result<()> {
    let properties = &message.body.properties;
    let class = properties.inline(tags::MESSAGE_CLASS).and_then(PropertyValue::as_text);
    let is_rule = message.associated
        && class.is_some_and(|class| {
            class.to_string_lossy().eq_ignore_ascii_case(rule::EXTENDED_CLASS)
        });
    let size = properties.get(tags::EXTENDED_RULE_MESSAGE_CONDITION).map_or(0, Value::size);
    match is_rule && size > rule::EXTENDED_SIZE_LIMIT {
        true => Err(ErrorCode::OUT_OF_MEMORY.into()),
        false => Ok(()),
    }
}
