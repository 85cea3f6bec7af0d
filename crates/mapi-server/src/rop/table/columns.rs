//! RopQueryColumnsAll ([MS-OXCTABL] 3.2.5.13).

use mapi::wire::Counted;
use mapi::{PropertyTag, tags};
use mapi_rop::table::TagsResponse;

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;
use crate::object::TableKind;

/// RopQueryColumnsAll ([MS-OXCTABL] 3.2.5.13).
pub fn query_columns_all(call: &mut Call<'_>, input: NodeId) -> Result<TagsResponse> {
    let columns: &[PropertyTag] = match call.table(input)?.kind {
        TableKind::Contents => CONTENTS_COLUMNS,
        TableKind::Hierarchy => HIERARCHY_COLUMNS,
        TableKind::Attachments => ATTACHMENT_COLUMNS,
        TableKind::Rules { .. } => crate::rop::rule::COLUMNS,
        TableKind::Permissions { .. } => crate::rop::permission::COLUMNS,
    };
    Ok(TagsResponse { tags: Counted::from(columns.to_vec()) })
}

/// The columns that every contents table can show. Any other property of a message can be asked for too.
const CONTENTS_COLUMNS: &[PropertyTag] = &[
    tags::FOLDER_ID,
    tags::MID,
    tags::INST_ID,
    tags::INSTANCE_NUM,
    tags::ENTRY_ID,
    tags::INSTANCE_KEY,
    tags::RECORD_KEY,
    tags::SEARCH_KEY,
    tags::SOURCE_KEY,
    tags::CHANGE_KEY,
    tags::CHANGE_NUMBER,
    tags::MESSAGE_CLASS,
    tags::SUBJECT,
    tags::NORMALIZED_SUBJECT,
    tags::CONVERSATION_TOPIC,
    tags::SENDER_NAME,
    tags::SENT_REPRESENTING_NAME,
    tags::DISPLAY_TO,
    tags::DISPLAY_CC,
    tags::MESSAGE_DELIVERY_TIME,
    tags::CLIENT_SUBMIT_TIME,
    tags::CREATION_TIME,
    tags::LAST_MODIFICATION_TIME,
    tags::MESSAGE_SIZE,
    tags::MESSAGE_FLAGS,
    tags::MESSAGE_STATUS,
    tags::HAS_ATTACHMENTS,
    tags::IMPORTANCE,
    tags::SENSITIVITY,
    tags::ICON_INDEX,
];

const HIERARCHY_COLUMNS: &[PropertyTag] = &[
    tags::FOLDER_ID,
    tags::PARENT_FOLDER_ID,
    tags::DISPLAY_NAME,
    tags::COMMENT,
    tags::CONTAINER_CLASS,
    tags::FOLDER_TYPE,
    tags::CONTENT_COUNT,
    tags::CONTENT_UNREAD_COUNT,
    tags::SUBFOLDERS,
    tags::DEPTH,
    tags::ENTRY_ID,
    tags::INSTANCE_KEY,
    tags::RECORD_KEY,
    tags::SOURCE_KEY,
    tags::CHANGE_KEY,
    tags::CREATION_TIME,
    tags::LAST_MODIFICATION_TIME,
    tags::MESSAGE_SIZE,
];

const ATTACHMENT_COLUMNS: &[PropertyTag] = &[
    tags::ATTACH_NUMBER,
    tags::ATTACH_METHOD,
    tags::ATTACH_SIZE,
    tags::ATTACH_FILENAME,
    tags::ATTACH_LONG_FILENAME,
    tags::ATTACH_MIME_TAG,
    tags::DISPLAY_NAME,
    tags::RENDERING_POSITION,
    tags::OBJECT_TYPE,
];
