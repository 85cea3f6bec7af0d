//! Subscriptions ([MS-OXCNOTIF] 2.2.1.2).

use mapi::ErrorCode;
use mapi_rop::Empty;
use mapi_rop::irregular::RegisterNotificationRequest;
use mapi_rop::notification::NotificationFlags;

use crate::call::{Call, Opened};
use crate::error::Result;
use crate::handles::NodeId;
use crate::ledger::Kind;
use crate::notify::Subscription;
use crate::object::Object;

/// The types that there are ([MS-OXCNOTIF] 2.2.1.2.1.1).
const TYPES: u16 = NotificationFlags::NEW_MAIL.0
    | NotificationFlags::OBJECT_CREATED.0
    | NotificationFlags::OBJECT_DELETED.0
    | NotificationFlags::OBJECT_MODIFIED.0
    | NotificationFlags::OBJECT_MOVED.0
    | NotificationFlags::OBJECT_COPIED.0
    | NotificationFlags::SEARCH_COMPLETED.0
    | NotificationFlags::TABLE_MODIFIED.0
    | NotificationFlags::EXTENDED.0;

/// RopRegisterNotification ([MS-OXCNOTIF] 3.1.5.1). The subscription ends with its handle. Tables subscribe
/// by themselves (3.1.4.3), so TableModified asks for nothing here.
pub fn register_notification(
    call: &mut Call<'_>,
    _input: NodeId,
    request: &RegisterNotificationRequest,
) -> Result<Opened<Empty>> {
    if request.types.0 & !TYPES != 0 {
        return Err(ErrorCode::INVALID_PARAMETER.into());
    }
    let entry = call.count(Kind::Subscription)?;
    call.listen()?;
    let subscription = Subscription { types: request.types, scope: request.scope, entry };
    call.open(None, Object::Subscription(Box::new(subscription)), Empty)
}
