//! Permission, rule and search ROPs: [MS-OXCROPS] 2.2.10, 2.2.11, 2.2.4.4, 2.2.4.5.

use mapi_rop::Handle;
use store::SpecialFolder;
use testsuite::octets::Rop;
use testsuite::on_both;
use testsuite::rig::ME;

use super::*;

const NOBODY: Handle = Handle::NONE;
/// PidTagMemberId, PidTagMemberRights.
const MEMBER_ID: u32 = 0x6671_0014;
const MEMBER_RIGHTS: u32 = 0x6673_0003;
/// PidTagSubject.
const SUBJECT: u32 = 0x0037_001f;

/// RES_EXIST of the subject.
fn restriction() -> Vec<u8> {
    [&[0x08][..], &SUBJECT.to_le_bytes()].concat()
}

/// A search folder below Finder.
fn search_folder(client: &mut Client) -> Handle {
    let finder = client.open_folder(SpecialFolder::Search.id()).expect("the search root");
    let rop = Rop::new(0x1c, 0).u8(1).u8(2).u8(0).u8(0).u8(0).text8("found").text8("");
    let mut answer = client.ask(rop, &[finder, NOBODY]);
    answer.head(0x1c, 1, code::SUCCESS);
    answer.handles[1]
}

/// RopSetSearchCriteria: RestrictionData, FolderIds, SearchFlags (RESTART_SEARCH).
fn set_criteria() -> Rop {
    let rop = Rop::new(0x30, 1).sized(&restriction()).u16(1);
    rop.bytes(&wire(SpecialFolder::Inbox.id())).u32(0x0000_0002)
}

