//! The metrics page of a Coffer, in the text format of Prometheus.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::judge::Sample;

/// Where the page is. Each reading takes a connection of its own and closes it, so that none stays open
/// while the descriptors are counted.
pub struct Metrics {
    authority: String,
    path: String,
}

const MOST_BYTES: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

impl Metrics {
    /// From the URL of the page, or of the server whose page is `/metrics`.
    pub fn new(url: &str) -> Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("{url} is no http address: write http://HOST:PORT/metrics");
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = match authority.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
            _ => format!("{authority}:80"),
        };
        let path = match path {
            "" | "/" => "/metrics",
            path => path,
        };
        Ok(Metrics { authority, path: path.to_owned() })
    }

    pub fn sample(&self, cycles: u64) -> Result<Sample> {
        let page = self.fetch().with_context(|| format!("no metrics from {}", self.authority))?;
        sample_of(&page, cycles)
    }

    fn fetch(&self) -> Result<String> {
        let address =
            self.authority.to_socket_addrs()?.next().context("the name has no address")?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // HTTP/1.0: the page comes unchunked and ends with the connection.
        write!(stream, "GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", self.path, self.authority)?;
        let mut answer = String::new();
        stream.take(MOST_BYTES).read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a head")?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status != "200" {
            bail!("the metrics page answers with status {status}");
        }
        Ok(body.to_owned())
    }
}

/// The sums of the metrics that a soak needs.
fn sample_of(page: &str, cycles: u64) -> Result<Sample> {
    let value = |name: &str| {
        let mut found = None;
        for line in page.lines() {
            let Some(rest) = line.strip_prefix(name) else { continue };
            // One line a label set; another metric may begin with the same word.
            let rest = match rest.strip_prefix('{') {
                Some(labelled) => labelled.split_once('}').map(|(_, rest)| rest),
                None => rest.starts_with(' ').then_some(rest),
            };
            let number = rest.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
            if let Some(number) = number {
                found = Some(found.unwrap_or(0.0) + number);
            }
        }
        found.map(|number| number as i64)
    };
    let sample = Sample {
        cycles,
        objects: value("coffer_live_objects"),
        allocated: value("coffer_allocated_bytes"),
        engine: ["memtable", "cache", "pending"]
            .iter()
            .filter_map(|part| value(&format!("coffer_engine_{part}_bytes")))
            .reduce(|sum, more| sum + more),
        resident: value("coffer_resident_bytes").or_else(|| value("process_resident_memory_bytes")),
        descriptors: value("coffer_descriptors").or_else(|| value("process_open_fds")),
        threads: value("coffer_threads").or_else(|| value("process_threads")),
    };
    match sample {
        Sample { objects: None, allocated: None, .. } => {
            bail!("the page has no coffer_live_objects and no coffer_allocated_bytes")
        }
        sample => Ok(sample),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labelled_lines_are_summed_and_longer_names_are_others() {
        let page = "# HELP coffer_live_objects Objects\n\
            coffer_live_objects{kind=\"logon\"} 2\n\
            coffer_live_objects{kind=\"folder\"} 3\n\
            coffer_live_objects_peak 99\n\
            coffer_allocated_bytes 1.5e3\n\
            process_open_fds 12\n";
        let sample = sample_of(page, 7).unwrap();
        assert_eq!(sample.objects, Some(5));
        assert_eq!(sample.allocated, Some(1500));
        assert_eq!(sample.descriptors, Some(12));
        assert_eq!((sample.threads, sample.cycles), (None, 7));
        assert!(sample_of("up 1\n", 0).is_err());
    }

    #[test]
    fn an_address_without_a_path_means_the_usual_page() {
        let metrics = Metrics::new("http://127.0.0.1:8481").unwrap();
        assert_eq!(
            (metrics.authority.as_str(), metrics.path.as_str()),
            ("127.0.0.1:8481", "/metrics")
        );
        assert!(Metrics::new("https://x").is_err());
    }
}
