//! `coffer import` in a process of its own: a directory of EML files, and a large mbox file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::Bench;
use crate::figure::{Figure, milliseconds};
use crate::mailbox::{self, User};
use crate::measure::{DiskProbe, disk_bytes, median_time};
use crate::random::Random;
use crate::server::reap;

const NAME: &str = "import";
const BYTES: usize = 10_000;
const MIB: f64 = (1 << 20) as f64;

pub fn run(bench: &mut Bench) -> anyhow::Result<Vec<Figure>> {
    let mut figures = directory(bench)?;
    figures.extend(mbox(bench)?);
    Ok(figures)
}

/// Many files of 10 kB, three times into a new mailbox; the median counts.
fn directory(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let messages = bench.rounds(2_000, 10_000);
    let files = bench.scratch.join("eml");
    std::fs::create_dir(&files)?;
    let mut mail = Mail::new(1);
    for number in 0..messages {
        std::fs::write(files.join(format!("{number:06}.eml")), mail.next())?;
    }
    let mut probe = DiskProbe::new(&bench.scratch)?;
    let (mut runs, mut syncs) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let data = bench.scratch.join(format!("import-{number}"));
        let made = mailbox::make(&data, 1, 0)?;
        runs.push(import(bench, &data, &made.users[0], &files, messages)?);
        std::fs::remove_dir_all(&data)?;
        for _ in 0..20 {
            syncs.push(probe.sync()?);
        }
    }
    std::fs::remove_dir_all(&files)?;
    let clock = median_time(runs.iter().map(|run| run.clock));
    let cpu = median_time(runs.iter().map(|run| run.cpu));
    let rate = messages as f64 / clock.as_secs_f64();
    let per_message = milliseconds(cpu) / messages as f64;
    let peak = runs.iter().map(|run| run.peak).max().unwrap_or(0) as f64 / MIB;
    let sync = milliseconds(median_time(syncs));
    Ok(vec![
        Figure::new(NAME, "EML of 10 kB from a directory, durable at the end", rate, "/s")
            .at_least(2_000.0)
            .note(format!("{messages} files, median of 3; a sync meanwhile {sync:.3} ms")),
        Figure::new(NAME, "EML: CPU a message", per_message, "ms")
            .note(format!("{peak:.0} MiB at the peak")),
    ])
}

fn mbox(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let megabytes = bench.rounds(200, 2_000);
    let messages = megabytes * 1_000_000 / BYTES;
    let free = free_bytes(&bench.scratch)?;
    let needed = 4 * megabytes as u64 * 1_000_000;
    ensure!(free > needed, "{free} bytes are free, and the mbox file and its import take {needed}");
    let path = bench.scratch.join("large.mbox");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
    let mut mail = Mail::new(2);
    for _ in 0..messages {
        file.write_all(b"From someone@example.test Thu Jan  1 00:00:00 2026\n")?;
        let message = mail.next();
        file.write_all(message.replace("\r\n", "\n").as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    let data = bench.scratch.join("import-mbox");
    let made = mailbox::make(&data, 1, 0)?;
    let run = import(bench, &data, &made.users[0], &path, messages)?;
    let stored = disk_bytes(&data.join("engine"))? as f64 / (messages * BYTES) as f64;
    std::fs::remove_dir_all(&data)?;
    std::fs::remove_file(&path)?;
    let rate = messages as f64 / run.clock.as_secs_f64();
    let per_message = milliseconds(run.cpu) / messages as f64;
    let name =
        format!("mbox of {} MB: resident memory at the peak", crate::table::shown(megabytes));
    Ok(vec![
        Figure::new(NAME, name, run.peak as f64 / MIB, "MiB")
            .at_most(200.0)
            .note(format!("{messages} messages, {rate:.0} a second")),
        Figure::new(NAME, "mbox: CPU a message", per_message, "ms"),
        Figure::new(NAME, "mbox: bytes on the disk / bytes of mail", stored, "×"),
    ])
}

struct Ran {
    clock: Duration,
    cpu: Duration,
    /// Bytes of resident memory at the peak.
    peak: u64,
}

fn import(
    bench: &Bench,
    data: &Path,
    user: &User,
    source: &Path,
    messages: usize,
) -> anyhow::Result<Ran> {
    let began = Instant::now();
    let mut child = Command::new(&bench.coffer)
        .arg("--data")
        .arg(data)
        .args(["import", "--json", "--mailbox", &user.address])
        .arg(source)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", bench.coffer.display()))?;
    // A few lines at the end: they fit into the pipe, so it can be read when the import is over.
    let out = child.stdout.take().context("the import's output")?;
    let usage = reap(&child)?;
    let clock = began.elapsed();
    let counts: serde_json::Value = serde_json::from_reader(out).context("the import's counts")?;
    ensure!(usage.success, "the import failed");
    let carried = counts["messages"]["carried"].as_u64();
    ensure!(carried == Some(messages as u64), "{carried:?} of {messages} messages were carried");
    Ok(Ran { clock, cpu: usage.cpu, peak: usage.peak })
}

/// Bytes that are free on the file system of a directory.
fn free_bytes(dir: &Path) -> anyhow::Result<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(dir.as_os_str().as_bytes())?;
    // SAFETY: zeros are a valid statvfs, and both pointers are valid for the call.
    let (status, space) = unsafe {
        let mut space: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &raw mut space), space)
    };
    ensure!(status == 0, "statvfs: {}", std::io::Error::last_os_error());
    Ok(space.f_bavail * space.f_frsize)
}

/// Messages of 10 kB, no two alike.
struct Mail {
    random: Random,
    /// Where bodies are cut from: to make each anew would take longer than to import it.
    pool: String,
    number: usize,
}

impl Mail {
    fn new(seed: u64) -> Mail {
        let mut random = Random::new(seed);
        let pool = random.text(1 << 20);
        Mail { random, pool, number: 0 }
    }

    fn next(&mut self) -> String {
        self.number += 1;
        let (number, sender) = (self.number, self.random.below(500));
        let minute = number % 60;
        let mut message = format!(
            "Received: from mail.example.test by mx.example.test; Thu, 1 Jan 2026 10:{minute:02}:00 \
             +0000\r\nMessage-ID: <{number}.{:016x}@example.test>\r\n\
             Date: Thu, 1 Jan 2026 10:{minute:02}:00 +0000\r\n\
             From: Sender Number {sender} <sender{sender}@example.test>\r\n\
             To: User 1 <user1@example.test>\r\nSubject: {}\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n",
            self.random.next(),
            self.random.words(5),
        );
        let rest = BYTES.saturating_sub(message.len());
        let at = self.random.below(self.pool.len() - rest);
        message.push_str(&self.pool[at..at + rest]);
        message.push_str("\r\n");
        message
    }
}
