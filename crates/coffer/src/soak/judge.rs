//! From samples to a verdict: does anything grow?

use super::fit::{Fit, fit};

/// What one process held at one quiescent moment. None where it cannot be known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Cycles done by then.
    pub cycles: u64,
    pub objects: Option<i64>,
    pub allocated: Option<i64>,
    /// The engine's memory among the allocated bytes: write buffers and cache, which have their budget.
    pub engine: Option<i64>,
    pub resident: Option<i64>,
    pub descriptors: Option<i64>,
    pub threads: Option<i64>,
}

impl Sample {
    /// Allocated bytes without the engine's.
    pub fn own_allocated(&self) -> Option<i64> {
        Some(self.allocated? - self.engine.unwrap_or(0))
    }
}

/// What the samples of one process say.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub objects: Option<Fit>,
    pub allocated: Option<Fit>,
    pub resident: Option<Fit>,
    pub descriptors: Option<Fit>,
    pub threads: Option<Fit>,
    /// What the last sample has more than the first.
    pub objects_left: Option<i64>,
    pub allocated_growth: Option<i64>,
    /// The most that the engine held.
    pub engine: Option<i64>,
    pub resident_growth: Option<i64>,
    pub descriptors_left: Option<i64>,
    pub threads_left: Option<i64>,
    /// What grows, in words; empty if the process is flat.
    pub growing: Vec<String>,
}

impl Verdict {
    pub fn is_flat(&self) -> bool {
        self.growing.is_empty()
    }
}

/// What is known of how the samples were taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// What the engine may hold, in bytes.
    pub engine_budget: Option<i64>,
}

/// In a short run a slope that is worth this many bytes is growth, if it goes on in the second half: forty bytes
/// a cycle in a hundred cycles.
const ALLOCATED_NOISE: f64 = 1024.0;
const SHORT: f64 = 10_000.0;
/// What may stay in all: more is growth, whatever the slope.
const ALLOCATED_GROWTH: i64 = 4096;
/// When the interval is wider than this, the samples are too noisy to call the process flat.
const ALLOCATED_UNSURE: f64 = 65536.0;
/// In a run of this many cycles the interval has to be narrower: 0.01 bytes a cycle.
const LONG: f64 = 900_000.0;
/// Resident bytes come in pages and arenas, and what was freed is not always given back. The stacks of a server's
/// sixteen threads alone find their depth one by one.
const RESIDENT_NOISE: f64 = 2.0 * 1_048_576.0;

