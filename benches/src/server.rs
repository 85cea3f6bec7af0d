//! `coffer serve` in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::Bench;
use crate::figure::Span;
use crate::measure::{self, ProcessClock};

pub struct Server {
    child: Child,
    clock: ProcessClock,
    pub address: SocketAddr,
    metrics: SocketAddr,
    /// What else is served where.
    lines: Vec<(String, SocketAddr)>,
    /// Kept open: a server that cannot print any more ends.
    _out: BufReader<ChildStdout>,
}

impl Server {
    /// Serves a data directory on free ports, and returns when it does.
    pub fn start(bench: &Bench, data: &Path) -> anyhow::Result<Server> {
        Server::start_with(bench, data, &[])
    }

    /// The same with limits, each as NAME=NUMBER.
    pub fn start_with(bench: &Bench, data: &Path, limits: &[&str]) -> anyhow::Result<Server> {
        let args: Vec<&str> = limits.iter().flat_map(|limit| ["--limit", limit]).collect();
        Server::start_args(bench, data, &args)
    }

    /// The same with any arguments.
    pub fn start_args(bench: &Bench, data: &Path, args: &[&str]) -> anyhow::Result<Server> {
        let mut child = Command::new(&bench.coffer)
            .arg("--data")
            .arg(data)
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", bench.coffer.display()))?;
        let mut out = BufReader::new(child.stdout.take().context("the server's output")?);
        let clock = ProcessClock::of(child.id())?;
        let (mut address, mut metrics) = (None, None);
        let mut line = String::new();
        let mut lines = Vec::new();
        // What is served is told before the accounts are.
        while (metrics.is_none() || lines.len() < mail_asked(args)) && out.read_line(&mut line)? > 0
        {
            if let Some((name, address)) = line.trim_end().split_once(' ')
                && let Ok(address) = address.trim().parse()
            {
                lines.push((name.to_owned(), address));
            }
            if line.starts_with("MAPI/HTTP") {
                address = address_in(&line);
            }
            if line.starts_with("metrics") {
                metrics = address_in(&line);
            }
            line.clear();
        }
        let (Some(address), Some(metrics)) = (address, metrics) else {
            let _ = child.kill();
            bail!("the server did not start: {}", child.wait()?);
        };
        Ok(Server { child, clock, address, metrics, lines, _out: out })
    }

    /// Where a service of mail is, such as `IMAP`.
    pub fn line(&self, name: &str) -> Option<SocketAddr> {
        self.lines.iter().find(|(known, _)| known == name).map(|(_, address)| *address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server used of the processors since its start.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(self.clock.now()?)
    }

    /// What some work of a client costs the server.
    pub fn span(&self, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Span> {
        let (cpu, clock) = (self.cpu()?, Instant::now());
        work()?;
        let clock = clock.elapsed();
        Ok(Span { cpu: self.cpu()?.saturating_sub(cpu), clock })
    }

    pub fn resident(&self) -> anyhow::Result<u64> {
        Ok(measure::status_bytes(self.pid(), "VmRSS")?)
    }

    /// A value of the metrics page.
    pub fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let mut stream = TcpStream::connect(self.metrics)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok())
            .with_context(|| format!("the metrics page has no {name}"))
    }

    /// Ends it in good order.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let pid = libc::pid_t::try_from(self.child.id())?;
        // SAFETY: a signal to a child that was not waited for yet, so the number is still its own.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` it is gone, and this does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a child ended.
pub struct Usage {
    pub success: bool,
    /// In user mode and in the kernel.
    pub cpu: Duration,
    /// Bytes of resident memory at the peak.
    pub peak: u64,
}

/// Waits for a child that nobody waited for, and tells what it used.
pub fn reap(child: &Child) -> anyhow::Result<Usage> {
    let pid = libc::pid_t::try_from(child.id())?;
    // Asked while it runs: the system's own record of the peak (ru_maxrss) counts what its parent held when
    // it was started.
    let mut peak = 0;
    while let Ok(bytes) = measure::status_bytes(child.id(), "VmHWM") {
        peak = peak.max(bytes);
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut status = 0;
    // SAFETY: zeros are a valid rusage, and all pointers are valid for the call.
    let (reaped, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    if reaped != pid {
        bail!("wait for process {pid}: {}", std::io::Error::last_os_error());
    }
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    Ok(Usage { success: status == 0, cpu: time(usage.ru_utime) + time(usage.ru_stime), peak })
}

/// How many services of mail the arguments ask for.
fn mail_asked(args: &[&str]) -> usize {
    args.iter().filter(|arg| matches!(**arg, "--lmtp" | "--imap")).count()
}

/// The address in a line such as `metrics    http://127.0.0.1:8481/metrics`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    rest.split('/').next()?.trim().parse().ok()
}
