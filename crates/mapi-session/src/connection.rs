//! A session context, shared by everything that was opened in it: one request at a time.
//!
//! Two locks, in one order: the conversation's, then, for a moment and as the innermost, that of the
//! releases. Nothing that is dropped while one of them is held takes the other way, so no number of
//! threads can stand in each other's way for ever (KB Q241556).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use mapi::PropertyTag;
use mapi_rop::buffer::{ResponseBuffer, write_requests};
use mapi_rop::{
    Empty, Handle, HandleIndex, LogonId, Request, ResponseContext, RopId, RopRequest, RopResponse,
};

use crate::notification::Notices;
use crate::object::Counted;
use crate::releases::{self, Life, Releases};
use crate::{Error, Result, Transport, Waiter};

pub(crate) struct Connection {
    conversation: Mutex<Conversation>,
    releases: Releases,
    notices: Notices,
    /// Waits for notifications. Taken by one at a time, and never while the conversation's lock is held.
    waiter: Mutex<Option<Box<dyn Waiter>>>,
    _count: Counted,
}

struct Conversation {
    /// None when the session context has ended.
    transport: Option<Box<dyn Transport>>,
    /// The releases that go out with a request; kept to be used again.
    releasing: Vec<(LogonId, Handle)>,
}

/// Releases go out by themselves when this many wait.
const MANY: usize = 128;

/// How many releases a request carries in front: each takes a place in the handle table, which has 255.
const MOST: usize = 200;

/// How large an answer may be: what one extended buffer carries ([MS-OXCRPC] 3.1.4.2.1).
const MAX_OUT: u32 = 32 << 10;

