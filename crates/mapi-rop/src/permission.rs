//! Permissions of folders ([MS-OXCROPS] 2.2.10).

use mapi::row::TaggedValue;
use mapi::wire::Counted;

rop_flags! {
    /// [MS-OXCPERM] 2.2.2.1
    pub struct ModifyPermissionsFlags: u8 {
        REPLACE_ROWS = 0x01,
        INCLUDE_FREE_BUSY = 0x02,
    }

    /// [MS-OXCPERM] 2.2.2.1
    pub struct PermissionDataFlags: u8 {
        ADD_ROW = 0x01,
        MODIFY_ROW = 0x02,
        REMOVE_ROW = 0x04,
    }

    /// [MS-OXCPERM] 2.2.1.1
    pub struct PermissionsTableFlags: u8 {
        INCLUDE_FREE_BUSY = 0x02,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.10.1.1
    pub struct ModifyPermissionsRequest {
        pub flags: ModifyPermissionsFlags,
        pub permissions: Counted<u16, PermissionData>,
    }

    /// [MS-OXCROPS] 2.2.10.1.1.1
    pub struct PermissionData {
        pub flags: PermissionDataFlags,
        pub values: Counted<u16, TaggedValue>,
    }

    /// [MS-OXCROPS] 2.2.10.2.1
    pub struct GetPermissionsTableRequest {
        pub flags: PermissionsTableFlags,
    }
}
