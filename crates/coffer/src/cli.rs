//! The command line: one definition of each command and option. What can be asked of a running server
//! through its control socket also derives serde.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mapi_server::Limit;
use serde::{Deserialize, Serialize};

use crate::size::{Limit as SizeLimit, parse_limit as parse_size};

/// An open, Exchange-compatible message store.
#[derive(Debug, Parser)]
#[command(name = "coffer", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// The data directory.
    #[arg(long, global = true, value_name = "DIR", env = "COFFER_DATA")]
    #[arg(default_value = "./coffer-data")]
    pub data: PathBuf,

    #[command(flatten)]
    pub defaults: Defaults,

    #[command(subcommand)]
    pub command: Command,
}

/// What holds for mailboxes without settings of their own.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Defaults for mailboxes")]
pub struct Defaults {
    /// Days for which soft-deleted messages and folders are kept.
    #[arg(long, global = true, hide_short_help = true, value_name = "DAYS", default_value_t = 14)]
    #[arg(env = "COFFER_RETENTION_DAYS")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(store::retention::MAX_DAYS)))]
    pub retention_days: u32,
    /// Bytes beyond which the log says so, such as 2GB; `none` for no limit. So for the other two.
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "SIZE",
        default_value = "none"
    )]
    #[arg(env = "COFFER_QUOTA_WARN", value_parser = parse_size)]
    pub quota_warn: SizeLimit,
    /// Bytes beyond which a mailbox sends nothing.
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "SIZE",
        default_value = "none"
    )]
    #[arg(env = "COFFER_QUOTA_SEND", value_parser = parse_size)]
    pub quota_send: SizeLimit,
    /// Bytes up to which a mailbox may grow.
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "SIZE",
        default_value = "none"
    )]
    #[arg(env = "COFFER_QUOTA_RECEIVE", value_parser = parse_size)]
    pub quota_receive: SizeLimit,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the mailboxes of the data directory over MAPI/HTTP.
    Serve(Box<ServeArgs>),
    /// Add, show and change accounts.
    #[command(subcommand)]
    User(UserCommand),
    /// Keys with which the mail of a domain is signed (DKIM).
    #[command(subcommand)]
    Dkim(DkimCommand),
    /// Who else may open a mailbox, how much it may hold, and how long it keeps what was deleted.
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// Make, delete and list public folders, and say who may do what in them.
    #[command(subcommand)]
    Public(crate::public::PublicCommand),
    /// Carry EML, mbox, Maildir, MSG, TNEF (winmail.dat) and PST files into a mailbox.
    Import(ImportArgs),
    /// Write a mailbox out as EML files or mbox files.
    Export(ExportArgs),
    /// Back the whole store up into a repository, and look after repositories.
    Backup(crate::backup::BackupArgs),
    /// Bring a store, a mailbox, a folder or a message back from a backup.
    Restore(crate::restore::RestoreArgs),
    /// Print a hash for each folder and message, to compare a copy with its original.
    Manifest(crate::manifest::ManifestArgs),
    /// List the folders of a mailbox, or what is in one folder.
    Ls(LsArgs),
    /// Show a message's properties with their names and types.
    Cat(CatArgs),
    /// List what was soft-deleted in a mailbox, or bring it back.
    Recover(RecoverArgs),
    /// Say whether a user may do something in a folder of a mailbox, and why.
    Why(WhyArgs),
    /// List, retry, hold and drop messages that wait to be sent to other domains.
    #[command(subcommand)]
    Queue(crate::queue::QueueCommand),
    /// Show each message's way from its submission to the host that took it over.
    Track(crate::queue::TrackArgs),
    /// Remove for good what is due, shorten change logs and take unreferenced values away, now. A server
    /// does all this by itself.
    Maintain(MaintainArgs),
    /// Show who is connected to the running server and what each one holds.
    Top(TopArgs),
    /// Verify every record of the data directory, also while a server runs on it.
    Check(crate::check::CheckArgs),
    /// Repeat a scenario and prove that nothing is left behind (the check for Q237174).
    Soak(crate::soak::SoakArgs),
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Make a demo account with a mailbox of sample mail, if it is not there yet.
    #[arg(long, conflicts_with = "ephemeral")]
    pub demo: bool,

    /// Keep the data in a temporary place, take free ports on 127.0.0.1, print one line of JSON when
    /// ready, and leave nothing behind: for tests.
    #[arg(long)]
    pub ephemeral: bool,

    /// With --ephemeral: how many accounts to make (user1@example.test, user2@example.test...).
    #[arg(long, value_name = "N", default_value_t = 1, requires = "ephemeral")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub users: u32,

    /// Where to serve MAPI/HTTP without TLS: on loopback, for programs of this machine or a proxy that speaks TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8480")]
    #[arg(conflicts_with = "ephemeral")]
    pub listen: SocketAddr,

    /// Let --listen and --metrics-listen take addresses beyond loopback: whoever is in between reads passwords and
    /// mail. Only where the network itself is encrypted.
    #[arg(long)]
    pub plain_http_beyond_loopback: bool,

    /// Where to serve MAPI/HTTP over TLS.
    #[arg(long, value_name = "ADDRESS")]
    pub https: Option<SocketAddr>,

    /// The certificate for TLS, and those that lead to a root, in PEM; read again when the file changes and on
    /// SIGHUP. Without it the server makes one itself at the first start and prints its fingerprint.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert, in PEM, without a passphrase.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Where to serve /metrics.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8481")]
    #[arg(conflicts_with = "ephemeral")]
    pub metrics_listen: SocketAddr,

    /// Where to serve mailboxes over IMAP: ADDRESS:PORT or unix:PATH. TLS begins by STARTTLS, and without it passwords
    /// are taken from this machine only; so for the others without an s.
    #[arg(long, value_name = "ADDRESS")]
    pub imap: Option<mail_server::Address>,

    /// The same with TLS from the beginning, usually on port 993.
    #[arg(long, value_name = "ADDRESS")]
    pub imaps: Option<mail_server::Address>,

    /// Where to serve Inboxes over POP3: ADDRESS:PORT or unix:PATH.
    #[arg(long, value_name = "ADDRESS")]
    pub pop3: Option<mail_server::Address>,

    /// The same with TLS from the beginning, usually on port 995.
    #[arg(long, value_name = "ADDRESS")]
    pub pop3s: Option<mail_server::Address>,

    /// Where to take mail in over LMTP from an MTA in front: ADDRESS:PORT or unix:PATH.
    #[arg(long, value_name = "ADDRESS")]
    pub lmtp: Option<mail_server::Address>,

    /// Where to take mail in over SMTP from other hosts, for the mailboxes of this server only.
    #[arg(long, value_name = "ADDRESS")]
    pub smtp: Option<mail_server::Address>,

    /// Where users log on to send mail (RFC 6409).
    #[arg(long, value_name = "ADDRESS")]
    pub submission: Option<mail_server::Address>,

    /// The same with TLS from the beginning, usually on port 465 (RFC 8314).
    #[arg(long, value_name = "ADDRESS")]
    pub submissions: Option<mail_server::Address>,

    /// Look whether mail that comes over SMTP is from whom it says (SPF, DKIM, DMARC, ARC), and bring what fails to
    /// Junk E-mail; with `reject` refuse what its domain wants to be rejected. Other hosts have to connect here
    /// themselves, without an MTA in front.
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "junk", requires = "smtp")]
    pub authenticate_mail: Option<Failing>,

    /// Seal what came in (ARC) with the DKIM key of this domain, for those to whom it is sent on.
    #[arg(long, value_name = "DOMAIN", requires = "authenticate_mail")]
    pub arc_seal: Option<mail_server::dkim::keys::Domain>,

    /// Believe the seal of this domain: what it found good is good. May be given more than once.
    #[arg(long, value_name = "DOMAIN", requires = "authenticate_mail")]
    pub arc_trust: Vec<mail_server::dkim::keys::Domain>,

    /// The name server to ask instead of those of /etc/resolv.conf. May be given more than once.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub name_server: Vec<SocketAddr>,

    /// Send users' messages to other domains, to the hosts that the domains name. Without it they are refused.
    #[arg(long)]
    pub outbound: bool,

    /// Send users' messages to other domains through this host.
    #[arg(long, value_name = "HOST:PORT")]
    pub smart_host: Option<mail_server::outbound::SmartHost>,

    /// The name of this host in greetings and Received fields; the system's if not given.
    #[arg(long, value_name = "NAME")]
    pub host_name: Option<String>,

    /// Print every ROP and its answer, decoded, on standard error.
    #[arg(long)]
    pub trace_rops: bool,

    /// Memory that the server may be made to take, in MiB; docs/limits.md says how it is divided.
    #[arg(long, value_name = "MIB", default_value_t = 128)]
    #[arg(value_parser = clap::value_parser!(u32).range(48..=1_048_576))]
    pub memory_budget: u32,

    /// Seconds after which the session of a silent client ends.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub session_expiry: u32,

    /// Set a limit of sessions or users, such as sessions-per-user=32; may be given more than once. The
    /// names and defaults stand in docs/limits.md.
    #[arg(long, value_name = "NAME=NUMBER", value_parser = parse_limit)]
    pub limit: Vec<(Limit, u64)>,

    /// A fault for the soak's control, so that it has something to find: leaves out the destruction of
    /// the lock's record whenever a store is opened, as Exchange 5.5 did (Q237174).
    #[arg(long, value_name = "BYTES", hide = true, requires = "ephemeral")]
    pub control_q237174: Option<usize>,
}

