const wraft = @import("wraft");

// A panic ends the command, and the client gets its message.
pub const panic = wraft.panic;

comptime {
    wraft.machine(@import("machine.zig").Counter);
}

test {
    _ = @import("machine.zig");
}
