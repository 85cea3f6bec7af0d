//! Emptying a folder step by step, for who wants to see how far it is, or to stop it.

use std::ops::ControlFlow;

use mapi::ErrorCode;
use mapi_rop::folder::EmptyFolderRequest;
use mapi_rop::property::ProgressRequest;
use mapi_rop::{RopRequest, RopResponse};

use crate::folder::complete;
use crate::object::HasObject;
use crate::{Error, Folder, Result};

/// How far an operation is. The server's counts are about right, and `done` is at most `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u32,
    pub total: u32,
}

impl Folder {
    /// As [`Folder::empty`], but if there is much to delete, the server does a few hundred messages at a time, and
    /// `watch` is told each time. [`ControlFlow::Break`] ends it; what was deleted until then is deleted.
    ///
    /// Whatever else is done in the same store meanwhile ends a step early ([MS-OXCPRPT] 3.1.5); the rest is then
    /// counted anew, and goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Partial`] if something is left.
    pub fn empty_watched(
        &self,
        associated: bool,
        watch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        self.watched(RopRequest::EmptyFolder(request(associated)), watch)
    }

    /// As [`Folder::empty_watched`], for good, as [`Folder::hard_empty`].
    ///
    /// # Errors
    ///
    /// [`Error::Partial`] if something is left.
    pub fn hard_empty_watched(
        &self,
        associated: bool,
        watch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        self.watched(RopRequest::HardDeleteMessagesAndSubfolders(request(associated)), watch)
    }

    fn watched(
        &self,
        begin: RopRequest,
        mut watch: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut answer = self.object().call(begin.clone())?;
        loop {
            let told = match answer {
                RopResponse::EmptyFolder(done)
                | RopResponse::HardDeleteMessagesAndSubfolders(done) => {
                    return complete(done.partial_completion, "emptying a folder");
                }
                RopResponse::Progress(told) => told,
                other => {
                    return Err(Error::Protocol(format!("{other:?} in answer to an emptying")));
                }
            };
            let want_cancel =
                watch(Progress { done: told.completed, total: told.total }).is_break();
            let go_on = RopRequest::Progress(ProgressRequest { want_cancel });
            answer = match self.object().call(go_on) {
                // Something else in the store ended it.
                Err(Error::Code { code: ErrorCode::NOT_SUPPORTED, .. }) if want_cancel => {
                    return complete(true, "emptying a folder");
                }
                Err(Error::Code { code: ErrorCode::NOT_SUPPORTED, .. }) => {
                    self.object().call(begin.clone())?
                }
                answer => answer?,
            };
        }
    }
}

fn request(want_delete_associated: bool) -> EmptyFolderRequest {
    EmptyFolderRequest { want_asynchronous: true, want_delete_associated }
}
