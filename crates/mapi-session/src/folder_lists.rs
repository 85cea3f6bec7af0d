//! The two lists of a folder that are tables of their own: who may do what in it ([MS-OXCPERM]), and what is
//! done with messages that arrive in it ([MS-OXORULE]).

use mapi::{PropertyTag, tags};
use mapi_rop::RopRequest;
use mapi_rop::permission::{
    GetPermissionsTableRequest, ModifyPermissionsFlags, ModifyPermissionsRequest, PermissionData,
    PermissionsTableFlags,
};
use mapi_rop::rule::{
    GetRulesTableRequest, ModifyRulesFlags, ModifyRulesRequest, RuleData, RulesTableFlags,
};

use crate::object::{HasObject, answer};
use crate::{Error, Folder, Result, Table};

/// The columns of [`Folder::permissions_table`] if no others are chosen.
pub const PERMISSION_COLUMNS: [PropertyTag; 3] =
    [tags::MEMBER_ID, tags::MEMBER_NAME, tags::MEMBER_RIGHTS];

/// The columns of [`Folder::rules_table`] if no others are chosen.
pub const RULE_COLUMNS: [PropertyTag; 4] =
    [tags::RULE_ID, tags::RULE_SEQUENCE, tags::RULE_STATE, tags::RULE_PROVIDER];

impl Folder {
    /// Who may do what in the folder, as a table: a row for everybody, one for who is not known, and one for
    /// each user with an entry. Who may not see the folder gets the table and none of its rows.
    pub fn permissions_table(&self) -> Result<Table> {
        let flags = PermissionsTableFlags::NONE;
        let request = RopRequest::GetPermissionsTable(GetPermissionsTableRequest { flags });
        let (answer, object) = self.object().open(request, "the table")?;
        answer!(Ok::<_, Error>(answer), GetPermissionsTable);
        Ok(Table::new(object, &PERMISSION_COLUMNS))
    }

    /// Changes who may do what in the folder: all of the changes or none.
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::ACCESS_DENIED`] for who does not own the folder; [`mapi::ErrorCode::NOT_FOUND`] for
    /// a user that there is not.
    pub fn modify_permissions(&self, changes: Vec<PermissionData>) -> Result<()> {
        let request = ModifyPermissionsRequest {
            flags: ModifyPermissionsFlags::NONE,
            permissions: changes.into(),
        };
        answer!(self.object().call(RopRequest::ModifyPermissions(request)), ModifyPermissions);
        Ok(())
    }

    /// The rules of the folder as a table, in Unicode.
    ///
    /// # Errors
    ///
    /// [`mapi::ErrorCode::ACCESS_DENIED`] for who does not own the folder.
    pub fn rules_table(&self) -> Result<Table> {
        let flags = RulesTableFlags::UNICODE;
        let request = RopRequest::GetRulesTable(GetRulesTableRequest { flags });
        let (answer, object) = self.object().open(request, "the table")?;
        answer!(Ok::<_, Error>(answer), GetRulesTable);
        Ok(Table::new(object, &RULE_COLUMNS))
    }

    /// Adds, changes and removes rules of the folder.
    ///
    /// # Errors
    ///
    /// As for [`Folder::rules_table`]; the code of the first change that makes no sense, and then nothing is
    /// changed.
    pub fn modify_rules(&self, changes: Vec<RuleData>) -> Result<()> {
        let request = ModifyRulesRequest { flags: ModifyRulesFlags::NONE, rules: changes.into() };
        answer!(self.object().call(RopRequest::ModifyRules(request)), ModifyRules);
        Ok(())
    }
}
