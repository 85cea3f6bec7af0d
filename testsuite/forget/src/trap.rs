//! The seccomp filter and the handler of its trap.

use std::ffi::{c_int, c_void};

use crate::calls::{self, PASS};
use crate::{give_up, watch};

/// The calls that are trapped. None of them uses its sixth argument, which tells ours from the program's.
const TRAPPED: [libc::c_long; 28] = [
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_creat,
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_writev,
    libc::SYS_pwritev,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_rmdir,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_syncfs,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    // Refused, so that the program reads and writes instead.
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_openat2,
];

const AUDIT_ARCH_X86_64: u32 = 0xC000_003E;
/// Of `struct seccomp_data`.
const OFFSET_CALL: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_SIXTH: u32 = 16 + 5 * 8;

pub fn install() {
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the structures live through the calls. No other signal comes while the handler runs: its
    // handler could write, and would wait for the lock that this thread holds.
    unsafe {
        libc::sigfillset(&mut action.sa_mask);
        if libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut()) != 0 {
            give_up("no handler of SIGSYS");
        }
    }
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump_if = |k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let answer = libc::BPF_RET | libc::BPF_K;
    let mut filter = vec![
        statement(load, OFFSET_ARCH),
        jump_if(AUDIT_ARCH_X86_64, 1, 0),
        statement(answer, libc::SECCOMP_RET_ALLOW),
        statement(load, OFFSET_CALL),
    ];
    for (index, call) in TRAPPED.iter().enumerate() {
        // To the load of the sixth argument, behind the rest of the list and one answer.
        filter.push(jump_if(*call as u32, (TRAPPED.len() - index) as u8, 0));
    }
    filter.push(statement(answer, libc::SECCOMP_RET_ALLOW));
    filter.push(statement(load, OFFSET_SIXTH));
    filter.push(jump_if(PASS as u32, 0, 1));
    filter.push(statement(answer, libc::SECCOMP_RET_ALLOW));
    filter.push(statement(answer, libc::SECCOMP_RET_TRAP));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives through the calls.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0
    };
    if !installed {
        give_up("the kernel takes no seccomp filter");
    }
}

extern "C" fn handler(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives a context of this type to a handler with SA_SIGINFO.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let argument = |register: c_int| registers[register as usize] as usize;
    let call = registers[libc::REG_RAX as usize];
    let arguments = [
        argument(libc::REG_RDI),
        argument(libc::REG_RSI),
        argument(libc::REG_RDX),
        argument(libc::REG_R10),
        argument(libc::REG_R8),
    ];
    let errno = calls::errno();
    let result = watch::handle(call, arguments);
    calls::set_errno(errno);
    registers[libc::REG_RAX as usize] = result as i64;
}
