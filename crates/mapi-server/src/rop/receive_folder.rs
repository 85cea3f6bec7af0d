//! The Receive folder table ([MS-OXCSTOR] 3.2.5.2 to 3.2.5.4).

use mapi::text::String8;
use mapi::wire::Counted;
use mapi::{ErrorCode, PropertyRow};
use mapi_rop::logon::{
    GetReceiveFolderRequest, GetReceiveFolderResponse, GetReceiveFolderTableResponse,
    ReceiveFolderRow, SetReceiveFolderRequest,
};
use store::mailbox::receive;

use crate::call::Call;
use crate::error::Result;
use crate::handles::NodeId;

pub fn get_receive_folder(
    call: &Call<'_>,
    input: NodeId,
    request: &GetReceiveFolderRequest,
) -> Result<GetReceiveFolderResponse> {
    call.need_private_logon(input)?;
    let class = class_of(&request.message_class)?;
    let found = receive::folder_for(&*call.mailbox()?, class)?;
    Ok(GetReceiveFolderResponse {
        folder: found.folder,
        explicit_class: String8(found.class.into_bytes()),
    })
}

pub fn set_receive_folder(
    call: &Call<'_>,
    input: NodeId,
    request: &SetReceiveFolderRequest,
) -> Result<()> {
    call.need_private_logon(input)?;
    let class = class_of(&request.message_class)?;
    let folder = (request.folder.counter.get() != 0).then_some(request.folder);
    // An all-zero FID takes the entry away, but never that of the empty class (MS-OXCSTOR R860).
    if folder.is_none() && class.is_empty() {
        return Err(ErrorCode::ERROR.into());
    }
    receive::set_folder(&*call.mailbox()?, class, folder)?;
    Ok(())
}

pub fn get_receive_folder_table(
    call: &Call<'_>,
    input: NodeId,
) -> Result<GetReceiveFolderTableResponse> {
    call.need_private_logon(input)?;
    let entries = receive::all(&*call.mailbox()?)?;
    // MS-OXCSTOR R59787
    if entries.is_empty() {
        return Err(ErrorCode::NO_RECEIVE_FOLDER.into());
    }
    let rows = entries
        .into_iter()
        .map(|entry| {
            ReceiveFolderRow(PropertyRow::Standard(vec![
                entry.folder.to_i64().into(),
                mapi::PropertyValue::String8(String8(entry.class.into_bytes())),
                entry.modified.into(),
            ]))
        })
        .collect::<Vec<_>>();
    Ok(GetReceiveFolderTableResponse { rows: Counted::from(rows) })
}

/// A message class that may stand in the table ([MS-OXCSTOR] 2.2.1.2.1): at most 255 bytes with the
/// terminating null, ASCII from 0x20 to 0x7E, no period at either end, no two in a row.
fn class_of(class: &String8) -> Result<&str> {
    let bad = ErrorCode::INVALID_PARAMETER;
    let text = std::str::from_utf8(&class.0).map_err(|_| bad)?;
    let allowed = text.len() < 255
        && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !text.contains("..");
    if !allowed {
        return Err(bad.into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_checked() {
        let class = |text: &str| class_of(&String8(text.as_bytes().to_vec())).is_ok();
        assert!(class("") && class("IPM.Note"));
        assert!(!class(".IPM") && !class("IPM.") && !class("IPM..Note") && !class("IPM\u{e9}"));
        assert!(class(&"x".repeat(254)) && !class(&"x".repeat(255)));
    }
}
