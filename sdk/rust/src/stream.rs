use crate::Error;
use alloc::vec::Vec;

const STREAM_BYTES: usize = 64 << 10;

/// A snapshot on its way out. Numbers are little-endian.
pub struct Writer<'a> {
    buffer: Vec<u8>,
    sink: &'a mut dyn FnMut(&[u8]) -> bool,
    failed: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(sink: &'a mut dyn FnMut(&[u8]) -> bool) -> Self {
        Writer { buffer: Vec::with_capacity(STREAM_BYTES), sink, failed: false }
    }

    /// Writes bytes. It fails when the host takes no more; return the error then.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(STREAM_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(part);
            bytes = rest;
            if self.buffer.len() == STREAM_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes a number.
    pub fn write_u32(&mut self, n: u32) -> Result<(), Error> {
        self.write(&n.to_le_bytes())
    }

    /// Writes a number.
    pub fn write_u64(&mut self, n: u64) -> Result<(), Error> {
        self.write(&n.to_le_bytes())
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.failed = self.failed || !self.buffer.is_empty() && !(self.sink)(&self.buffer);
        self.buffer.clear();
        if self.failed {
            return Err("the host refuses more of the snapshot".into());
        }
        Ok(())
    }
}

/// A snapshot on its way in. Numbers are little-endian.
pub struct Reader<'a> {
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    source: &'a mut dyn FnMut(&mut [u8]) -> Option<usize>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a mut dyn FnMut(&mut [u8]) -> Option<usize>) -> Self {
        Reader { buffer: Vec::new(), at: 0, ended: false, source }
    }

    /// Fills `bytes` and returns how many there were: fewer only at the end.
    pub fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        let mut done = 0;
        while done < bytes.len() {
            if self.at == self.buffer.len() && !self.refill()? {
                break;
            }
            let n = (bytes.len() - done).min(self.buffer.len() - self.at);
            bytes[done..done + n].copy_from_slice(&self.buffer[self.at..self.at + n]);
            self.at += n;
            done += n;
        }
        Ok(done)
    }

    /// Fills `bytes`, or fails: the snapshot is cut off.
    pub fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        if self.read(bytes)? < bytes.len() {
            return Err("the snapshot is cut off".into());
        }
        Ok(())
    }

    /// Reads `n` bytes. Check `n` against a limit before: memory for it is taken at once.
    pub fn read_vec(&mut self, n: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = alloc::vec![0; n];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a number.
    pub fn read_u32(&mut self) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        self.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Reads a number.
    pub fn read_u64(&mut self) -> Result<u64, Error> {
        let mut bytes = [0; 8];
        self.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn refill(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        self.at = 0;
        self.buffer.resize(STREAM_BYTES, 0);
        let got = (self.source)(&mut self.buffer);
        self.buffer.truncate(got.unwrap_or(0));
        self.ended = self.buffer.is_empty();
        match got {
            Some(_) => Ok(!self.ended),
            None => Err("the host cannot read the snapshot".into()),
        }
    }
}