/// Judges one process by its samples, the first of which is the base line after the warm-up.
pub fn judge(samples: &[Sample], terms: Terms) -> Verdict {
    let cycles = match (samples.first(), samples.last()) {
        (Some(first), Some(last)) => (last.cycles - first.cycles) as f64,
        _ => 0.0,
    };
    let line = |of: fn(&Sample) -> Option<i64>| fit_of(samples, of);
    let grown = |of: fn(&Sample) -> Option<i64>| growth(samples, of);
    let mut growing = Vec::new();

    let allocated = line(Sample::own_allocated);
    let allocated_half = fit_of(&samples[samples.len() / 2..], Sample::own_allocated);
    let stays = floor_growth(samples, Sample::own_allocated);
    if let (Some(fit), Some(half), Some(stays)) = (allocated, allocated_half, stays) {
        let allowed = match cycles {
            short if short < LONG => ALLOCATED_UNSURE,
            long => 0.01 * long,
        };
        // In a long run less than 0.01 bytes a cycle is no leak, but what the busiest moment so far needed.
        let (noise, may_stay) = match cycles {
            short if short < SHORT => (ALLOCATED_NOISE, ALLOCATED_GROWTH),
            long if long < LONG => (ALLOCATED_GROWTH as f64, ALLOCATED_GROWTH),
            long => (0.01 * long, (0.01 * long) as i64),
        };
        // What fills up once stands still in the second half; what is freed late comes down again.
        let goes_on = half.lower() * cycles / 2.0 > noise / 4.0;
        let rises = fit.lower() * cycles > noise && goes_on;
        if rises && stays as f64 > noise / 4.0 {
            growing.push(format!(
                "allocated bytes grow by {:.2} a cycle (95 %: {:.2} to {:.2})",
                fit.slope,
                fit.lower(),
                fit.upper()
            ));
        } else if stays >= may_stay {
            growing.push(format!("{stays} allocated bytes stay"));
        } else if fit.upper() * cycles > allowed {
            growing.push(format!(
                "allocated bytes move too much to be called flat (95 %: {:.4} to {:.4} a cycle): \
                 run more cycles, or on a target that nobody else uses",
                fit.lower(),
                fit.upper()
            ));
        }
    }
    let engine = samples.iter().filter_map(|sample| sample.engine).max();
    if let (Some(engine), Some(budget)) = (engine, terms.engine_budget)
        && engine > budget
    {
        growing.push(format!("the engine holds {engine} bytes, and {budget} are its budget"));
    }

    // A process that finds its working set levels off; what leaks rises as much in the second half as in the
    // first. A third of the whole rise in the second half is where the two part.
    let resident = line(|s| s.resident);
    let second_half = fit_of(&samples[samples.len() / 2..], |s| s.resident);
    if let (Some(whole), Some(half)) = (resident, second_half)
        && whole.lower() * cycles > RESIDENT_NOISE
        && half.lower() * cycles / 2.0 > (RESIDENT_NOISE / 4.0).max(whole.slope * cycles / 3.0)
    {
        growing.push(format!(
            "resident bytes grow by {:.2} a cycle (95 %: {:.2} to {:.2})",
            whole.slope,
            whole.lower(),
            whole.upper()
        ));
    }

    let mut counted = |name: &str, of: fn(&Sample) -> Option<i64>| {
        let (fit, left) = (line(of), grown(of));
        if left.is_some_and(|left| left > 0) {
            growing.push(format!("{} {name} more than at the start", left.unwrap_or_default()));
        } else if fit.is_some_and(|fit| fit.lower() * cycles > 1.0) {
            growing.push(format!("{name} rise during the run"));
        }
        (fit, left)
    };
    let (objects, objects_left) = counted("live objects", |s| s.objects);
    let (descriptors, descriptors_left) = counted("descriptors", |s| s.descriptors);
    let (threads, threads_left) = counted("threads", |s| s.threads);

    Verdict {
        objects,
        allocated,
        resident,
        descriptors,
        threads,
        objects_left,
        allocated_growth: stays,
        engine,
        resident_growth: grown(|s| s.resident),
        descriptors_left,
        threads_left,
        growing,
    }
}

fn fit_of(samples: &[Sample], of: fn(&Sample) -> Option<i64>) -> Option<Fit> {
    fit(samples.iter().filter_map(move |s| Some((s.cycles as f64, of(s)? as f64))))
}

/// How much the floor of the last third lies above that of the first: memory that is freed late makes teeth
/// on top of what stays, and the floor is what stays.
fn floor_growth(samples: &[Sample], of: fn(&Sample) -> Option<i64>) -> Option<i64> {
    let third = samples.len().div_ceil(3);
    let floor = |part: &[Sample]| part.iter().filter_map(of).min();
    Some(floor(&samples[samples.len().saturating_sub(third)..])? - floor(samples.get(..third)?)?)
}

