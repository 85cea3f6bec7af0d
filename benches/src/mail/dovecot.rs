//! Dovecot with a configuration of its own, in a temporary folder and on loopback, as Debian's packages have it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::Place;

pub struct Dovecot {
    child: Child,
    pub(super) place: Place,
}

const PROGRAMS: [&str; 3] = ["/usr/sbin/dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/lmtp"];
/// nobody: mail belongs to no user of the system.
const OWNER: u32 = 65_534;

impl Dovecot {
    /// Starts it, or says why it is not measured.
    pub(super) fn start(scratch: &Path) -> anyhow::Result<Result<Dovecot, String>> {
        if let Some(missing) = PROGRAMS.iter().find(|program| !Path::new(program).exists()) {
            return Ok(Err(format!(
                "not measured: {missing} is not there (Debian: dovecot-imapd, dovecot-lmtpd)"
            )));
        }
        // SAFETY: it only asks.
        if unsafe { libc::geteuid() } != 0 {
            return Ok(Err("not measured: it starts as root only".into()));
        }
        let dir = tempfile::Builder::new().prefix("dovecot-").tempdir_in(scratch)?.keep();
        let mail = dir.join("mail");
        std::fs::create_dir(&mail)?;
        std::os::unix::fs::chown(&mail, Some(OWNER), Some(OWNER))?;
        let (lmtp, imap) = (free_port()?, free_port()?);
        let config = dir.join("dovecot.conf");
        std::fs::write(&config, configuration(&dir, lmtp, imap))?;
        // Its processes have to reach the mail through every folder above.
        for above in dir.ancestors().take_while(|above| above.starts_with(scratch)) {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(above, std::fs::Permissions::from_mode(0o755))?;
        }
        let child = Command::new(PROGRAMS[0])
            .arg("-F")
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("start Dovecot")?;
        let place = Place { lmtp, imap, password: "secret" };
        let mut dovecot = Dovecot { child, place };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(imap).is_err() || TcpStream::connect(lmtp).is_err() {
            if dovecot.child.try_wait()?.is_some() || Instant::now() > until {
                bail!("Dovecot did not start: see {}", dir.join("log").display());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Ok(dovecot))
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        if let Ok(pid) = libc::pid_t::try_from(self.child.id()) {
            // SAFETY: a signal to a child that was not waited for yet. It ends its own processes.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
        let _ = self.child.wait();
    }
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn configuration(dir: &Path, lmtp: SocketAddr, imap: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "base_dir = {dir}/base\nstate_dir = {dir}/base\nlog_path = {dir}/log\n\
         protocols = imap lmtp\nssl = no\nlisten = 127.0.0.1\ndisable_plaintext_auth = no\n\
         mail_location = sdbox:{dir}/mail/%n\nmail_fsync = always\nfirst_valid_uid = 1\n\
         mail_max_userip_connections = 1000\nauth_mechanisms = plain\n\
         passdb {{\n  driver = static\n  args = password=secret\n}}\n\
         userdb {{\n  driver = static\n  args = uid={OWNER} gid={OWNER} home={dir}/mail/%n\n}}\n\
         namespace inbox {{\n  inbox = yes\n}}\n\
         service imap-login {{\n  inet_listener imap {{\n    port = {}\n  }}\n  \
         inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
         service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {}\n  }}\n}}\n",
        imap.port(),
        lmtp.port()
    )
}
