//! System calls that pass the filter.

use std::ffi::{CStr, c_long};
use std::mem::MaybeUninit;

/// The sixth argument of a call that the filter lets through.
pub const PASS: usize = 0x00F0_46E7;

/// Makes a call; gives its result, or the negative error code.
pub fn raw(call: c_long, arguments: [usize; 5]) -> isize {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the arguments are those of the program, or made by `watch` for a call of this kind.
    let result = unsafe { libc::syscall(call, a, b, c, d, e, PASS) };
    if result == -1 { -(errno() as isize) } else { result as isize }
}

pub fn errno() -> i32 {
    // SAFETY: the address is valid in every thread.
    unsafe { *libc::__errno_location() }
}

pub fn set_errno(value: i32) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = value }
}

/// What a descriptor refers to.
pub fn stat_of(descriptor: usize) -> Option<libc::stat> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let result = raw(libc::SYS_fstat, [descriptor, stat.as_mut_ptr() as usize, 0, 0, 0]);
    // SAFETY: zeroed, and filled in by the kernel.
    (result == 0).then(|| unsafe { stat.assume_init() })
}

/// What a name refers to, itself if it is a symbolic link.
pub fn stat_at(path: &CStr) -> Option<libc::stat> {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let arguments = [
        libc::AT_FDCWD as usize,
        path.as_ptr() as usize,
        stat.as_mut_ptr() as usize,
        libc::AT_SYMLINK_NOFOLLOW as usize,
        0,
    ];
    // SAFETY: zeroed, and filled in by the kernel.
    (raw(libc::SYS_newfstatat, arguments) == 0).then(|| unsafe { stat.assume_init() })
}

/// An absolute path of a name that a call gives, beside a directory's descriptor. None where it has none.
pub fn absolute(directory: usize, path: usize) -> Option<Vec<u8>> {
    if path == 0 {
        return None;
    }
    // SAFETY: the program gives a C string to its call.
    let name = unsafe { CStr::from_ptr(path as *const _) }.to_bytes();
    let mut whole = match name.first() {
        Some(b'/') => Vec::new(),
        _ => {
            let mut start = vec![0; 4096];
            let (buffer, size) = (start.as_mut_ptr() as usize, start.len());
            let length = if directory as i32 == libc::AT_FDCWD {
                // The length counts the final zero.
                raw(libc::SYS_getcwd, [buffer, size, 0, 0, 0]) - 1
            } else {
                let link = format!("/proc/self/fd/{}\0", directory as i32);
                let here = libc::AT_FDCWD as usize;
                raw(libc::SYS_readlinkat, [here, link.as_ptr() as usize, buffer, size, 0])
            };
            start.truncate(usize::try_from(length).ok()?);
            start.push(b'/');
            start
        }
    };
    whole.extend_from_slice(name);
    while whole.len() > 1 && whole.ends_with(b"/") {
        whole.pop();
    }
    Some(whole)
}