fn growth(samples: &[Sample], of: fn(&Sample) -> Option<i64>) -> Option<i64> {
    Some(of(samples.last()?)? - of(samples.first()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: u64, step: u64, at: impl Fn(u64) -> Sample) -> Vec<Sample> {
        (0..count).map(|i| Sample { cycles: i * step, ..at(i * step) }).collect()
    }

    fn level() -> Sample {
        Sample {
            objects: Some(3),
            allocated: Some(1_000_000),
            resident: Some(8_000_000),
            descriptors: Some(20),
            threads: Some(6),
            ..Sample::default()
        }
    }

    #[test]
    fn a_level_process_is_flat() {
        let verdict = judge(&samples(200, 500, |_| level()), Terms::default());
        assert!(verdict.is_flat(), "{verdict:?}");
        assert_eq!(verdict.objects_left, Some(0));
    }

    #[test]
    fn forty_bytes_a_cycle_are_caught_in_a_hundred_cycles() {
        let leak =
            |cycles: u64| Sample { allocated: Some(1_000_000 + 40 * cycles as i64), ..level() };
        let verdict = judge(&samples(90, 1, leak), Terms::default());
        assert!(!verdict.is_flat());
        assert!((verdict.allocated.unwrap().slope - 40.0).abs() < 1e-6);
    }

    #[test]
    fn a_step_while_caches_fill_is_not_growth_but_a_leak_of_pages_is() {
        let step = |cycles: u64| Sample {
            resident: Some(8_000_000 + if cycles > 2_000 { 3_000_000 } else { 0 }),
            ..level()
        };
        assert!(judge(&samples(200, 500, step), Terms::default()).is_flat());
        let leak = |cycles: u64| Sample {
            resident: Some(8_000_000 + (cycles as i64 * 40) / 4096 * 4096),
            ..level()
        };
        assert!(!judge(&samples(200, 500, leak), Terms::default()).is_flat());
    }

    #[test]
    fn one_object_descriptor_or_thread_left_is_growth() {
        type Change = fn(Sample, i64) -> Sample;
        let changes: [Change; 3] = [
            |s, more| Sample { objects: s.objects.map(|v| v + more), ..s },
            |s, more| Sample { descriptors: s.descriptors.map(|v| v + more), ..s },
            |s, more| Sample { threads: s.threads.map(|v| v + more), ..s },
        ];
        for change in changes {
            let last = |cycles: u64| change(level(), i64::from(cycles == 99 * 500));
            assert!(!judge(&samples(100, 500, last), Terms::default()).is_flat());
        }
    }

    #[test]
    fn noise_that_hides_a_leak_is_not_called_flat() {
        let noisy = |cycles: u64| Sample {
            allocated: Some(
                1_000_000 + if (cycles / 500).is_multiple_of(2) { 0 } else { 10_000_000 },
            ),
            ..level()
        };
        assert!(!judge(&samples(100, 500, noisy), Terms::default()).is_flat());
    }

    #[test]
    fn what_is_not_known_is_not_judged() {
        let foreign = |_| Sample { resident: Some(1), ..Sample::default() };
        let verdict = judge(&samples(100, 500, foreign), Terms::default());
        assert!(verdict.is_flat() && verdict.allocated.is_none() && verdict.objects_left.is_none());
    }

    #[test]
    fn teeth_of_memory_that_is_freed_late_are_not_growth_but_a_floor_that_rises_is() {
        let teeth = |cycles: u64| Sample {
            allocated: Some(1_000_000 + (cycles as i64 / 500 % 20) * 1000),
            ..level()
        };
        assert!(judge(&samples(200, 500, teeth), Terms::default()).is_flat());
        let rising = |cycles: u64| Sample {
            allocated: Some(1_000_000 + (cycles as i64 / 500 % 20) * 1000 + cycles as i64 / 10),
            ..level()
        };
        assert!(!judge(&samples(200, 500, rising), Terms::default()).is_flat());
    }

    #[test]
    fn what_fills_up_once_may_have_four_kilobytes() {
        let filled = |bytes: i64| {
            move |cycles: u64| Sample {
                allocated: Some(1_000_000 + bytes.min(cycles as i64)),
                ..level()
            }
        };
        assert!(judge(&samples(200, 500, filled(3000)), Terms::default()).is_flat());
        let verdict = judge(&samples(200, 500, filled(40_000)), Terms::default());
        assert!(!verdict.is_flat(), "{verdict:?}");
    }

    #[test]
    fn the_engine_stays_within_its_budget() {
        let held = |_| Sample { engine: Some(5000), ..level() };
        let within = |budget| Terms { engine_budget: Some(budget) };
        assert!(judge(&samples(100, 500, held), within(5000)).is_flat());
        assert!(!judge(&samples(100, 500, held), within(4999)).is_flat());
    }
}
