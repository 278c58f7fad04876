//! The framing of entries and results; numbers are little-endian.

use crate::{Context, Error, Machine, Output};

const HEADER_BYTES: usize = 8; // i32 status, u32 length

/// Runs an entry's commands (u32 count, then u32 length and bytes of each). The host frames
/// correctly; what doesn't fit panics, and the host undoes the entry.
pub(crate) fn apply<M: Machine>(machine: &mut M, ctx: &Context, entry: &[u8], out: &mut Output) {
    out.empty();
    let (count, mut rest) = number(entry);
    for _ in 0..count {
        let (size, behind) = number(rest);
        let (command, next) = behind.split_at(size as usize);
        rest = next;
        out.begin(HEADER_BYTES);
        let result = machine.apply(ctx, command, out);
        finish(result, out);
    }
}

/// Runs one query.
pub(crate) fn query<M: Machine>(machine: &M, ctx: &Context, query: &[u8], out: &mut Output) {
    out.empty();
    out.begin(HEADER_BYTES);
    let result = machine.query(ctx, query, out);
    finish(result, out);
}

fn finish(result: Result<(), Error>, out: &mut Output) {
    let mut status = 0;
    if let Err(e) = result {
        out.clear();
        out.put(e.text.as_bytes());
        status = e.answered();
    }
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&status.to_le_bytes());
    header[4..].copy_from_slice(&(out.written().len() as u32).to_le_bytes());
    out.head(&header);
}

fn number(b: &[u8]) -> (u32, &[u8]) {
    let (first, rest) = b.split_at(4);
    (u32::from_le_bytes([first[0], first[1], first[2], first[3]]), rest)
}
