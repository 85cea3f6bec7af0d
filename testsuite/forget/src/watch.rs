//! What happens in a trapped call: a step of the control page, the call itself, and its record.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_long};
use std::sync::{Mutex, MutexGuard, OnceLock};

use crate::calls::{absolute, raw, stat_at, stat_of};
use crate::control::{Control, Fault};
use crate::give_up;
use crate::record::Record;

const HERE: usize = libc::AT_FDCWD as usize;
/// Room that a write is taken to need at least, at the end of a disk.
const BLOCK: usize = 4096;

struct Watch {
    root: Vec<u8>,
    device: u64,
    /// The process that is watched; its forked children are not.
    process: i32,
    log: usize,
    control: &'static Control,
    sync_micros: Option<u32>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Files and directories below the root that the program has opened, by their inode.
    files: HashMap<u64, Known>,
    /// Records in the log.
    records: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Named,
    /// Not in the log: a file without a name does not outlive its process.
    Nameless,
}

static WATCH: OnceLock<Watch> = OnceLock::new();

pub fn begin(root: &CStr, log: &CStr, control: &CStr, sync_micros: Option<u32>) {
    let Some(stat) = stat_at(root) else { give_up("FORGET_ROOT is not there") };
    let open = |path: &CStr, flags: i32| {
        let flags = (flags | libc::O_CLOEXEC) as usize;
        let descriptor = raw(libc::SYS_openat, [HERE, path.as_ptr() as usize, flags, 0, 0]);
        usize::try_from(descriptor).unwrap_or_else(|_| give_up("its files cannot be opened"))
    };
    let page = open(control, libc::O_RDWR);
    // SAFETY: a new mapping; it stays for the life of the process.
    let memory = unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        libc::mmap(std::ptr::null_mut(), BLOCK, access, libc::MAP_SHARED, page as i32, 0)
    };
    if memory == libc::MAP_FAILED {
        give_up("its control page cannot be mapped");
    }
    let watch = Watch {
        root: root.to_bytes().to_vec(),
        device: stat.st_dev,
        // SAFETY: takes nothing.
        process: unsafe { libc::getpid() },
        log: open(log, libc::O_WRONLY | libc::O_APPEND),
        // SAFETY: the page is there for good, aligned, zeroed by its maker, and only accessed by atomics.
        control: unsafe { &*memory.cast::<Control>() },
        sync_micros,
        state: Mutex::default(),
    };
    let _ = WATCH.set(watch);
}

