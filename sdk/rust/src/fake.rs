use crate::{frame, Context, Error, Level, Machine, Output, Reader, Writer};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// A host for unit tests. Set its fields, call a machine through it, and look at `logs` and
/// `events` afterwards. A panic is a panic here: nothing is undone.
#[derive(Debug, Clone)]
pub struct Fake {
    /// What [`Context::now`] reports.
    pub now: Duration,
    /// What [`Context::index`] reports.
    pub index: u64,
    /// What [`Context::fuel`] reports.
    pub fuel: i64,
    /// Picks the random bytes.
    pub seed: u64,
    /// How many bytes of a snapshot are taken or given before that fails.
    pub stream_bytes_max: usize,
    /// What the machine logged.
    pub logs: Vec<(Level, String)>,
    /// What the machine emitted.
    pub events: Vec<Vec<u8>>,
}

impl Default for Fake {
    fn default() -> Self {
        Fake::new()
    }
}

impl Fake {
    /// Returns a host at the start of the log.
    pub fn new() -> Self {
        Fake {
            now: Duration::ZERO,
            index: 0,
            fuel: i64::MAX,
            seed: 0,
            stream_bytes_max: usize::MAX,
            logs: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Applies one command.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn apply<M: Machine>(&mut self, machine: &mut M, command: &[u8]) -> Result<Vec<u8>, Error> {
        self.apply_entry(machine, &[command]).pop().expect("one command has one result")
    }

    /// Applies the commands of one entry.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn apply_entry<M: Machine>(&mut self, machine: &mut M, commands: &[&[u8]]) -> Vec<Result<Vec<u8>, Error>> {
        let mut entry = Vec::from((commands.len() as u32).to_le_bytes());
        for command in commands {
            entry.extend_from_slice(&(command.len() as u32).to_le_bytes());
            entry.extend_from_slice(command);
        }
        let mut out = Output::default();
        frame::apply(machine, &self.context(), &entry, &mut out);
        parse(out.whole())
    }

    /// Asks one query.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn query<M: Machine>(&mut self, machine: &M, query: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Output::default();
        frame::query(machine, &self.context(), query, &mut out);
        parse(out.whole()).pop().expect("one query has one result")
    }

    /// A context that reaches this host, to call a machine's methods with.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn context(&mut self) -> Context<'_> {
        Context { host: core::cell::RefCell::new(self) }
    }

    /// Takes a snapshot.
    pub fn snapshot<M: Machine>(&mut self, machine: &M) -> Result<Vec<u8>, Error> {
        let (mut taken, most) = (Vec::new(), self.stream_bytes_max);
        let mut sink = |bytes: &[u8]| {
            taken.extend_from_slice(bytes);
            taken.len() <= most
        };
        let mut w = Writer::new(&mut sink);
        machine.snapshot(&mut w)?;
        w.flush()?;
        Ok(taken)
    }

    /// Restores a snapshot.
    pub fn restore<M: Machine>(&mut self, machine: &mut M, mut snapshot: &[u8], from_version: u32) -> Result<(), Error> {
        let mut left = self.stream_bytes_max;
        let mut source = |bytes: &mut [u8]| {
            let (part, rest) = snapshot.split_at(snapshot.len().min(bytes.len()));
            bytes[..part.len()].copy_from_slice(part);
            snapshot = rest;
            left = left.checked_sub(part.len())?;
            Some(part.len())
        };
        machine.restore(&mut Reader::new(&mut source), from_version)
    }

    /// Draws by splitmix64: not the stream of the real host, but as good for a test.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn draw(&mut self, bytes: &mut [u8]) {
        for b in bytes {
            self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.seed;
            z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            *b = (z ^ z >> 31) as u8;
        }
    }
}

/// Takes the framing off results.
fn parse(mut answer: &[u8]) -> Vec<Result<Vec<u8>, Error>> {
    let number = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    let mut results = Vec::new();
    while !answer.is_empty() {
        let (status, size) = (number(answer) as i32, number(&answer[4..]) as usize);
        let (data, rest) = answer[8..].split_at(size);
        answer = rest;
        results.push(match status {
            0 => Ok(data.into()),
            _ => Err(Error::new(status, String::from_utf8_lossy(data))),
        });
    }
    results
}
