//! Which step fails next: errors of the engine, of the disk, and refused allocations.

use std::sync::Arc;

use mapi_server::Ledger;
use store::engine::{Fault, Faults};

/// What can be made to fail.
#[derive(Clone)]
pub struct Faulty {
    pub engine: Faults,
    pub ledger: Arc<Ledger>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Engine(Fault),
    /// The ledger refuses an object, or its growth.
    Allocation,
}

const KINDS: [Kind; 4] = [
    Kind::Engine(Fault::Io),
    Kind::Engine(Fault::DiskFull),
    Kind::Engine(Fault::Conflict),
    Kind::Allocation,
];

/// Lets a cycle fail at its first step, the next one at its second, until one meets no fault any more; then
/// with the next kind of fault, and so on.
pub struct Plan {
    faulty: Faulty,
    kind: usize,
    step: u64,
    struck: u64,
}

impl Plan {
    pub fn new(faulty: Faulty) -> Plan {
        Plan { faulty, kind: 0, step: 0, struck: 0 }
    }

    pub fn arm(&mut self) {
        self.struck = self.count();
        match KINDS[self.kind] {
            Kind::Engine(fault) => self.faulty.engine.arm(fault, self.step),
            Kind::Allocation => self.faulty.ledger.refuse_after(self.step),
        }
    }

    /// Whether something failed since it was armed.
    pub fn disarm(&mut self) -> bool {
        self.faulty.engine.disarm();
        self.faulty.ledger.refuse_nothing();
        let struck = self.count() > self.struck;
        match struck {
            true => self.step += 1,
            false => {
                self.step = 0;
                self.kind = (self.kind + 1) % KINDS.len();
            }
        }
        struck
    }

    fn count(&self) -> u64 {
        self.faulty.engine.struck() + self.faulty.ledger.refused()
    }
}
