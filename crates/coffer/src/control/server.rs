//! Answers commands for the data directory that this process holds.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Event, Output, socket};
use crate::command::Request;
use crate::top::Served;
use store::Store;

/// Commands at a time; another waits for its turn in the socket's backlog.
const MAX_COMMANDS: usize = 8;
/// A request is paths, names and a password.
const MAX_REQUEST: u64 = 16 << 20;
/// How long a connection may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens until it is dropped.
pub struct ControlServer {
    data: PathBuf,
    stop: Arc<AtomicBool>,
    running: Arc<AtomicUsize>,
    listener: Option<JoinHandle<()>>,
}

impl ControlServer {
    /// Answers for `store`, which `served` serves.
    pub fn start(data: &Path, store: Store, served: Served) -> io::Result<Self> {
        let name = socket::short_name(data)?;
        // The directory's lock is ours, so a socket that stands here belongs to nobody any more.
        match std::fs::remove_file(&name.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = bind_private(&name.path)?;
        let stop = Arc::new(AtomicBool::new(false));
        let running = Arc::new(AtomicUsize::new(0));
        let thread = {
            let (stop, running) = (stop.clone(), running.clone());
            std::thread::Builder::new()
                .name("control".into())
                .spawn(move || listen(&listener, &store, &served, &stop, &running))?
        };
        Ok(ControlServer { data: data.to_owned(), stop, running, listener: Some(thread) })
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A connection of our own wakes the listener.
        if let Ok(name) = socket::short_name(&self.data) {
            let _ = UnixStream::connect(&name.path);
            let _ = std::fs::remove_file(&name.path);
        }
        if let Some(thread) = self.listener.take() {
            let _ = thread.join();
        }
        // Commands see `stop` at their next event; a bounded wait keeps the end of the server bounded.
        for _ in 0..200 {
            if self.running.load(Ordering::SeqCst) == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Binds with mode 0600 from the first moment.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn listen(
    listener: &UnixListener,
    store: &Store,
    served: &Served,
    stop: &Arc<AtomicBool>,
    running: &Arc<AtomicUsize>,
) {
    for stream in listener.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                // Out of descriptors, for one: no loop that spins (catalogue L60).
                tracing::warn!(%error, "control socket: accept failed");
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
        };
        while running.load(Ordering::SeqCst) >= MAX_COMMANDS && !stop.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
        running.fetch_add(1, Ordering::SeqCst);
        let (store, served, stop) = (store.clone(), served.clone(), stop.clone());
        let slot = Slot(running.clone());
        let spawned = std::thread::Builder::new().name("command".into()).spawn(move || {
            let _slot = slot;
            if let Err(error) = answer(stream, &store, &served, &stop) {
                tracing::info!(%error, "control socket: command ended early");
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "control socket: no thread for a command");
        }
    }
}

/// Counts a command out when it ends, however it ends.
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn answer(
    stream: UnixStream,
    store: &Store,
    served: &Served,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let uid = socket::peer_uid(&stream)?;
    if !socket::may_control(uid) {
        tracing::warn!(uid, "control socket: refused another user");
        return Ok(());
    }
    stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
    let mut line = String::new();
    BufReader::new((&stream).take(MAX_REQUEST)).read_line(&mut line)?;
    let mut out = Remote { stream, stop };
    let request: Request = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => {
            out.event(Event::Failed(format!(
                "the server does not know this command ({error}); are both of the same version?"
            )))?;
            out.event(Event::Exit(2))?;
            return Ok(());
        }
    };
    let status = match crate::command::run(store, Some(served), request, &mut out) {
        Ok(status) => status,
        Err(error) => {
            out.event(Event::Failed(format!("{error:#}")))?;
            1
        }
    };
    out.event(Event::Exit(status))?;
    Ok(())
}

/// Sends events as lines of JSON.
struct Remote<'a> {
    stream: UnixStream,
    stop: &'a AtomicBool,
}

impl Output for Remote<'_> {
    fn event(&mut self, event: Event) -> io::Result<()> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(io::Error::other("the server is ending"));
        }
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        self.stream.write_all(&line)
    }
}
