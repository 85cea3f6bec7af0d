//! The program of the file layer's own tests: does to files what its standard input says, a line each, and
//! answers each line when it is done.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use testsuite::Result;

fn main() -> Result {
    for line in std::io::stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut out = std::io::stdout().lock();
        match follow(&words) {
            Ok(()) => writeln!(out, "done")?,
            Err(error) => writeln!(out, "{error}")?,
        }
        out.flush()?;
    }
    Ok(())
}

fn follow(words: &[&str]) -> Result {
    let open = |path: &&str| OpenOptions::new().write(true).open(path);
    match words {
        ["make", path] => drop(File::create(path)?),
        // Bytes: so many of one letter.
        ["write", path, offset, count, letter] => {
            let bytes = letter.repeat(count.parse()?);
            open(path)?.write_all_at(bytes.as_bytes(), offset.parse()?)?;
        }
        ["append", path, count, letter] => {
            let mut file = OpenOptions::new().append(true).open(path)?;
            file.write_all(letter.repeat(count.parse()?).as_bytes())?;
        }
        ["cut", path, size] => open(path)?.set_len(size.parse()?)?,
        ["allocate", path, size] => {
            let file = open(path)?;
            // SAFETY: an open descriptor; no pointers.
            let code = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, size.parse()?) };
            if code != 0 {
                return Err(std::io::Error::from_raw_os_error(code).into());
            }
        }
        ["copy", from, to] => drop(fs::copy(from, to)?),
        ["sync", path] => File::open(path)?.sync_all()?,
        ["syncfs", path] => {
            let file = File::open(path)?;
            // SAFETY: an open descriptor; no pointers.
            if unsafe { libc::syncfs(file.as_raw_fd()) } != 0 {
                return Err(std::io::Error::last_os_error().into());
            }
        }
        ["rename", from, to] => fs::rename(from, to)?,
        // As the database does it: by system calls of its own.
        ["replace", path, count, letter] => {
            let folder = Path::new(path).parent().ok_or("no folder")?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(letter.repeat(count.parse()?).as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path)?;
        }
        ["link", from, to] => fs::hard_link(from, to)?,
        ["remove", path] => fs::remove_file(path)?,
        ["mkdir", path] => fs::create_dir(path)?,
        ["rmdir", path] => fs::remove_dir(path)?,
        ["clear", path] => fs::remove_dir_all(path)?,
        ["free", path] => {
            let path = std::ffi::CString::new(*path)?;
            // SAFETY: a C string, and a structure that may be all zeros.
            let free = unsafe {
                let mut stat: libc::statvfs = std::mem::zeroed();
                libc::statvfs(path.as_ptr(), &mut stat);
                stat.f_bavail * stat.f_frsize
            };
            return Err(free.to_string().into());
        }
        _ => return Err("unknown".into()),
    }
    Ok(())
}
