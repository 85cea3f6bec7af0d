//! Taking properties and whole bodies from one message to another, also of another mailbox
//! ([MS-OXCPRPT] 3.2.5.7, 3.2.5.8).

use mapi::tags;

use super::MessageBody;
use crate::mailbox::names::Translation;
use crate::record::node;
use crate::value::Properties;
use crate::{Mailbox, Result, large};

/// Properties of an object in `source` as an object in `target` has them: named ones under the target's ids,
/// large values in its store. Names that the target lacks are added there.
pub fn carry(source: &Mailbox, target: &Mailbox, properties: Properties) -> Result<Properties> {
    let ids: Vec<u16> = properties.iter().map(|(id, _)| id).collect();
    let mut carried = match Translation::between(source, target, ids)? {
        Some(names) => renamed(&names, properties),
        None => properties,
    };
    large::adopt_properties(source, target, &mut carried)?;
    Ok(carried)
}

/// As [`carry`] for a whole body: recipients, attachments and what is embedded in them.
pub fn carry_body(source: &Mailbox, target: &Mailbox, body: &mut MessageBody) -> Result<()> {
    let ids: Vec<u16> = node::property_ids(body);
    if let Some(names) = Translation::between(source, target, ids)? {
        node::for_all_properties(body, &mut |properties| {
            let old = std::mem::take(properties);
            *properties = renamed(&names, old);
        });
    }
    // The copy has its own identity.
    body.properties.remove(tags::SOURCE_KEY);
    body.properties.remove(tags::PREDECESSOR_CHANGE_LIST);
    large::adopt_body(source, target, body)
}

fn renamed(names: &Translation, properties: Properties) -> Properties {
    properties.into_iter().filter_map(|(id, value)| Some((names.id(id)?, value))).collect()
}
