//! Rules ([MS-OXCROPS] 2.2.11). Conditions and actions are property values and stay bytes.

use mapi::row::TaggedValue;
use mapi::wire::{Counted, SizedBytes};

rop_flags! {
    /// [MS-OXORULE] 2.2.1.1
    pub struct ModifyRulesFlags: u8 {
        REPLACE = 0x01,
    }

    /// [MS-OXORULE] 2.2.1.3
    pub struct RuleDataFlags: u8 {
        ADD = 0x01,
        MODIFY = 0x02,
        REMOVE = 0x04,
    }

    /// [MS-OXORULE] 2.2.2.1
    pub struct RulesTableFlags: u8 {
        UNICODE = 0x40,
    }
}

rop_struct! {
    /// [MS-OXCROPS] 2.2.11.1.1
    pub struct ModifyRulesRequest {
        pub flags: ModifyRulesFlags,
        pub rules: Counted<u16, RuleData>,
    }

    /// [MS-OXCROPS] 2.2.11.1.1.1
    pub struct RuleData {
        pub flags: RuleDataFlags,
        pub values: Counted<u16, TaggedValue>,
    }

    /// [MS-OXCROPS] 2.2.11.2.1
    pub struct GetRulesTableRequest {
        pub flags: RulesTableFlags,
    }

    /// [MS-OXCROPS] 2.2.11.3.1
    pub struct UpdateDeferredActionMessagesRequest {
        pub server_entry_id: SizedBytes<u16>,
        pub client_entry_id: SizedBytes<u16>,
    }
}
