//! Search folders ([MS-OXCFOLD] 3.2.5.4, 3.2.5.5).

use mapi::{ErrorCode, PropertyTag, PropertyType, PropertyValue};
use mapi_rop::folder::{
    GetSearchCriteriaRequest, GetSearchCriteriaResponse, SearchFlags, SetSearchCriteriaRequest,
};
use mapi_rop::handle::LogonId;
use mapi_rop::parts::SizedRestriction;
use store::search::{self, Criteria, NewCriteria, SearchState};

use super::property::{map_restriction, map_text};
use crate::call::Call;
use crate::convert::text8_of;
use crate::error::Result;
use crate::handles::NodeId;

/// RopSetSearchCriteria ([MS-OXCFOLD] 3.2.5.4). The folder shows what matches when the answer goes out.
///
/// The full-text index answers what words decide, and the messages the rest, so CONTENT_INDEXED_SEARCH finds what
/// NON_CONTENT_INDEXED_SEARCH finds, and may be followed as well: neither is static but where STATIC_SEARCH says so, as
/// in Exchange 2016 (3.2.5.4, product note 16: MS-OXCFOLD R1238).
pub fn set_search_criteria(
    call: &Call<'_>,
    input: NodeId,
    request: &SetSearchCriteriaRequest,
) -> Result<()> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    let mailbox = call.mailbox()?;
    check(request.flags)?;
    // MS-OXCFOLD R575: public folders have no search folders at all, and say so of a recursive search first.
    if mailbox.is_public() && request.flags.contains(SearchFlags::RECURSIVE) {
        return Err(ErrorCode::NOT_SUPPORTED.into());
    }
    if request.flags.contains(SearchFlags::STOP_OR_RUNNING) {
        return Ok(search::stop(&mailbox, folder)?);
    }
    let code_page = call.session.locale.code_page;
    let restriction = request.restriction.0.clone().map(|r| map_restriction(r, code_page));
    let folders = &request.folders.items;
    // MS-OXCFOLD R1242
    if folders.contains(&folder) {
        return Err(ErrorCode::SEARCH_FOLDER_SCOPE_VIOLATION.into());
    }
    let new = NewCriteria {
        restriction,
        // MS-OXCFOLD R1241
        folders: (!folders.is_empty()).then(|| folders.clone()),
        // Shallow without either bit, also where the search was recursive before (MS-OXCFOLD R1239).
        recursive: request.flags.contains(SearchFlags::RECURSIVE),
        fixed: request.flags.contains(SearchFlags::STATIC),
    };
    Ok(search::set(&mailbox, folder, &new)?)
}

/// Pairs of bits of which a request sets one at most ([MS-OXCFOLD] 2.2.1.4.1).
const PAIRS: [(SearchFlags, SearchFlags); 4] = [
    (SearchFlags::STOP_OR_RUNNING, SearchFlags::RESTART_OR_REBUILD),
    (SearchFlags::RECURSIVE, SearchFlags::SHALLOW),
    (SearchFlags::FOREGROUND, SearchFlags::BACKGROUND),
    (SearchFlags::CONTENT_INDEXED_OR_STATIC, SearchFlags::NON_CONTENT_INDEXED_OR_MAYBE_STATIC),
];

fn check(flags: SearchFlags) -> Result<()> {
    let known = PAIRS.iter().fold(SearchFlags::STATIC.0, |all, (a, b)| all | a.0 | b.0);
    let both = PAIRS.iter().any(|(a, b)| flags.contains(*a) && flags.contains(*b));
    // MS-OXCFOLD R116
    match flags.0 & !known != 0 || both {
        true => Err(ErrorCode::INVALID_PARAMETER.into()),
        false => Ok(()),
    }
}

/// RopGetSearchCriteria ([MS-OXCFOLD] 3.2.5.5).
pub fn get_search_criteria(
    call: &Call<'_>,
    input: NodeId,
    request: &GetSearchCriteriaRequest,
) -> Result<GetSearchCriteriaResponse> {
    let folder = call.folder(input, ErrorCode::NOT_SUPPORTED)?;
    // One that was never told what to look for has nothing to tell.
    let criteria =
        search::criteria(&*call.mailbox()?, folder)?.ok_or(ErrorCode::NOT_INITIALIZED)?;
    let flags = state_of(&criteria);
    let code_page = call.session.locale.code_page;
    let restriction = request.include_restriction.then_some(criteria.restriction);
    let restriction = restriction.map(|restriction| match request.use_unicode {
        true => restriction,
        false => map_text(restriction, &tag8, &|value| value8(value, code_page)),
    });
    let folders = if request.include_folders { criteria.folders } else { Vec::new() };
    Ok(GetSearchCriteriaResponse {
        restriction: SizedRestriction(restriction),
        logon: LogonId(call.logon_id),
        folders: folders.into(),
        flags,
    })
}

/// [MS-OXCFOLD] 2.2.1.5.2
fn state_of(criteria: &Criteria) -> SearchFlags {
    let mut flags = SearchFlags::TWIR_TOTALLY;
    flags = flags
        | match criteria.state {
            SearchState::Running => SearchFlags::STOP_OR_RUNNING,
            SearchState::Complete => SearchFlags::COMPLETE,
            SearchState::Stopped => SearchFlags(0),
        };
    if criteria.recursive {
        flags = flags | SearchFlags::RECURSIVE;
    }
    if criteria.fixed {
        flags = flags | SearchFlags::CONTENT_INDEXED_OR_STATIC;
    }
    flags
}

fn tag8(tag: PropertyTag) -> PropertyTag {
    match tag.property_type() {
        PropertyType::STRING => tag.with_type(PropertyType::STRING8),
        PropertyType::MULTIPLE_STRING => tag.with_type(PropertyType::MULTIPLE_STRING8),
        _ => tag,
    }
}

fn value8(value: PropertyValue, code_page: u32) -> PropertyValue {
    match value {
        PropertyValue::String(text) => PropertyValue::String8(text8_of(&text, code_page)),
        PropertyValue::MultipleString(texts) => PropertyValue::MultipleString8(
            texts.iter().map(|text| text8_of(text, code_page)).collect(),
        ),
        other => other,
    }
}
