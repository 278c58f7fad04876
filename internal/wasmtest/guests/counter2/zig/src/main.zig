//! Version 2 of the counter in Zig, for tests of upgrades. What it does says ../main.go.

const std = @import("std");
const wraft = @import("wraft");

pub const panic = wraft.panic;

comptime {
    wraft.machine(Counter);
}

const unlucky = 13;
const snapshot_bytes_max = 32;

const Counter = struct {
    pub const version: u32 = 2;

    value: i64 = 0,
    /// The version that wrote the state it was restored from.
    from: u32 = 0,

    pub fn init(_: std.mem.Allocator) Counter {
        return .{};
    }

    pub fn apply(self: *Counter, _: *wraft.Context, command: []const u8, out: *wraft.Output) wraft.Error!void {
        if (std.mem.eql(u8, command, "incr")) {
            self.value +%= 1;
        } else if (std.mem.startsWith(u8, command, "add ")) {
            self.value +%= parse(command[4..]) orelse return out.fail(wraft.status_failed, "add wants a whole number");
        } else if (!std.mem.eql(u8, command, "get")) {
            return out.fail(wraft.status_failed, "unknown command; use incr, add N or get");
        }
        self.show(out);
    }

    pub fn query(self: *Counter, _: *wraft.Context, _: []const u8, out: *wraft.Output) wraft.Error!void {
        self.show(out);
    }

    fn show(self: *Counter, out: *wraft.Output) void {
        out.print("{{\"value\":{d},\"version\":{d},\"from\":{d}}}", .{ self.value, version, self.from });
    }

    pub fn snapshot(self: *Counter, to: *wraft.Writer) void {
        to.print("{d}\n", .{self.value});
    }

    pub fn restore(self: *Counter, from: *wraft.Reader, from_version: u32) wraft.Error!void {
        if (from_version != 0 and from_version != version) {
            const failed = from.fail("");
            from.why.print("version {d} is not known here", .{from_version});
            return failed;
        }
        const text = std.mem.trim(u8, from.upTo(snapshot_bytes_max), "\n");
        const value = parse(text) orelse return from.fail("not a snapshot of a counter");
        if (value == unlucky) return from.fail("an unlucky number");
        self.value = value;
        self.from = from_version;
    }
};

/// Digits behind an optional sign. Why not std.fmt.parseInt alone: it takes underscores.
fn parse(text: []const u8) ?i64 {
    if (std.mem.indexOfScalar(u8, text, '_') != null) return null;
    return std.fmt.parseInt(i64, text, 10) catch null;
}
