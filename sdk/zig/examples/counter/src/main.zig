//! The smallest useful machine: one number that every replica agrees on.

const wraft = @import("wraft");

pub const panic = wraft.panic;

comptime {
    wraft.machine(@import("counter.zig").Counter);
}

test {
    _ = @import("counter.zig");
}
