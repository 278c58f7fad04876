//! wraft turns a Zig type into a replicated state machine. README.md says how.
//!
//! The root file of a module is:
//!
//!     const wraft = @import("wraft");
//!     pub const panic = wraft.panic;
//!     comptime {
//!         wraft.machine(Counter);
//!     }

const std = @import("std");
const builtin = @import("builtin");

pub const Output = @import("output.zig").Output;
pub const quote_bytes_max = @import("output.zig").quote_bytes_max;
pub const Writer = @import("stream.zig").Writer;
pub const Reader = @import("stream.zig").Reader;
pub const Context = @import("context.zig").Context;
pub const Level = @import("context.zig").Level;
pub const Fake = @import("context.zig").Fake;

/// Why a method did not do what it was asked: it has told the reason with `fail`.
/// The status and the text are in the output or the reader.
pub const Error = error{Failed};

/// The status of an error without a number of its own.
pub const status_failed: i32 = 1;

/// Runs inside of a host, and not in a native test?
pub const is_guest = builtin.target.cpu.arch == .wasm32;

/// Ends the call with a trap whose text is the message. The host undoes the call.
pub const panic = std.debug.FullPanic(@import("guest.zig").lastWords);

/// Memory that runs out is a trap: what has changed is undone, and the machine goes
/// on with what it had.
pub fn outOfMemory() noreturn {
    @panic("out of memory");
}

/// Makes M the module's machine. Its declarations:
///
///     pub fn init(gpa: std.mem.Allocator) M
///     pub fn apply(self: *M, ctx: *Context, command: []const u8, out: *Output) Error!void
///     pub fn query(self: *M, ctx: *Context, question: []const u8, out: *Output) Error!void
///     pub fn snapshot(self: *M, to: *Writer) void
///     pub fn restore(self: *M, from: *Reader, from_version: u32) Error!void
///     pub const version: u32            // optional, from 1 upwards
pub fn machine(comptime M: type) void {
    if (is_guest) @import("guest.zig").exportMachine(M);
}

test {
    _ = @import("output.zig");
    _ = @import("stream.zig");
    _ = @import("context.zig");
    _ = @import("frame.zig");
}
