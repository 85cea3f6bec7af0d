//! The options of `coffer soak`.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use mail_server::Address;

use super::mode::Mode;
use super::scenario::{self, Offers, SCENARIOS, Scenario};

#[derive(Debug, Clone, Args)]
pub struct SoakArgs {
    /// What a cycle does.
    #[arg(long, value_name = "NAME", default_value = "open-store", value_parser = scenarios())]
    pub scenario: &'static Scenario,

    /// Run every scenario, one after the other, and print a table.
    #[arg(long, conflicts_with_all = ["scenario", "control", "controls", "svg"])]
    pub all: bool,

    /// The store: "local" for one in this process, or a server's address such as http://127.0.0.1:8480.
    #[arg(long, value_name = "local|URL", default_value = "local")]
    pub target: String,

    /// With a server: who logs on.
    #[arg(long, value_name = "ADDRESS")]
    pub user: Option<String>,

    /// With a server that does not know its users by their addresses: the distinguished name of the
    /// user's mailbox.
    #[arg(long, value_name = "DN", requires = "user")]
    pub user_dn: Option<String>,

    /// With a server: read the password from standard input (else it is taken from the environment
    /// variable COFFER_PASSWORD, or asked for).
    #[arg(long, requires = "user")]
    pub password_stdin: bool,

    /// With a server: another mailbox that the user may open. Can be given several times.
    #[arg(long, value_name = "ADDRESS|DN", requires = "user")]
    pub other: Vec<String>,

    /// With a server: where it takes mail over LMTP, for the scenarios that deliver.
    #[arg(long, value_name = "ADDRESS:PORT|unix:PATH", requires = "user")]
    pub lmtp: Option<Address>,

    /// With a server: where it speaks IMAP, for the scenarios that read mail so.
    #[arg(long, value_name = "ADDRESS:PORT|unix:PATH", requires = "user")]
    pub imap: Option<Address>,

    /// How often the scenario is run, the warm-up among it.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(100..))]
    pub cycles: u64,

    /// How many threads run cycles; what the scenario is made for if not given, mostly 1.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Cut the client's connection at a step of the cycle, at another one in each cycle. A local store is
    /// served over HTTP for that.
    #[arg(long, conflicts_with_all = ["abandon", "fault", "control", "controls"])]
    pub cut: bool,

    /// End no session: each cycle's client goes away without a word, and the server has to end what it left.
    #[arg(long, conflicts_with_all = ["fault", "control", "controls"])]
    pub abandon: bool,

    /// Let a step of the local store fail, another one in each cycle: errors of the disk, a full disk,
    /// conflicts, refused allocations.
    #[arg(long, conflicts_with_all = ["control", "controls"])]
    pub fault: bool,

    /// How long no cycle may end before the run counts as stuck, and how long abandoned sessions may stay.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub patience: u32,

    /// With --cut or --abandon and a server that has no metrics of ours: after how many seconds it has ended
    /// an abandoned session.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub expiry: u32,

    /// Somebody else's server: measure this process by what the system says about it.
    #[arg(long)]
    pub pid: Option<u32>,

    /// Where the server's metrics are; /metrics at the target, or at the next port, if not given.
    #[arg(long, value_name = "URL")]
    pub metrics: Option<String>,

    /// Print the result as JSON; with --all an array of results.
    #[arg(long)]
    pub json: bool,

    /// Write every sample into a file of comma-separated values.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<std::path::PathBuf>,

    /// Write the plot into a file as SVG.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<std::path::PathBuf>,

    /// Print which calls allocated what is left at the end of what was there after the warm-up. Slow: every
    /// allocation is kept with its calls.
    #[arg(long, conflicts_with_all = ["all", "json", "controls", "burst"])]
    pub owners: bool,

    /// Run a burst of 64 clients, and see whether resident memory is back a minute later.
    #[arg(long, conflicts_with_all = ["scenario", "all", "control", "controls", "cut", "abandon", "fault"])]
    pub burst: bool,

    /// With --burst: what the server's caches may hold, which is its --memory-budget.
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    pub cache_mib: u32,

    /// With a Coffer of this machine: its data directory. Before it is measured, its engine is told through
    /// the control socket to give back what it holds; scenarios that write need it.
    #[arg(long, value_name = "DIR")]
    pub server_data: Option<std::path::PathBuf>,

    /// Print the rows of the catalogue and the scenarios that watch them, as the table of docs/soak.md has
    /// them.
    #[arg(long)]
    pub catalogue: bool,

    /// Build a known fault into the local store or the soak: it has to be found.
    #[arg(long, value_enum)]
    pub control: Option<Control>,

    /// Run every control, and fail if one is not caught.
    #[arg(long, conflicts_with_all = ["scenario", "control"])]
    pub controls: bool,

    /// How many bytes the control of bytes leaves behind in a cycle; drawn from 40 to 60 if not given.
    #[arg(long, value_name = "N", requires = "control")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub leak_bytes: Option<u16>,
}

impl SoakArgs {
    pub fn mode(&self) -> Mode {
        match self {
            SoakArgs { cut: true, .. } => Mode::Cut,
            SoakArgs { abandon: true, .. } => Mode::Abandon,
            SoakArgs { fault: true, .. } => Mode::Fault,
            _ => Mode::Plain,
        }
    }

    pub fn is_local(&self) -> bool {
        self.target == "local"
    }

    /// What the target has.
    pub fn offers(&self) -> Offers {
        match self.is_local() {
            true => Offers { store: true, others: true, lmtp: true, imap: true },
            false => Offers {
                store: false,
                others: !self.other.is_empty(),
                lmtp: self.lmtp.is_some(),
                imap: self.imap.is_some(),
            },
        }
    }
}

/// The names in the table of scenarios.
fn scenarios() -> impl TypedValueParser<Value = &'static Scenario> {
    let values = SCENARIOS.iter().map(|one| PossibleValue::new(one.name).help(one.about));
    PossibleValuesParser::new(values)
        .try_map(|name| scenario::find(&name).ok_or("no scenario of this name"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Control {
    /// Leave out the destruction of the lock's record when a store is opened, as Exchange 5.5 did.
    #[value(alias = "q237174")]
    Bytes,
    /// Forget a folder's handle.
    Objects,
    /// Forget a file.
    Descriptors,
    /// Forget a thread.
    Threads,
    /// Take two locks in two orders from two threads.
    Deadlock,
}

impl Control {
    pub const ALL: [Control; 5] = [
        Control::Bytes,
        Control::Objects,
        Control::Descriptors,
        Control::Threads,
        // The last: its threads never end.
        Control::Deadlock,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Control::Bytes => "bytes",
            Control::Objects => "objects",
            Control::Descriptors => "descriptors",
            Control::Threads => "threads",
            Control::Deadlock => "deadlock",
        }
    }
}