/// What becomes of mail that its domain wants to be rejected (DMARC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Failing {
    Junk,
    Reject,
}

#[derive(Debug, Clone, Subcommand)]
pub enum UserCommand {
    /// Add an account with an empty mailbox.
    Add {
        /// The e-mail address, which is also the name to log on with.
        address: String,
        /// The name that people read; the part before the @ if not given.
        #[arg(long)]
        display_name: Option<String>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List the accounts.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Show one account and its mailbox.
    Show {
        address: String,
        #[arg(long)]
        json: bool,
    },
    /// Change an account's password; open log-ons with the old one end.
    Passwd {
        address: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Refuse the account's log-ons from now on; the mailbox stays.
    Disable { address: String },
    /// Let a disabled account log on again.
    Enable { address: String },
    /// Make an account an administrator: it may open every mailbox and rule over public folders.
    Promote { address: String },
    /// Make an administrator an account like others.
    Demote { address: String },
    /// Further addresses of an account, and who gets what is addressed to nobody of a domain.
    #[command(subcommand)]
    Alias(AliasCommand),
    /// Remove an account and its mailbox for good.
    Remove {
        address: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Clone, Subcommand, Serialize, Deserialize)]
pub enum AliasCommand {
    /// Give an account a further address; its domain becomes one of this server.
    Add {
        /// The account.
        address: String,
        /// The further address; @DOMAIN for all of a domain that nobody else has.
        alias: String,
    },
    /// Take a further address back.
    Remove {
        /// The account.
        address: String,
        alias: String,
    },
    /// List the further addresses of an account, or of all.
    List {
        /// The account.
        address: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum DkimCommand {
    /// Make a key that signs the mail of a domain, and show the DNS record that publishes it.
    Add {
        domain: mail_server::dkim::keys::Domain,
        /// The key's name below the domain.
        #[arg(long, default_value = "coffer")]
        selector: mail_server::dkim::keys::Selector,
        /// Make a key of Ed25519 instead of RSA; not everybody verifies it, so have one of RSA beside it.
        #[arg(long)]
        ed25519: bool,
    },
    /// List the keys with the DNS records that publish them.
    List {
        #[arg(long)]
        json: bool,
    },
    /// Remove a key: nothing is signed with it any more.
    Remove {
        domain: mail_server::dkim::keys::Domain,
        #[arg(long, default_value = "coffer")]
        selector: mail_server::dkim::keys::Selector,
    },
}

/// Where a new password comes from: the prompt if nothing is given.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct PasswordArgs {
    /// Read the password from the first line of standard input.
    #[arg(long)]
    pub password_stdin: bool,
    /// Make a password and print it.
    #[arg(long)]
    pub generate: bool,
}

#[derive(Debug, Clone, Subcommand, Serialize, Deserialize)]
pub enum MailboxCommand {
    /// Let USER open the mailbox of OWNER, or send as OWNER or on behalf of OWNER.
    Grant(GrantArgs),
    /// Take grants back.
    Revoke(GrantArgs),
    /// Show or set how long soft-deleted messages and folders are kept.
    Retention(RetentionArgs),
    /// Show or set how much a mailbox may hold.
    Quota(QuotaArgs),
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct RetentionArgs {
    /// Whose mailbox.
    pub address: String,
    /// Days for which soft-deleted messages and folders are kept from now on. Shows the setting if not
    /// given.
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(store::retention::MAX_DAYS)))]
    pub days: Option<u32>,
    /// Keep them as long as the server does for all.
    #[arg(long, conflicts_with = "days")]
    pub default: bool,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct QuotaArgs {
    /// Whose mailbox.
    pub address: String,
    /// Beyond this size the log says so, such as 2GB; `none` for no limit. So for the other two.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub warn: Option<SizeLimit>,
    /// Beyond this size nothing is sent.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub prohibit_send: Option<SizeLimit>,
    /// Up to this size the mailbox may grow.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub prohibit_receive: Option<SizeLimit>,
    /// Give the mailbox the server's quota again.
    #[arg(long, conflicts_with_all = ["warn", "prohibit_send", "prohibit_receive"])]
    pub default: bool,
    /// Print what it holds and may hold as JSON, in bytes.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct RecoverArgs {
    /// The account whose mailbox it is; "public" for public folders.
    #[arg(long, value_name = "ADDRESS")]
    pub mailbox: String,
    /// Bring back all that can be.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Only what was deleted since then: 2026-11-24, or 2026-11-24T18:30:00Z.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Bring it into this folder, given by its path or id, instead of where it was.
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<String>,
    /// Print JSON: an object a line for a list, else an array of what was brought back.
    #[arg(long)]
    pub json: bool,
    /// Ids as the list has them: of messages (1-5/1-1a) and of folders (1-1b).
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct WhyArgs {
    /// Who wants to do it.
    pub user: String,
    /// Whose mailbox it is; "public" for public folders.
    pub mailbox: String,
    /// The folder's path, such as "Inbox/Work", or its id.
    pub folder: String,
    /// What he wants to do; everything that there is if not given. The exit status is 1 if he may not.
    #[arg(value_enum)]
    pub action: Option<WhyAction>,
    /// Print JSON: an object a line.
    #[arg(long)]
    pub json: bool,
}

/// What can be done in a folder, as `coffer why` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum WhyAction {
    /// To open the folder and to see it in its parent.
    See,
    /// To read what the user made.
    ReadOwn,
    /// To read what others made.
    ReadAny,
    /// To make an item.
    Create,
    EditOwn,
    EditAny,
    DeleteOwn,
    DeleteAny,
    CreateSubfolder,
    /// To change the folder itself, its permissions and its rules.
    ChangeFolder,
    /// To see when appointments are.
    FreeBusy,
    /// To see what appointments are.
    FreeBusyDetails,
    /// What concerns the mailbox as a whole, such as its properties.
    WholeMailbox,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct MaintainArgs {
    /// Print the counts as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct GrantArgs {
    /// Whose mailbox.
    pub owner: String,
    /// Who gets the grants.
    pub user: String,
    /// The right to open the mailbox and to do everything in it, sending as its owner included.
    #[arg(long, required_unless_present_any = ["send_as", "send_on_behalf"])]
    pub full_access: bool,
    /// The right to send as the mailbox's owner: recipients see nobody else.
    #[arg(long)]
    pub send_as: bool,
    /// The right to send on behalf of the mailbox's owner: recipients see both.
    #[arg(long)]
    pub send_on_behalf: bool,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ImportArgs {
    /// The account whose mailbox takes the messages.
    #[arg(long, value_name = "ADDRESS")]
    pub mailbox: String,
    /// The folder below which everything goes, such as "Old mail/2019". Without it single messages go
    /// to the Inbox, and folder trees to the folders of the same names.
    #[arg(long, value_name = "PATH")]
    pub folder: Option<String>,
    /// Count only, carry nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Skip what an earlier run carried (the default).
    #[arg(long, default_value_t = true, overrides_with = "no_resume")]
    pub resume: bool,
    /// Carry everything again, even what is there.
    #[arg(long)]
    pub no_resume: bool,
    /// Print the counts as JSON.
    #[arg(long)]
    pub json: bool,
    /// Files and directories; what each is, is told from its content.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct ExportArgs {
    /// The account whose mailbox is written out.
    #[arg(long, value_name = "ADDRESS")]
    pub mailbox: String,
    /// One file a message, or one file a folder.
    #[arg(long, value_enum, default_value_t = ExportFormat::Eml)]
    pub format: ExportFormat,
    /// Print the counts as JSON.
    #[arg(long)]
    pub json: bool,
    /// Where to write; made if it is not there.
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum ExportFormat {
    Eml,
    Mbox,
}

/// Which mailbox to look into: one of the data directory, or one of a server.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct SourceArgs {
    /// The account whose mailbox is shown; with --url the user's own if not given.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "url")]
    pub mailbox: Option<String>,
    /// Over MAPI/HTTP from a server, such as http://127.0.0.1:8480.
    #[arg(long, value_name = "URL", requires = "user")]
    pub url: Option<String>,
    /// With --url: who logs on.
    #[arg(long, value_name = "ADDRESS", requires = "url")]
    pub user: Option<String>,
    /// With --url: read the password from standard input instead of the prompt (or take it from the
    /// environment variable COFFER_PASSWORD).
    #[arg(long, requires = "url")]
    pub password_stdin: bool,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct LsArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    #[arg(long)]
    pub json: bool,
    /// Associated (FAI) items instead of messages.
    #[arg(long)]
    pub associated: bool,
    /// A folder's path, such as "Inbox/Work", or its id; the whole tree if not given.
    pub folder: Option<String>,
}

#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct CatArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    #[arg(long)]
    pub json: bool,
    /// Write values out whole instead of their first bytes.
    #[arg(long)]
    pub full: bool,
    /// The message's id, as `coffer ls FOLDER` prints it.
    pub message: String,
}

#[derive(Debug, Clone, Args)]
pub struct TopArgs {
    /// Print one JSON object and end.
    #[arg(long)]
    pub json: bool,
    /// Print once and end, also on a terminal.
    #[arg(long)]
    pub once: bool,
    /// What stands first.
    #[arg(long, value_enum, default_value_t = TopSort::Bytes)]
    pub sort: TopSort,
    /// Only what this user holds.
    #[arg(long, value_name = "ADDRESS")]
    pub user: Option<String>,
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub interval: u32,
}

/// By what users, clients and sessions are sorted; the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TopSort {
    /// Bytes that are held.
    Bytes,
    /// Open objects.
    Objects,
    /// Time since the session was made.
    Age,
    /// Time since the last request.
    Idle,
    /// Requests.
    Requests,
    /// ROPs that changed a mailbox.
    Writes,
    /// ROPs that failed.
    Errors,
    /// Time that ROPs were at work.
    Busy,
}

/// NAME=NUMBER.
fn parse_limit(text: &str) -> Result<(Limit, u64), String> {
    let (name, number) = text.split_once('=').ok_or("write NAME=NUMBER")?;
    let limit = name.parse::<Limit>().map_err(|error| {
        let names: Vec<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
        format!("{error}: {}", names.join(", "))
    })?;
    match number.parse() {
        Ok(0) => Err("0 would refuse everything".into()),
        Ok(number) => Ok((limit, number)),
        Err(_) => Err(format!("{number:?} is no whole number")),
    }
}
