//! [MS-OXCROPS]: what holds for every ROP.

use mapi::ErrorCode;
use mapi_rop::folder::{OpenFolderFlags, OpenFolderRequest};
use mapi_rop::{Handle, RopRequest};
use store::SpecialFolder;
use testsuite::on_both;
use testsuite::rig::ME;

on_both! {
    /// MS-OXCROPS 3.2.5.1: R4712, R4553
    fn a_handle_that_is_none_is_refused(rig: &Rig) -> Result {
        let mut client = rig.client(ME)?;
        let folder = SpecialFolder::Inbox.id();
        let open = || {
            RopRequest::OpenFolder(OpenFolderRequest { folder, flags: OpenFolderFlags::NONE })
        };
        assert_eq!(client.open(Handle::NONE, open()), Err(ErrorCode::NULL_OBJECT));
        let inbox = client.open(client.logon, open()).expect("the inbox");
        assert_ne!(inbox, client.logon);
        Ok(())
    }
}
