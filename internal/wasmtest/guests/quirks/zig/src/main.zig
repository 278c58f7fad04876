//! Commands that try out what sdk/zig gives a machine, and how calls end.

const std = @import("std");
const wraft = @import("wraft");

pub const panic = wraft.panic;

comptime {
    wraft.machine(Quirks);
}

/// What the optimiser must not know.
var wide: i64 = std.math.maxInt(i64);

/// Calls itself until the stack ends.
fn deep(n: u32) u32 {
    var frame: [64]u8 = undefined;
    const seen: *volatile [64]u8 = &frame;
    seen[n % 64] = @truncate(n);
    return seen[0] +% deep(n +% 1) +% seen[63];
}

const Quirks = struct {
    gpa: std.mem.Allocator,
    count: u64 = 0,
    version_before: u32 = 0,

    pub const version: u32 = 3;

    pub fn init(gpa: std.mem.Allocator) Quirks {
        return .{ .gpa = gpa };
    }

    pub fn apply(self: *Quirks, ctx: *wraft.Context, command: []const u8, out: *wraft.Output) wraft.Error!void {
        self.count += 1;
        return self.query(ctx, command, out);
    }

    pub fn query(self: *Quirks, ctx: *wraft.Context, c: []const u8, out: *wraft.Output) wraft.Error!void {
        const seen: *volatile i64 = &wide;
        if (is(c, "panic")) @panic("last words");
        if (is(c, "assert")) std.debug.assert(c.len == 0);
        if (is(c, "deep")) return out.print("{d}", .{deep(0)});
        if (is(c, "loop")) while (true) {
            seen.* -%= 1;
        };
        if (is(c, "grow")) while (true) {
            @memset(self.gpa.alloc(u8, 1 << 20) catch wraft.outOfMemory(), 1);
        };
        if (is(c, "flood")) while (true) out.write("many results ");
        if (is(c, "world")) return world(ctx, out);
        if (is(c, "arithmetic")) return out.print("{d}", .{seen.* + seen.*});
        if (is(c, "before")) return out.print("{d}", .{self.version_before});
        if (is(c, "count")) return out.print("{d}", .{self.count});
        return out.fail(-7, "");
    }

    fn world(ctx: *wraft.Context, out: *wraft.Output) void {
        var drawn: [4]u8 = undefined;
        ctx.random(&drawn);
        ctx.log(.warn, "a line");
        ctx.emit("event");
        const fuel = if (ctx.fuel() > 1_000_000) "fueled" else "scarce";
        out.print("{d} {d} {s} ", .{ ctx.now(), ctx.index(), fuel });
        out.quote(&drawn);
    }

    pub fn snapshot(self: *Quirks, to: *wraft.Writer) void {
        to.int(u32, self.version_before);
    }

    pub fn restore(self: *Quirks, from: *wraft.Reader, from_version: u32) wraft.Error!void {
        self.version_before = from_version;
        _ = from.int(u32) catch return from.fail("cut off");
    }
};

fn is(command: []const u8, name: []const u8) bool {
    return std.mem.eql(u8, command, name);
}
