//! A replicated key-value store. The README of the Go example has its commands, which are CBOR.

mod cbor;
mod snapshot;
mod store;

use cbor::{put_bool, put_bytes, put_head, Decoder, MAJOR_ARRAY, MAJOR_UINT, SIMPLE_NULL};
use store::Store;
use wraft::{quoted, Context, Error, Machine, Output, Reader, Writer};

/// Statuses besides [`wraft::STATUS_FAILED`], which is for bytes that aren't a command.
const STATUS_UNKNOWN: i32 = 2;
const STATUS_TOO_LARGE: i32 = 3;

/// Limits of keys and values.
const KEY_BYTES_MAX: usize = 1 << 10;
const VALUE_BYTES_MAX: usize = 1 << 20;

/// The machine.
#[derive(Default)]
pub struct KeyValue {
    store: Store,
}

wraft::machine!(KeyValue);

/// `[operation, key, value, expected]`, as views of the input; `None` is null.
struct Command<'a> {
    operation: &'a [u8],
    key: &'a [u8],
    value: Option<&'a [u8]>,
    expected: Option<&'a [u8]>,
}

impl<'a> Command<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let c = Command::decode(bytes).ok_or("not a command [operation, key, value, expected]; README.md has the encoding")?;
        within("key", c.key.len(), KEY_BYTES_MAX)?;
        let size = |item: Option<&[u8]>| item.map_or(0, <[u8]>::len);
        within("value", size(c.value).max(size(c.expected)), VALUE_BYTES_MAX)?;
        Ok(c)
    }

    fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut d = Decoder { rest: bytes };
        d.array(4)?;
        let c = Command {
            operation: d.text()?,
            key: d.bytes_or_null()?.unwrap_or(b""),
            value: d.bytes_or_null()?,
            expected: d.bytes_or_null()?,
        };
        d.rest.is_empty().then(|| c)
    }

    fn unknown(&self, list: &str) -> Error {
        Error::new(STATUS_UNKNOWN, format!("unknown operation {}; use {}", quoted(self.operation), list))
    }
}

fn within(what: &str, n: usize, most: usize) -> Result<(), Error> {
    if n > most {
        return Err(Error::new(STATUS_TOO_LARGE, format!("the {} has {} bytes, at most {} are allowed", what, n, most)));
    }
    Ok(())
}

impl Machine for KeyValue {
    /// Executes put, append, cas, delete, and the queries too.
    fn apply(&mut self, _: &Context, command: &[u8], out: &mut Output) -> Result<(), Error> {
        let c = Command::parse(command)?;
        match c.operation {
            // Null is stored as an empty value, so that null always means "no such key".
            b"put" => {
                self.store.set(c.key, c.value.unwrap_or(b""));
                out.put_byte(SIMPLE_NULL);
            }
            b"append" => self.append(&c, out)?,
            b"cas" => put_bool(out, self.compare_and_set(&c)),
            b"delete" => put_bool(out, self.store.remove(c.key)),
            b"get" => self.get(&c, out),
            b"scan" => self.scan(&c, out),
            _ => return Err(c.unknown("put, append, cas, delete, get or scan")),
        }
        Ok(())
    }

    /// Executes get and scan.
    fn query(&self, _: &Context, query: &[u8], out: &mut Output) -> Result<(), Error> {
        let c = Command::parse(query)?;
        match c.operation {
            b"get" => self.get(&c, out),
            b"scan" => self.scan(&c, out),
            _ => return Err(c.unknown("get or scan")),
        }
        Ok(())
    }

    fn snapshot(&self, w: &mut Writer) -> Result<(), Error> {
        snapshot::write(&self.store, w)
    }

    fn restore(&mut self, r: &mut Reader, _from_version: u32) -> Result<(), Error> {
        self.store = snapshot::read(r)?;
        Ok(())
    }
}

/// Bounds of one page of a scan.
const SCAN_ITEMS_MAX: usize = 256;
const SCAN_BYTES_MAX: usize = 256 << 10;

impl KeyValue {
    fn get(&self, c: &Command, out: &mut Output) {
        match self.store.get(c.key) {
            Some(value) => put_bytes(out, value),
            None => out.put_byte(SIMPLE_NULL),
        }
    }

    fn append(&mut self, c: &Command, out: &mut Output) -> Result<(), Error> {
        let (before, more) = (self.store.get(c.key).map_or(0, Vec::len), c.value.unwrap_or(b""));
        if before + more.len() > VALUE_BYTES_MAX {
            return Err(Error::new(STATUS_TOO_LARGE, "the value would exceed its limit"));
        }
        let value = self.store.at(c.key);
        value.extend_from_slice(more);
        put_head(out, MAJOR_UINT, value.len() as u64);
        Ok(())
    }

    /// Sets the value if the present one is the expected one; null stands for "no such key" on both
    /// sides.
    fn compare_and_set(&mut self, c: &Command) -> bool {
        if self.store.get(c.key).map(Vec::as_slice) != c.expected {
            return false;
        }
        match c.value {
            Some(value) => self.store.set(c.key, value),
            None => {
                self.store.remove(c.key);
            }
        }
        true
    }

    /// Lists pairs with a prefix in order, those behind the given key if the command has a value, as
    /// `[more, [[key, value], ...]]`.
    fn scan(&self, c: &Command, out: &mut Output) {
        let from = match c.value {
            Some(after) if after >= c.key => self.store.from(after, true),
            _ => self.store.from(c.key, false),
        };
        let (mut page, mut size, mut more) = (Vec::new(), 0, false);
        for (key, value) in from.take_while(|(key, _)| key.starts_with(c.key)) {
            size += key.len() + value.len();
            more = page.len() == SCAN_ITEMS_MAX || size > SCAN_BYTES_MAX && !page.is_empty();
            if more {
                break;
            }
            page.push((key, value));
        }
        put_head(out, MAJOR_ARRAY, 2);
        put_bool(out, more);
        put_head(out, MAJOR_ARRAY, page.len() as u64);
        for (key, value) in page {
            put_head(out, MAJOR_ARRAY, 2);
            put_bytes(out, key);
            put_bytes(out, value);
        }
    }
}

#[cfg(test)]
mod tests;
