//! DATA and BDAT: the octets of a message, from the connection into the spool.

use super::{Body, Session, Step};
use crate::smtp::data::Unstuff;
use crate::smtp::reply::{self, Reply};
use crate::spool::{Letter, SpoolError};

/// Octets that are read of a message, as a multiple of what it may have, before the connection is given up.
const PATIENCE: u64 = 4;

impl Session {
    pub(super) async fn data(&mut self) -> Step {
        match &self.transaction {
            None => return reply::SEQUENCE.into(),
            // RFC 3030 2: DATA and BDAT do not go together.
            Some(transaction) if !matches!(transaction.body, Body::Nothing) => {
                return reply::SEQUENCE.into();
            }
            Some(transaction) if !transaction.has_recipients() => {
                return reply::NO_RECIPIENTS.into();
            }
            Some(_) => {}
        }
        if self.lines.write(&reply::GO_ON.bytes()).await.is_err() {
            return Step::Gone;
        }
        let outcome = self.read_data().await;
        let Some(transaction) = self.transaction.take() else { return reply::SEQUENCE.into() };
        match outcome {
            Ok(Ok(letter)) => self.deliver(transaction, letter).await,
            // LMTP answers each recipient here too (RFC 2033 4.2).
            Ok(Err(refusal)) => self.refuse_all(&transaction.recipients, refusal),
            Err(step) => step,
        }
    }

    /// Reads the data to its end, whatever becomes of it.
    async fn read_data(&mut self) -> Result<Result<Letter, Reply>, Step> {
        let Session { smtp, lines, .. } = self;
        let limits = &smtp.limits;
        let mut unstuff = Unstuff::default();
        let mut letter = smtp.host.letters.letter();
        let mut refusal: Option<Reply> = None;
        let mut taken = 0;
        let mut discarded = Vec::new();
        loop {
            if lines.buffered().is_empty() {
                lines.fill(limits.data_within).await?;
            }
            let input = lines.buffered();
            let (count, end) = match &refusal {
                Some(_) => {
                    discarded.clear();
                    unstuff.take(input, &mut discarded)
                }
                None => {
                    let add = |out: &mut Vec<u8>| unstuff.take(input, out);
                    match letter.extend(&smtp.host.work, add).await {
                        Ok(taken) => taken,
                        // How much was taken is not known.
                        Err(error) => return Err(Step::Close(spool_reply(&error))),
                    }
                }
            };
            lines.consume(count);
            taken += count as u64;
            if letter.size() > limits.message_bytes {
                refusal.get_or_insert(reply::TOO_BIG);
                letter = smtp.host.letters.letter();
            }
            if end {
                return Ok(refusal.map_or(Ok(letter), Err));
            }
            if taken > limits.message_bytes.saturating_mul(PATIENCE) {
                return Err(Step::Close(reply::TOO_BIG));
            }
        }
    }

    pub(super) async fn bdat(&mut self, size: u64, last: bool) -> Step {
        let limits = self.smtp.limits.clone();
        let refusal = match &self.transaction {
            None => Some(reply::SEQUENCE),
            Some(transaction) => match &transaction.body {
                Body::Refused => Some(reply::SEQUENCE),
                _ if !transaction.has_recipients() => Some(reply::NO_RECIPIENTS),
                Body::Chunks(letter)
                    if letter.size().saturating_add(size) > limits.message_bytes =>
                {
                    Some(reply::TOO_BIG)
                }
                Body::Nothing if size > limits.message_bytes => Some(reply::TOO_BIG),
                _ => None,
            },
        };
        if let Some(refusal) = refusal {
            return self.skip_chunk(size, last, refusal).await;
        }
        let Session { smtp, lines, transaction, .. } = self;
        let Some(transaction) = transaction.as_mut() else { return reply::SEQUENCE.into() };
        let mut letter = match std::mem::replace(&mut transaction.body, Body::Refused) {
            Body::Chunks(letter) => letter,
            _ => smtp.host.letters.letter(),
        };
        let mut left = size;
        while left > 0 {
            if lines.buffered().is_empty()
                && let Err(error) = lines.fill(limits.data_within).await
            {
                return error.into();
            }
            let input = lines.buffered();
            let count = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let add = |out: &mut Vec<u8>| out.extend_from_slice(&input[..count]);
            if let Err(error) = letter.extend(&smtp.host.work, add).await {
                return Step::Close(spool_reply(&error));
            }
            lines.consume(count);
            left -= count as u64;
        }
        if !last {
            transaction.body = Body::Chunks(letter);
            return Reply::say(250, "2.0.0", format!("{size} octets")).into();
        }
        let Some(transaction) = self.transaction.take() else { return reply::SEQUENCE.into() };
        self.deliver(transaction, letter).await
    }

    /// The octets come whatever is thought of them.
    async fn skip_chunk(&mut self, size: u64, last: bool, refusal: Reply) -> Step {
        if size > self.smtp.limits.message_bytes.saturating_mul(PATIENCE) {
            return Step::Close(refusal);
        }
        let mut left = size;
        while left > 0 {
            if self.lines.buffered().is_empty()
                && let Err(error) = self.lines.fill(self.smtp.limits.data_within).await
            {
                return error.into();
            }
            let count = self.lines.buffered().len();
            let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.lines.consume(count);
            left -= count as u64;
        }
        match &mut self.transaction {
            Some(_) if last => match self.transaction.take() {
                Some(transaction) => self.refuse_all(&transaction.recipients, refusal),
                None => refusal.into(),
            },
            Some(transaction) => {
                transaction.body = Body::Refused;
                refusal.into()
            }
            None => refusal.into(),
        }
    }
}

fn spool_reply(error: &SpoolError) -> Reply {
    match error {
        SpoolError::Full => reply::SPOOL_FULL,
        SpoolError::Undone(_) => reply::BUSY,
        SpoolError::Io(error) => {
            tracing::error!(%error, "the spool cannot be written");
            reply::SPOOL_FULL
        }
    }
}
