//! The exported state; the README of the Go example describes it.

use crate::store::Store;
use crate::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use wraft::{Error, Reader, Writer};

/// Starts an export and names its version.
const MAGIC: &[u8] = b"wraft-kv 1\n";

pub fn write(store: &Store, w: &mut Writer) -> Result<(), Error> {
    w.write(MAGIC)?;
    w.write_u64(store.len() as u64)?;
    for (key, value) in store.from(b"", false) {
        for string in [key, value] {
            w.write_u32(string.len() as u32)?;
            w.write(string)?;
        }
    }
    Ok(())
}

pub fn read(r: &mut Reader) -> Result<Store, Error> {
    let mut head = [0; MAGIC.len() + 8];
    if r.read(&mut head)? < head.len() || !head.starts_with(MAGIC) {
        return Err("not a snapshot of a key-value store".into());
    }
    let mut count = [0; 8];
    count.copy_from_slice(&head[MAGIC.len()..]);
    let count = u64::from_le_bytes(count);
    let (mut store, mut last) = (Store::default(), None);
    for n in 0..count {
        let key = string(r, KEY_BYTES_MAX).map_err(|e| format!("key {} of {}: {}", n, count, e))?;
        let value = string(r, VALUE_BYTES_MAX).map_err(|e| format!("value {} of {}: {}", n, count, e))?;
        if last.map_or(false, |last| key <= last) {
            return Err(format!("key {} of {} is out of order", n, count).into());
        }
        *store.at(&key) = value;
        last = Some(key);
    }
    if r.read(&mut [0])? > 0 {
        return Err("bytes follow the last value".into());
    }
    Ok(store)
}

fn string(r: &mut Reader, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let n = r.read_u32()? as usize;
    if n > bytes_max {
        return Err(format!("{} bytes, at most {} are allowed", n, bytes_max).into());
    }
    r.read_vec(n)
}
