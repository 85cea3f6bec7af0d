//! Named properties ([MS-OXCPRPT] 3.2.5.6, 3.2.5.9, 3.2.5.10).

use mapi::wire::Counted;
use mapi::{ErrorCode, PropertyName, PropertyNameKind, names as sets};
use mapi_rop::property::{
    GetNamesFromPropertyIdsRequest, GetNamesFromPropertyIdsResponse,
    GetPropertyIdsFromNamesRequest, GetPropertyIdsFromNamesResponse, NameFlags, QueryNamedFlags,
    QueryNamedPropertiesRequest, QueryNamedPropertiesResponse,
};
use store::mailbox::names;

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::Object;

pub fn get_property_ids_from_names(
    call: &Call<'_>,
    input: NodeId,
    request: &GetPropertyIdsFromNamesRequest,
) -> Result<GetPropertyIdsFromNamesResponse> {
    let mailbox = call.mailbox()?;
    let asked = &request.names.items;
    // MS-OXCPRPT R526
    if asked.is_empty() && matches!(call.tree.get(input), Some(Object::Logon(_))) {
        let ids = names::all(&mailbox)?.into_iter().map(|(id, _)| id).collect();
        return Ok(GetPropertyIdsFromNamesResponse { ids, errors_returned: false });
    }
    need_properties(call, input)?;
    let create = request.flags.contains(NameFlags::CREATE);
    let mut ids = vec![0u16; asked.len()];
    let mut mapped = Vec::with_capacity(asked.len());
    let mut places = Vec::with_capacity(asked.len());
    for (place, name) in asked.iter().enumerate() {
        match &name.kind {
            // PS_MAPI maps ids onto themselves (MS-OXCPRPT R642); a string there is no name (R225).
            PropertyNameKind::Id(lid) if name.set == sets::PS_MAPI => {
                ids[place] = u16::try_from(*lid).ok().filter(|id| *id < 0x8000).unwrap_or(0);
            }
            _ if name.set == sets::PS_MAPI => {}
            _ => {
                mapped.push(normal(name));
                places.push(place);
            }
        }
    }
    for (place, id) in places.into_iter().zip(names::ids_of(&mailbox, &mapped, create)?) {
        ids[place] = id.unwrap_or(0);
    }
    let errors_returned = ids.contains(&0);
    Ok(GetPropertyIdsFromNamesResponse { ids, errors_returned })
}

/// Names in PS_INTERNET_HEADERS are told apart without regard to case (MS-OXCPRPT R529).
fn normal(name: &PropertyName) -> PropertyName {
    match &name.kind {
        PropertyNameKind::Name(text) if name.set == sets::PS_INTERNET_HEADERS => PropertyName {
            set: name.set,
            kind: PropertyNameKind::Name(text.to_string_lossy().to_lowercase().into()),
        },
        _ => name.clone(),
    }
}

pub fn get_names_from_property_ids(
    call: &Call<'_>,
    input: NodeId,
    request: &GetNamesFromPropertyIdsRequest,
) -> Result<GetNamesFromPropertyIdsResponse> {
    need_properties(call, input)?;
    let found = names::names_of(&*call.mailbox()?, &request.ids.items)?;
    Ok(GetNamesFromPropertyIdsResponse { names: Counted::from(found) })
}

pub fn query_named_properties(
    call: &Call<'_>,
    input: NodeId,
    request: &QueryNamedPropertiesRequest,
) -> Result<QueryNamedPropertiesResponse> {
    need_properties(call, input)?;
    let mut properties = names::all(&*call.mailbox()?)?;
    // MS-OXCPRPT R876 to R878; other bits are ignored (R87801).
    properties.retain(|(_, name)| {
        let is_string = matches!(name.kind, PropertyNameKind::Name(_));
        let hidden = match is_string {
            true => QueryNamedFlags::NO_STRINGS,
            false => QueryNamedFlags::NO_IDS,
        };
        !request.flags.contains(hidden) && request.set.0.is_none_or(|set| set == name.set)
    });
    Ok(QueryNamedPropertiesResponse { properties, errors_returned: false })
}

/// These ROPs work on whatever has properties (MS-OXCPRPT R20701 to R20704).
fn need_properties(call: &Call<'_>, input: NodeId) -> Result<()> {
    match call.tree.get(input) {
        Some(Object::Logon(_) | Object::Folder(_) | Object::Message(_) | Object::Attachment(_)) => {
            Ok(())
        }
        _ => Err(ErrorCode::NOT_SUPPORTED.into()),
    }
}
