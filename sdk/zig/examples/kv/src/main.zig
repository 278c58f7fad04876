//! A small replicated key-value store. Its commands are CBOR, see README.md.

const wraft = @import("wraft");

pub const panic = wraft.panic;

comptime {
    wraft.machine(@import("store.zig").Store);
}

test {
    _ = @import("cbor.zig");
    _ = @import("store.zig");
    _ = @import("store_test.zig");
}