/// How often a server that has no time is asked again, and how long for it is waited at most each time.
const MOST_WAITS: usize = 10;
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Connection {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Arc<Self> {
        Arc::new(Connection {
            conversation: Mutex::new(Conversation {
                transport: Some(transport),
                releasing: Vec::new(),
            }),
            releases: Releases::default(),
            notices: Notices::default(),
            waiter: Mutex::new(None),
            _count: Counted::new(),
        })
    }

    pub(crate) fn releases(&self) -> &Releases {
        &self.releases
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Waits until the server has something to tell, at most for `limit`, and fetches it.
    pub(crate) fn listen(&self, limit: Duration) -> Result<()> {
        if !limit.is_zero() {
            let mut waiter = self.waiter.lock().unwrap_or_else(PoisonError::into_inner);
            let made = match waiter.take() {
                Some(made) => made,
                None => match &self.lock().transport {
                    Some(transport) => transport.waiter()?,
                    None => return Err(Error::Closed("the session")),
                },
            };
            if !waiter.insert(made).wait(limit)? {
                return Ok(());
            }
        }
        let mut conversation = self.lock();
        // What has no room in one answer follows in the next.
        loop {
            let buffer = self.exchange(&mut conversation, &mut None, &[], &Arc::from([]))?;
            let has = |test: fn(&RopResponse) -> bool| {
                buffer.responses.iter().any(|response| test(&response.body))
            };
            // What is pending and does not come is asked for another time.
            if !has(|body| matches!(body, RopResponse::Pending(_)))
                || !has(|body| matches!(body, RopResponse::Notify(_)))
            {
                return Ok(());
            }
        }
    }

    /// Runs one ROP. `handles` are its input and, where it has one, its second handle. Returns the answer
    /// and what stands in the second place of the handle table afterwards (a logon's in the first).
    pub(crate) fn execute(
        &self,
        life: &Life,
        body: RopRequest,
        handles: &[Handle],
        columns: &Arc<[PropertyTag]>,
    ) -> Result<(RopResponse, Handle)> {
        let operation = body.id().name();
        let request = Request::with(life.logon, HandleIndex(0), HandleIndex(1), body);
        let output = request.output();
        let mut request = Some(request);
        let mut conversation = self.lock();
        self.make_room(&mut conversation)?;
        let mut buffer = self.exchange(&mut conversation, &mut request, handles, columns)?;
        if !conversation.releasing.is_empty() && was_too_small(&buffer) {
            // The request was not executed, because the places of the releases in the handle table took
            // its answer's room: those went through, so it goes alone now.
            buffer = self.exchange_alone(&mut conversation, &mut request, handles, columns)?;
        }
        let ResponseBuffer { responses, handles: table } = buffer;
        // What failed here shows with the next request: this one went through, and what it opened must not
        // get lost.
        let _ = self.make_room(&mut conversation);
        drop(conversation);

        let handle = output.and_then(|HandleIndex(at)| table.get(usize::from(at)).copied());
        for response in responses {
            match response.body {
                // What the server tells beside the answer was delivered.
                RopResponse::Notify(_) | RopResponse::Pending(_) => {}
                RopResponse::Failed(failure) => {
                    return Err(Error::Code { operation, code: failure.code });
                }
                RopResponse::Backoff(_) => {
                    return Err(Error::Code { operation, code: mapi::ErrorCode::SERVER_BUSY });
                }
                RopResponse::BufferTooSmall(_) => {
                    return Err(Error::Code { operation, code: mapi::ErrorCode::BUFFER_TOO_SMALL });
                }
                body => match (output, handle) {
                    (Some(_), None | Some(Handle::NONE)) => {
                        return Err(Error::Protocol("a new object without a handle".into()));
                    }
                    _ => return Ok((body, handle.unwrap_or(Handle::NONE))),
                },
            }
        }
        Err(Error::Protocol(format!("no answer to {operation}")))
    }

    /// Sends all releases that wait.
    pub(crate) fn flush(&self) -> Result<()> {
        let mut conversation = self.lock();
        while self.releases.len() > 0 && conversation.transport.is_some() {
            self.exchange(&mut conversation, &mut None, &[], &Arc::from([]))?;
        }
        conversation.releasing.clear();
        conversation.releasing.shrink_to(releases::ROOM);
        Ok(())
    }

    /// Sends the releases if many wait and nobody is talking. Whoever is talking sends them afterwards.
    pub(crate) fn flush_if_many(&self, waiting: usize) {
        if waiting < MANY {
            return;
        }
        let mut conversation = match self.conversation.try_lock() {
            Ok(conversation) => conversation,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // This runs in a Drop: an error shows with the next request.
        let _ = self.make_room(&mut conversation);
    }

    /// Ends the session context, and says whether the server took the word.
    pub(crate) fn end(&self) -> Result<()> {
        let mut conversation = self.lock();
        self.releases.end();
        match conversation.transport.take() {
            Some(mut transport) => transport.disconnect(),
            None => Ok(()),
        }
    }

    /// Sends releases until few wait, so that the next request carries what is left.
    fn make_room(&self, conversation: &mut Conversation) -> Result<()> {
        while self.releases.len() >= MANY {
            self.exchange(conversation, &mut None, &[], &Arc::from([]))?;
        }
        Ok(())
    }

    /// One round trip: the oldest releases in front, then the request.
    fn exchange(
        &self,
        conversation: &mut Conversation,
        request: &mut Option<Request>,
        handles: &[Handle],
        columns: &Arc<[PropertyTag]>,
    ) -> Result<ResponseBuffer> {
        conversation.releasing.clear();
        if conversation.transport.is_some() {
            self.releases.take(MOST, &mut conversation.releasing);
        }
        self.send(conversation, request, handles, columns)
    }

    /// One round trip without releases.
    fn exchange_alone(
        &self,
        conversation: &mut Conversation,
        request: &mut Option<Request>,
        handles: &[Handle],
        columns: &Arc<[PropertyTag]>,
    ) -> Result<ResponseBuffer> {
        conversation.releasing.clear();
        self.send(conversation, request, handles, columns)
    }

    fn send(
        &self,
        conversation: &mut Conversation,
        request: &mut Option<Request>,
        handles: &[Handle],
        columns: &Arc<[PropertyTag]>,
    ) -> Result<ResponseBuffer> {
        let Conversation { transport, releasing } = conversation;
        let Some(live) = transport else {
            return Err(Error::Closed("the session"));
        };

        // The request's handles stand first, so that its indexes do not depend on the releases.
        let places = if request.is_some() { 2 } else { 0 };
        let mut table = Vec::with_capacity(places + releasing.len());
        table.extend((0..places).map(|at| handles.get(at).copied().unwrap_or(Handle::NONE)));
        let mut requests = Vec::with_capacity(releasing.len() + 1);
        for (logon, handle) in &*releasing {
            // Below 255: MOST and two.
            let index = HandleIndex(table.len() as u8);
            table.push(*handle);
            requests.push(Request::new(*logon, index, RopRequest::Release(Empty)));
        }
        requests.extend(request.take());

        let Some(sent) = write_requests(&requests, &table) else {
            self.releases.put_back(releasing);
            return Err(Error::InvalidArgument("the request is larger than a ROP buffer"));
        };
        let received = match execute_patiently(live.as_mut(), &sent) {
            Ok(received) => received,
            Err(error) => {
                match error.ends_session() {
                    true => {
                        *transport = None;
                        self.releases.end();
                    }
                    false => self.releases.put_back(releasing),
                }
                return Err(error);
            }
        };
        let mut context = ResponseContext::new(&requests, |_| columns.clone());
        // The caller may have to send it once more.
        if places > 0 {
            *request = requests.pop();
        }
        let mut buffer = ResponseBuffer::read(&received, &mut context)?;
        let subscribes = |request: &Request| request.id() == RopId::RegisterNotification;
        if request.as_ref().is_some_and(subscribes)
            && let Some(handle) = buffer.handles.get(1).filter(|handle| **handle != Handle::NONE)
        {
            // Before what is told to it, which may have come along.
            self.notices.expect(*handle);
        }
        for response in &mut buffer.responses {
            if let RopResponse::Notify(notify) = &mut response.body {
                let handle = notify.handle;
                self.notices.deliver(handle, notify.data.clone());
            }
        }
        Ok(buffer)
    }

    fn lock(&self) -> MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a buffer, and again when the server has no time for it now: then it executed nothing of it ([MS-OXCROPS]
/// 3.1.5.1.1). What is still too early in the end is told.
fn execute_patiently(transport: &mut dyn Transport, sent: &[u8]) -> Result<Vec<u8>> {
    for _ in 0..MOST_WAITS {
        let received = transport.execute(sent, MAX_OUT)?;
        let Some(wait) = told_to_wait(&received) else { return Ok(received) };
        std::thread::sleep(wait.min(LONGEST_WAIT));
    }
    transport.execute(sent, MAX_OUT)
}

/// How long to wait, if RopBackoff stands in the place of the first answer.
fn told_to_wait(received: &[u8]) -> Option<Duration> {
    // RopSize comes before it.
    if *received.get(2)? != RopId::Backoff.to_u8() {
        return None;
    }
    let buffer = ResponseBuffer::read(received, &mut ResponseContext::default()).ok()?;
    match &buffer.responses.first()?.body {
        RopResponse::Backoff(told) => Some(Duration::from_millis(told.duration.into())),
        _ => None,
    }
}

fn was_too_small(buffer: &ResponseBuffer) -> bool {
    let too_small = |body: &RopResponse| matches!(body, RopResponse::BufferTooSmall(_));
    buffer.responses.iter().any(|response| too_small(&response.body))
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("waiting", &self.releases.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use mapi::{ErrorCode, FolderId};
    use mapi_rop::buffer::{RequestBuffer, ResponseWriter};
    use mapi_rop::folder::{OpenFolderFlags, OpenFolderRequest, OpenFolderResponse};
    use mapi_rop::{LogonKinds, Response};

    use super::*;
    use crate::object::ServerObject;

    /// What a server without a store would keep: the handles that are open.
    #[derive(Default)]
    struct Kept {
        open: Vec<u32>,
        next: u32,
        requests: usize,
        most_releases: usize,
        disconnected: usize,
    }

    struct Fake(Arc<Mutex<Kept>>);

    impl Transport for Fake {
        fn execute(&mut self, rops: &[u8], _: u32) -> Result<Vec<u8>> {
            let mut kept = self.0.lock().unwrap();
            kept.requests += 1;
            let mut buffer = RequestBuffer::read(rops, &mut LogonKinds::default())?;
            let mut writer = ResponseWriter::new(30_000, buffer.handles.len()).expect("room");
            let mut releases = 0;
            for request in buffer.requests.clone() {
                let Handle(input) = buffer.handle(request.input).unwrap();
                match request.id() {
                    RopId::Release => {
                        releases += 1;
                        // A handle that is not open would be one that was released twice.
                        let at = kept.open.iter().position(|open| *open == input);
                        kept.open.swap_remove(at.expect("released twice"));
                    }
                    RopId::OpenFolder => {
                        let RopRequest::OpenFolder(open) = &request.body else { unreachable!() };
                        let response = if open.folder == FolderId::NONE {
                            Response::failed(&request, ErrorCode::NOT_FOUND)
                        } else {
                            kept.next += 1;
                            let new = kept.next;
                            kept.open.push(new);
                            buffer.set_handle(request.output().unwrap(), Handle(new));
                            let body = OpenFolderResponse {
                                has_rules: false,
                                ghosted: Default::default(),
                            };
                            Response::to(&request, RopResponse::OpenFolder(body))
                        };
                        writer.push(&response).unwrap();
                    }
                    other => panic!("{other:?}"),
                }
            }
            kept.most_releases = kept.most_releases.max(releases);
            Ok(writer.finish(&buffer.handles))
        }

        fn disconnect(&mut self) -> Result<()> {
            self.0.lock().unwrap().disconnected += 1;
            Ok(())
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            let mut kept = self.0.lock().unwrap();
            kept.open.clear();
        }
    }

    fn fake() -> (Arc<Mutex<Kept>>, Arc<Connection>, Arc<ServerObject>) {
        let kept = Arc::new(Mutex::new(Kept { next: 1, open: vec![1], ..Kept::default() }));
        let connection = Connection::new(Box::new(Fake(kept.clone())));
        let life = connection.releases().begin_logon().unwrap();
        let logon = ServerObject::logon(connection.clone(), life, Handle(1));
        (kept, connection, Arc::new(logon))
    }

    fn open(logon: &Arc<ServerObject>, folder: u64) -> Result<ServerObject> {
        let folder = if folder == 0 { FolderId::NONE } else { FolderId::own(folder) };
        let request = OpenFolderRequest { folder, flags: OpenFolderFlags::NONE };
        Ok(logon.open(RopRequest::OpenFolder(request), "the folder")?.1)
    }

    #[test]
    fn releases_ride_with_the_next_request_and_a_failed_open_leaves_nothing() {
        let (kept, connection, logon) = fake();
        let a = open(&logon, 5).unwrap();
        let b = open(&logon, 6).unwrap();
        drop(a);
        assert_eq!(kept.lock().unwrap().open.len(), 3);
        assert!(matches!(open(&logon, 0), Err(Error::Code { code: ErrorCode::NOT_FOUND, .. })));
        assert_eq!(kept.lock().unwrap().open.len(), 2);
        assert_eq!(kept.lock().unwrap().requests, 3);
        b.close().unwrap();
        assert_eq!(kept.lock().unwrap().open, [1]);
        assert!(matches!(b.call(RopRequest::GetStatus(Empty)), Err(Error::Closed("the folder"))));
        drop((b, logon));
        connection.flush().unwrap();
        assert!(kept.lock().unwrap().open.is_empty());
    }

    #[test]
    fn many_releases_go_out_by_themselves() {
        let (kept, connection, logon) = fake();
        let folders: Vec<_> = (1..=1000).map(|id| open(&logon, id).unwrap()).collect();
        drop(folders);
        let room = || connection.lock().releasing.capacity();
        assert!(room() >= 64);
        {
            let kept = kept.lock().unwrap();
            assert!(kept.open.len() <= MANY, "{} are still open", kept.open.len());
            assert!(kept.most_releases <= MOST);
        }
        // A burst leaves no room behind.
        connection.flush().unwrap();
        assert!(room() <= releases::ROOM && connection.releases().room() <= releases::ROOM);
    }

    #[test]
    fn a_logon_ends_under_what_is_open_and_late_drops_are_silent() {
        let (kept, connection, logon) = fake();
        let folder = open(&logon, 5).unwrap();
        logon.close().unwrap();
        assert!(matches!(open(&logon, 6), Err(Error::Closed("the message store"))));
        let requests = kept.lock().unwrap().requests;
        drop((folder, logon));
        connection.flush().unwrap();
        assert_eq!(kept.lock().unwrap().requests, requests);
    }

    #[test]
    fn a_child_keeps_its_logon_alive_and_both_go_in_order() {
        let (kept, connection, logon) = fake();
        let folder = open(&logon, 5).unwrap();
        drop(logon);
        connection.flush().unwrap();
        assert_eq!(kept.lock().unwrap().open.len(), 2);
        drop(folder);
        connection.flush().unwrap();
        assert!(kept.lock().unwrap().open.is_empty());
    }

    #[test]
    fn the_end_of_the_session_ends_everything_once() {
        let (kept, connection, logon) = fake();
        let folder = open(&logon, 5).unwrap();
        connection.end().unwrap();
        connection.end().unwrap();
        assert_eq!(kept.lock().unwrap().disconnected, 1);
        assert!(matches!(open(&logon, 6), Err(Error::Closed("the session"))));
        drop((folder, logon));
        assert_eq!(connection.releases().len(), 0);
    }

    #[test]
    fn sixty_four_threads_open_and_let_go() {
        let (kept, connection, logon) = fake();
        let ran = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..64_u64 {
                let (logon, ran) = (&logon, &ran);
                scope.spawn(move || {
                    for cycle in 0..100 {
                        let folder = open(logon, 1 + thread * 100 + cycle).unwrap();
                        match cycle % 2 {
                            0 => drop(folder),
                            _ => folder.close().unwrap(),
                        }
                        ran.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(ran.load(Ordering::Relaxed), 6400);
        connection.flush().unwrap();
        assert_eq!(kept.lock().unwrap().open, [1]);
    }

    /// A server that answers anything at all.
    struct Liar {
        state: u64,
        valid: Vec<u8>,
    }

    impl Transport for Liar {
        fn execute(&mut self, _: &[u8], _: u32) -> Result<Vec<u8>> {
            let mut bytes = self.valid.clone();
            for _ in 0..3 {
                self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (self.state >> 33) as usize % (bytes.len() + 1);
                match self.state >> 62 {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes.insert(at, (self.state >> 20) as u8),
                    _ => bytes[at.saturating_sub(1)] = (self.state >> 20) as u8,
                }
            }
            Ok(bytes)
        }

        fn disconnect(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn any_answer_of_a_server_is_an_answer_or_an_error() {
        let request = Request::with(
            LogonId(0),
            HandleIndex(0),
            HandleIndex(1),
            RopRequest::OpenFolder(OpenFolderRequest {
                folder: FolderId::own(5),
                flags: OpenFolderFlags::NONE,
            }),
        );
        let mut writer = ResponseWriter::new(30_000, 2).expect("room");
        let body = OpenFolderResponse { has_rules: false, ghosted: Default::default() };
        writer.push(&Response::to(&request, RopResponse::OpenFolder(body))).unwrap();
        let valid = writer.finish(&[Handle(1), Handle(2)]);
        let connection = Connection::new(Box::new(Liar { state: 1, valid }));
        let life = connection.releases().begin_logon().unwrap();
        let logon = Arc::new(ServerObject::logon(connection.clone(), life, Handle(1)));
        let opened = (0..20_000).filter(|_| open(&logon, 5).is_ok()).count();
        assert!(opened > 0);
        assert!(connection.releases().len() < MANY);
    }

    /// The session's parts can be shared by threads.
    #[test]
    fn everything_is_send_and_sync() {
        fn both<T: Send + Sync>() {}
        both::<crate::Session>();
        both::<crate::MsgStore>();
        both::<crate::Folder>();
        both::<crate::Message>();
        both::<crate::Attachment>();
        both::<crate::Table>();
        both::<crate::Stream>();
    }
}