on_both! {
    /// MS-OXCROPS 2.2.10.1: R3503
    /// MS-OXCROPS 2.2.10.1.1: R3511
    /// MS-OXCROPS 2.2.10.1.1.1: R3528
    /// MS-OXCROPS 2.2.10.1.2: R3532, R3534
    fn modify_permissions(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        // ModifyFlags, ModifyCount; PermissionDataFlags (ModifyRow), PropertyValueCount, PropertyValues:
        // anybody may see the folder.
        let rop = || {
            let rop = Rop::new(0x40, 1).u8(0).u16(1).u8(0x02).u16(2);
            rop.u32(MEMBER_ID).u64(0).u32(MEMBER_RIGHTS).u32(0x0000_0401)
        };
        client.ask(rop(), &[NOBODY, inbox]).only(0x40, 1, code::SUCCESS);
        client.ask(rop(), &[NOBODY, NOBODY]).only(0x40, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.10.2: R3538
    /// MS-OXCROPS 2.2.10.2.1: R3546
    /// MS-OXCROPS 2.2.10.2.2: R3556, R3558
    fn get_permissions_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let answer = client.ask(Rop::new(0x3e, 0).u8(1).u8(0), &[inbox, NOBODY]);
        let table = answer.handles[1];
        answer.only(0x3e, 1, code::SUCCESS);
        let mut answer = client.ask(Rop::new(0x17, 0), &[table]);
        answer.head(0x17, 0, code::SUCCESS);
        assert_eq!((answer.u32(), answer.u32()), (0, 2), "default and anonymous");
        let failed = client.ask(Rop::new(0x3e, 0).u8(1).u8(0), &[NOBODY, NOBODY]);
        failed.only(0x3e, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.11.1: R3562
    /// MS-OXCROPS 2.2.11.1.1: R3570
    /// MS-OXCROPS 2.2.11.1.2: R3590
    fn modify_rules(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        // ModifyRulesFlags (ReplaceRows), RulesCount: none is left.
        let rop = || Rop::new(0x41, 1).u8(1).u16(0);
        client.ask(rop(), &[NOBODY, inbox]).only(0x41, 1, code::SUCCESS);
        client.ask(rop(), &[NOBODY, NOBODY]).only(0x41, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.11.1.1.1: R3586
    /// MS-OXCROPS 2.2.11.1.1
    fn rule_data(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        // PidTagRuleActions: one block, OP_MARK_AS_READ, of nine octets behind its length.
        let actions = [&1u16.to_le_bytes()[..], &9u16.to_le_bytes(), &[11], &[0; 8]].concat();
        // Each is a PropertyTag and a PropertyValue; a condition that holds: RES_EXIST of PidTagMessageClass.
        let exists = [&[8][..], &0x001a_001fu32.to_le_bytes()].concat();
        let rop = Rop::new(0x41, 1).u8(1).u16(1);
        // RuleDataFlags (ROW_ADD), PropertyValueCount
        let rop = rop.u8(1).u16(6);
        let rop = rop.u32(0x6676_0003).u32(10).u32(0x6677_0003).u32(1);
        let rop = rop.u32(0x6679_00fd).bytes(&exists).u32(0x6680_00fe).bytes(&actions);
        let rop = rop.u32(0x6681_001f).text16("RuleOrganizer").u32(0x6682_001f).text16("mine");
        client.ask(rop, &[NOBODY, inbox]).only(0x41, 1, code::SUCCESS);
        // RopGetRulesTable, RopSetColumns (PidTagRuleName), RopQueryRows.
        let answer = client.ask(Rop::new(0x3f, 0).u8(1).u8(0x40), &[inbox, NOBODY]);
        let table = answer.handles[1];
        answer.only(0x3f, 1, code::SUCCESS);
        let mut answer = client.ask(Rop::new(0x12, 0).u8(0).u16(1).u32(0x6682_001f), &[table]);
        answer.head(0x12, 0, code::SUCCESS);
        let mut answer = client.ask(Rop::new(0x15, 0).u8(0).u8(1).u16(9), &[table]);
        answer.head(0x15, 0, code::SUCCESS);
        assert_eq!((answer.u8(), answer.u16(), answer.u8()), (0x02, 1, 0), "Origin, RowCount");
        assert_eq!(answer.text16(), "mine");
        Ok(())
    }

    /// MS-OXCROPS 2.2.11.3: R3620
    /// MS-OXCROPS 2.2.11.3.1: R3628
    /// MS-OXCROPS 2.2.11.3.2: R3642, R3644, R3647
    fn update_deferred_action_messages(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let logon = client.logon;
        // ServerEntryIdSize, ServerEntryId, ClientEntryIdSize, ClientEntryId
        let rop = || Rop::new(0x57, 1).sized(&[1; 21]).sized(&[2; 46]);
        client.ask(rop(), &[NOBODY, logon]).only(0x57, 1, code::SUCCESS);
        client.ask(rop(), &[NOBODY, NOBODY]).only(0x57, 1, code::NULL_OBJECT);
        let inbox = inbox(&mut client);
        client.ask(rop(), &[NOBODY, inbox]).only(0x57, 1, code::NOT_SUPPORTED);
        Ok(())
    }

    /// MS-OXCROPS 2.2.11.2: R3596
    /// MS-OXCROPS 2.2.11.2.1: R3604
    /// MS-OXCROPS 2.2.11.2.2: R3614
    fn get_rules_table(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let inbox = inbox(&mut client);
        let answer = client.ask(Rop::new(0x3f, 0).u8(1).u8(0), &[inbox, NOBODY]);
        let table = answer.handles[1];
        answer.only(0x3f, 1, code::SUCCESS);
        let mut answer = client.ask(Rop::new(0x17, 0), &[table]);
        answer.head(0x17, 0, code::SUCCESS);
        assert_eq!((answer.u32(), answer.u32()), (0, 0), "no rules");
        let failed = client.ask(Rop::new(0x3f, 0).u8(1).u8(0), &[NOBODY, NOBODY]);
        failed.only(0x3f, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.4: R676
    /// MS-OXCROPS 2.2.4.4.1: R690
    /// MS-OXCROPS 2.2.4.4.2: R700, R702
    fn set_search_criteria(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        message(&mut client, SpecialFolder::Inbox.id(), "found");
        let search = search_folder(&mut client);
        client.ask(set_criteria(), &[NOBODY, search]).only(0x30, 1, code::SUCCESS);
        assert_eq!(messages(&mut client, search), 1);
        client.ask(set_criteria(), &[NOBODY, NOBODY]).only(0x30, 1, code::NULL_OBJECT);
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.5: R705
    /// MS-OXCROPS 2.2.4.5.1: R717
    /// MS-OXCROPS 2.2.4.5.2: R722, R724, R727
    fn get_search_criteria(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let search = search_folder(&mut client);
        client.ask(set_criteria(), &[NOBODY, search]).only(0x30, 1, code::SUCCESS);
        // UseUnicode, IncludeRestriction, IncludeFolders
        let mut answer = client.ask(Rop::new(0x31, 1).u8(1).u8(1).u8(1), &[NOBODY, search]);
        answer.head(0x31, 1, code::SUCCESS);
        let size = answer.u16();
        assert_eq!(answer.bytes(usize::from(size)), restriction());
        assert_eq!((answer.u8(), answer.u16()), (0, 1), "LogonId, FolderIdCount");
        assert_eq!(answer.bytes(8), wire(SpecialFolder::Inbox.id()));
        // TWIR_TOTALLY: without an index of words.
        assert_ne!(answer.u32() & 0x0800_0000, 0, "SearchFlags");
        answer.end();
        Ok(())
    }

    /// MS-OXCROPS 2.2.4.5.3: R745, R747, R750
    fn get_search_criteria_fails(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let rop = Rop::new(0x31, 1).u8(1).u8(1).u8(1);
        client.ask(rop, &[NOBODY, NOBODY]).only(0x31, 1, code::NULL_OBJECT);
        Ok(())
    }
}