/// Answers a trapped call: its result, or a negative error code.
pub fn handle(call: c_long, arguments: [usize; 5]) -> isize {
    // SAFETY: takes nothing.
    let process = unsafe { libc::getpid() };
    let Some(watch) = WATCH.get().filter(|watch| watch.process == process) else {
        return match call {
            libc::SYS_copy_file_range => error(libc::EXDEV),
            libc::SYS_sendfile => error(libc::EINVAL),
            libc::SYS_openat2 => error(libc::ENOSYS),
            _ => raw(call, arguments),
        };
    };
    let [a, b, c, d, _] = arguments;
    let rmdir = libc::AT_REMOVEDIR as usize;
    match call {
        libc::SYS_open => watch.open(HERE, a, b, c),
        libc::SYS_creat => {
            watch.open(HERE, a, (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as usize, b)
        }
        libc::SYS_openat => watch.open(a, b, c, d),
        libc::SYS_write | libc::SYS_pwrite64 | libc::SYS_writev | libc::SYS_pwritev => {
            watch.write(call, arguments)
        }
        libc::SYS_ftruncate => watch.resize(a, call, arguments),
        libc::SYS_fallocate => watch.resize(a, call, arguments),
        libc::SYS_truncate => watch.truncate(arguments),
        libc::SYS_rename => watch.rename(call, arguments, (HERE, a), (HERE, b)),
        libc::SYS_renameat | libc::SYS_renameat2 => watch.rename(call, arguments, (a, b), (c, d)),
        libc::SYS_link => watch.link(call, arguments, (HERE, a), (HERE, b)),
        libc::SYS_linkat => watch.link(call, arguments, (a, b), (c, d)),
        libc::SYS_unlink | libc::SYS_rmdir => watch.remove(call, arguments, (HERE, a)),
        libc::SYS_unlinkat if c & rmdir != 0 => watch.remove(call, arguments, (a, b)),
        libc::SYS_unlinkat => watch.remove(call, arguments, (a, b)),
        libc::SYS_mkdir => watch.make_directory(call, arguments, (HERE, a)),
        libc::SYS_mkdirat => watch.make_directory(call, arguments, (a, b)),
        libc::SYS_fsync | libc::SYS_fdatasync => watch.sync(call, a),
        libc::SYS_syncfs => watch.sync_all(a),
        libc::SYS_statfs | libc::SYS_fstatfs => watch.space(call, arguments),
        libc::SYS_copy_file_range => error(libc::EXDEV),
        libc::SYS_sendfile => error(libc::EINVAL),
        libc::SYS_openat2 => error(libc::ENOSYS),
        _ => raw(call, arguments),
    }
}

/// A name below the root.
struct Place {
    path: CString,
    parent: u64,
    name: Vec<u8>,
}

/// What a step may do to a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    TakesRoom,
    Other,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|_| give_up("its lock is poisoned"))
    }

    /// The place of a name, if it is below the root.
    fn place(&self, (directory, path): (usize, usize)) -> Option<Place> {
        let whole = absolute(directory, path)?;
        let below = whole.strip_prefix(&self.root[..])?;
        if !below.starts_with(b"/") {
            return None;
        }
        let slash = whole.iter().rposition(|byte| *byte == b'/')?;
        let name = whole[slash + 1..].to_vec();
        let parent = CString::new(&whole[..slash]).ok()?;
        let parent = stat_at(&parent)?.st_ino;
        Some(Place { path: CString::new(whole).ok()?, parent, name })
    }

    /// The file behind a descriptor, if it is below the root.
    fn known(&self, state: &State, descriptor: usize) -> Option<(libc::stat, Known)> {
        let stat = stat_of(descriptor)?;
        if stat.st_dev != self.device {
            return None;
        }
        state.files.get(&stat.st_ino).map(|known| (stat, *known))
    }

    fn log(&self, state: &mut State, record: Record<'_>) {
        record.encode(|pieces| {
            let wanted: usize = pieces.iter().map(|piece| piece.len()).sum();
            let arguments = [self.log, pieces.as_ptr() as usize, pieces.len(), 0, 0];
            if raw(libc::SYS_writev, arguments) != wanted as isize {
                give_up("its log cannot be written");
            }
        });
        state.records += 1;
    }

    /// Counts a step. The error code that the call is to answer instead of being made, or the fault that
    /// the caller has to bring about.
    fn step(&self, kind: Kind) -> Result<Fault, isize> {
        let fault = self.control.step();
        match fault {
            Fault::KillBefore => self.kill(),
            Fault::Fail | Fault::FailOn => {
                self.control.fire();
                Err(error(libc::EIO))
            }
            Fault::FullOn if kind == Kind::TakesRoom => {
                self.control.fire();
                Err(error(libc::ENOSPC))
            }
            Fault::Full if kind == Kind::TakesRoom && self.control.free() <= 0 => {
                self.control.fire();
                Err(error(libc::ENOSPC))
            }
            other => Ok(other),
        }
    }

    /// To be called when a step is done.
    fn done(&self, fault: Fault) {
        if matches!(fault, Fault::KillAfter | Fault::KillTorn) {
            self.kill();
        }
    }

    fn kill(&self) -> ! {
        self.control.fire();
        raw(libc::SYS_kill, [self.process as usize, libc::SIGKILL as usize, 0, 0, 0]);
        loop {
            raw(libc::SYS_pause, [0; 5]);
        }
    }

    fn open(&self, directory: usize, path: usize, flags: usize, mode: usize) -> isize {
        let plain = || raw(libc::SYS_openat, [directory, path, flags, mode, 0]);
        let bits = flags as i32;
        let root = bits & libc::O_CREAT == 0
            && absolute(directory, path).is_some_and(|whole| whole == self.root);
        if root {
            return self.remember(&mut self.lock(), plain(), Known::Named);
        }
        let Some(place) = self.place((directory, path)) else { return plain() };
        let mut state = self.lock();
        if bits & libc::O_TMPFILE == libc::O_TMPFILE {
            let fault = match self.step(Kind::TakesRoom) {
                Ok(fault) => fault,
                Err(code) => return code,
            };
            let descriptor = self.remember(&mut state, plain(), Known::Nameless);
            self.done(fault);
            return descriptor;
        }
        let present = stat_at(&place.path);
        let makes = present.is_none() && bits & libc::O_CREAT != 0;
        let cuts = present.is_some_and(|stat| stat.st_size > 0) && bits & libc::O_TRUNC != 0;
        if !makes && !cuts {
            return self.remember(&mut state, plain(), Known::Named);
        }
        let kind = if makes { Kind::TakesRoom } else { Kind::Other };
        let fault = match self.step(kind) {
            Ok(fault) => fault,
            Err(code) => return code,
        };
        let descriptor = self.remember(&mut state, plain(), Known::Named);
        let Some(stat) = usize::try_from(descriptor).ok().and_then(stat_of) else {
            return descriptor;
        };
        let inode = stat.st_ino;
        if makes {
            let (parent, name) = (place.parent, &place.name[..]);
            self.log(&mut state, Record::Made { parent, inode, directory: false, name });
        } else {
            self.log(&mut state, Record::Resized { inode, size: 0 });
            self.control.take(-present.map_or(0, |stat| stat.st_blocks * 512));
        }
        self.done(fault);
        descriptor
    }

    /// Notes a file that was opened.
    fn remember(&self, state: &mut State, descriptor: isize, known: Known) -> isize {
        if let Some(stat) = usize::try_from(descriptor).ok().and_then(stat_of)
            && stat.st_dev == self.device
        {
            state.files.insert(stat.st_ino, known);
        }
        descriptor
    }

    fn write(&self, call: c_long, arguments: [usize; 5]) -> isize {
        let [descriptor, buffer, count, offset, _] = arguments;
        // Asked without the lock first: sockets and pipes may block.
        if self.known(&self.lock(), descriptor).is_none() {
            return raw(call, arguments);
        }
        let mut state = self.lock();
        let Some((stat, known)) = self.known(&state, descriptor) else {
            return raw(call, arguments);
        };
        let gathered;
        let bytes: &[u8] = match call {
            libc::SYS_writev | libc::SYS_pwritev => {
                gathered = gather(buffer, count);
                &gathered
            }
            // SAFETY: the program gives so many bytes to its call.
            _ => unsafe { std::slice::from_raw_parts(buffer as *const u8, count) },
        };
        let flags = raw(libc::SYS_fcntl, [descriptor, libc::F_GETFL as usize, 0, 0, 0]);
        let at = match call {
            libc::SYS_pwrite64 | libc::SYS_pwritev => offset as u64,
            _ if flags as i32 & libc::O_APPEND != 0 => stat.st_size as u64,
            _ => raw(libc::SYS_lseek, [descriptor, 0, libc::SEEK_CUR as usize, 0, 0]) as u64,
        };
        let fault = match self.step(Kind::TakesRoom) {
            Ok(fault) => fault,
            Err(code) => return code,
        };
        let wanted = match fault {
            Fault::Short | Fault::KillTorn if bytes.len() > 1 => bytes.len() / 2,
            Fault::Full => {
                let free = usize::try_from(self.control.free()).unwrap_or(0);
                if bytes.len() <= free { bytes.len() } else { free / BLOCK * BLOCK }
            }
            _ => bytes.len(),
        };
        if wanted < bytes.len() {
            self.control.fire();
        }
        if wanted == 0 && !bytes.is_empty() {
            return error(libc::ENOSPC);
        }
        let piece = [descriptor, bytes.as_ptr() as usize, wanted, at as usize, 0];
        let written = match call {
            libc::SYS_pwrite64 | libc::SYS_pwritev => raw(libc::SYS_pwrite64, piece),
            _ => raw(libc::SYS_write, piece),
        };
        if written > 0 && known == Known::Named {
            let bytes = &bytes[..written as usize];
            self.log(&mut state, Record::Written { inode: stat.st_ino, offset: at, bytes });
        }
        self.count_blocks(descriptor, &stat);
        self.done(fault);
        written
    }

    fn count_blocks(&self, descriptor: usize, before: &libc::stat) {
        if let Some(after) = stat_of(descriptor) {
            self.control.take((after.st_blocks - before.st_blocks) * 512);
        }
    }

    /// ftruncate and fallocate.
    fn resize(&self, descriptor: usize, call: c_long, arguments: [usize; 5]) -> isize {
        let mut state = self.lock();
        let Some((stat, known)) = self.known(&state, descriptor) else {
            return raw(call, arguments);
        };
        let allocates = call == libc::SYS_fallocate;
        let kind = if allocates { Kind::TakesRoom } else { Kind::Other };
        let fault = match self.step(kind) {
            Ok(fault) => fault,
            Err(code) => return code,
        };
        if allocates && fault == Fault::Full && self.control.free() < arguments[3] as i64 {
            self.control.fire();
            return error(libc::ENOSPC);
        }
        if allocates && arguments[1] as i32 & !libc::FALLOC_FL_KEEP_SIZE != 0 {
            give_up("it does not know this mode of fallocate");
        }
        let result = raw(call, arguments);
        if result == 0
            && known == Known::Named
            && let Some(after) = stat_of(descriptor)
            && (after.st_size != stat.st_size || !allocates)
        {
            let (inode, size) = (stat.st_ino, after.st_size as u64);
            self.log(&mut state, Record::Resized { inode, size });
        }
        self.count_blocks(descriptor, &stat);
        self.done(fault);
        result
    }

    fn truncate(&self, arguments: [usize; 5]) -> isize {
        let Some(place) = self.place((HERE, arguments[0])) else {
            return raw(libc::SYS_truncate, arguments);
        };
        let mut state = self.lock();
        let fault = match self.step(Kind::Other) {
            Ok(fault) => fault,
            Err(code) => return code,
        };
        let result = raw(libc::SYS_truncate, arguments);
        if result == 0
            && let Some(stat) = stat_at(&place.path)
        {
            let (inode, size) = (stat.st_ino, stat.st_size as u64);
            self.log(&mut state, Record::Resized { inode, size });
        }
        self.done(fault);
        result
    }

    fn rename(
        &self,
        call: c_long,
        arguments: [usize; 5],
        from: (usize, usize),
        to: (usize, usize),
    ) -> isize {
        let mut state = self.lock();
        let (from, to) = match (self.place(from), self.place(to)) {
            (Some(from), Some(to)) => (from, to),
            (None, None) => return raw(call, arguments),
            _ => give_up("a rename into or out of the root"),
        };
        if call == libc::SYS_renameat2 && arguments[4] as u32 & !libc::RENAME_NOREPLACE != 0 {
            give_up("it does not know this mode of rename");
        }
        let fault = match self.step(Kind::Other) {
            Ok(fault) => fault,
            Err(code) => return code,
        };
        let replaced = stat_at(&to.path);
        let result = raw(call, arguments);
        if result == 0 {
            self.log(
                &mut state,
                Record::Renamed {
                    parent: from.parent,
                    new_parent: to.parent,
                    name: &from.name,
                    new_name: &to.name,
                },
            );
            self.forget(&mut state, replaced);
        }
        self.done(fault);
        result
    }

    fn link(
        &self,
        call: c_long,
        arguments: [usize; 5],
        from: (usize, usize),
        to: (usize, usize),
    ) -> isize {
        let mut state = self.lock();
        let (from, to) = match (self.place(from), self.place(to)) {
            (Some(from), Some(to)) => (from, to),
            (None, None) => return raw(call, arguments),
            _ => give_up("a link into or out of the root, or to a file without a name"),
        };
        let fault = match self.step(Kind::TakesRoom) {
            Ok(fault) => fault,
            Err(code) => return code,
        };
        let result = raw(call, arguments);
        if result == 0
            && let Some(stat) = stat_at(&from.path)
        {
            let (parent, inode, name) = (to.parent, stat.st_ino, &to.name[..]);
            self.log(&mut state, Record::Linked { parent, inode, name });
        }
        self.done(fault);
        result
    }

    fn remove(&self, call: c_long, arguments: [usize; 5], name: (usize, usize)) -> isize {
        let mut state = self.lock();
        let Some(place) = self.place(name) else { return raw(call, arguments) };
        let Some(stat) = stat_at(&place.path) else { return raw(call, arguments) };
        let fault = match self.step(Kind::Other) {
            Ok(fault) => fault,
            Err(code) => return code,
        };
        let result = raw(call, arguments);
        if result == 0 {
            let (parent, name) = (place.parent, &place.name[..]);
            self.log(&mut state, Record::Removed { parent, name });
            self.forget(&mut state, Some(stat));
        }
        self.done(fault);
        result
    }

    /// A name of this file is gone, as it was before that.
    fn forget(&self, state: &mut State, stat: Option<libc::stat>) {
        let Some(stat) = stat else { return };
        let directory = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        if stat.st_nlink <= 1 && !directory {
            self.control.take(-(stat.st_blocks * 512));
            if let Some(known) = state.files.get_mut(&stat.st_ino) {
                *known = Known::Nameless;
            }
        }
    }

    fn make_directory(&self, call: c_long, arguments: [usize; 5], name: (usize, usize)) -> isize {
        let mut state = self.lock();
        let Some(place) = self.place(name) else { return raw(call, arguments) };
        if stat_at(&place.path).is_some() {
            return raw(call, arguments);
        }
        let fault = match self.step(Kind::TakesRoom) {
            Ok(fault) => fault,
            Err(code) => return code,
        };
        let result = raw(call, arguments);
        if result == 0
            && let Some(stat) = stat_at(&place.path)
        {
            let (parent, inode, name) = (place.parent, stat.st_ino, &place.name[..]);
            self.log(&mut state, Record::Made { parent, inode, directory: true, name });
        }
        self.done(fault);
        result
    }

    fn sync(&self, call: c_long, descriptor: usize) -> isize {
        let arguments = [descriptor, 0, 0, 0, 0];
        let (inode, until, fault) = {
            let mut state = self.lock();
            let Some((stat, Known::Named)) = self.known(&state, descriptor) else {
                drop(state);
                return raw(call, arguments);
            };
            let (inode, until) = (stat.st_ino, state.records);
            match self.step(Kind::Other) {
                Ok(fault) => (inode, until, fault),
                Err(code) => {
                    self.log(&mut state, Record::SyncFailed { inode, until });
                    return code;
                }
            }
        };
        let result = self.make_sync(call, arguments);
        let mut state = self.lock();
        let record = match result {
            0 => Record::Synced { inode, until },
            _ => Record::SyncFailed { inode, until },
        };
        self.log(&mut state, record);
        self.done(fault);
        result
    }

    /// syncfs: all files and names of the file system that it is asked for.
    fn sync_all(&self, descriptor: usize) -> isize {
        let arguments = [descriptor, 0, 0, 0, 0];
        if stat_of(descriptor).is_none_or(|stat| stat.st_dev != self.device) {
            return raw(libc::SYS_syncfs, arguments);
        }
        let (until, fault) = {
            let state = self.lock();
            match self.step(Kind::Other) {
                Ok(fault) => (state.records, fault),
                Err(code) => return code,
            }
        };
        let result = self.make_sync(libc::SYS_syncfs, arguments);
        let mut state = self.lock();
        if result == 0 {
            self.log(&mut state, Record::Synced { inode: 0, until });
        }
        self.done(fault);
        result
    }

    fn make_sync(&self, call: c_long, arguments: [usize; 5]) -> isize {
        let Some(micros) = self.sync_micros else { return raw(call, arguments) };
        // SAFETY: takes a number.
        unsafe { libc::usleep(micros) };
        0
    }

    /// statfs and fstatfs: a disk that is full by the control page says so.
    fn space(&self, call: c_long, arguments: [usize; 5]) -> isize {
        let result = raw(call, arguments);
        let free = match self.control.fault() {
            Some(Fault::Full) => self.control.free(),
            Some(Fault::FullOn) if self.control.has_begun() => 0,
            _ => return result,
        };
        if result == 0 {
            // SAFETY: the kernel has filled it in.
            let stat = unsafe { &mut *(arguments[1] as *mut libc::statfs) };
            self.control.fire();
            stat.f_bavail = u64::try_from(free).unwrap_or(0) / stat.f_bsize as u64;
            stat.f_bfree = stat.f_bavail;
            if self.control.total() > 0 {
                stat.f_blocks = self.control.total() / stat.f_bsize as u64;
            }
        }
        result
    }
}

fn gather(vectors: usize, count: usize) -> Vec<u8> {
    // SAFETY: the program gives so many vectors to its call, each of readable bytes.
    let vectors = unsafe { std::slice::from_raw_parts(vectors as *const libc::iovec, count) };
    let mut bytes = Vec::new();
    for vector in vectors {
        // SAFETY: as above.
        bytes.extend_from_slice(unsafe {
            std::slice::from_raw_parts(vector.iov_base.cast::<u8>(), vector.iov_len)
        });
    }
    bytes
}

fn error(code: i32) -> isize {
    -(code as isize)
}
