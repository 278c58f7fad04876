const std = @import("std");
const wraft = @import("wraft.zig");

/// How many bytes `quote` shows.
pub const quote_bytes_max = 64;

/// Bytes that an output has room for once it holds any.
const room_bytes_min = 256;

/// What a client gets for a command or a query: whatever is appended is the result.
/// It also holds reasons. Memory that runs out is a trap.
pub const Output = struct {
    gpa: std.mem.Allocator,
    list: std.ArrayList(u8) = .empty,
    /// 0 until `fail` is called.
    status: i32 = 0,
    /// Where the present result starts. For the library only.
    start: usize = 0,

    pub fn init(gpa: std.mem.Allocator) Output {
        return .{ .gpa = gpa };
    }

    pub fn deinit(out: *Output) void {
        out.list.deinit(out.gpa);
    }

    /// The present result, valid until more is appended.
    pub fn bytes(out: *const Output) []const u8 {
        return out.list.items[out.start..];
    }

    /// Makes room for so many bytes, which count as written, and returns them.
    pub fn extend(out: *Output, count: usize) []u8 {
        if (out.list.capacity - out.list.items.len < count) {
            const room = @max(out.list.items.len + count, 2 * out.list.capacity, room_bytes_min);
            out.list.ensureTotalCapacityPrecise(out.gpa, room) catch wraft.outOfMemory();
        }
        return out.list.addManyAsSliceAssumeCapacity(count);
    }

    pub fn write(out: *Output, data: []const u8) void {
        @memcpy(out.extend(data.len), data);
    }

    pub fn byte(out: *Output, value: u8) void {
        out.extend(1)[0] = value;
    }

    /// Appends an integer, in as many bytes as its type has.
    pub fn int(out: *Output, comptime T: type, value: T, order: std.builtin.Endian) void {
        std.mem.writeInt(T, out.extend(@sizeOf(T))[0..@sizeOf(T)], value, order);
    }

    /// Appends text as std.fmt makes it. It costs more code and time than the others.
    pub fn print(out: *Output, comptime format: []const u8, args: anytype) void {
        const count: usize = @intCast(std.fmt.count(format, args));
        _ = std.fmt.bufPrint(out.extend(count), format, args) catch unreachable;
    }

    /// Shows input in an error text, between double quotes: printable ASCII as it is,
    /// a quote and a backslash behind a backslash, any other byte as \xNN. From the
    /// 65th byte on there are three dots behind the closing quote instead. Machines
    /// in other languages give the same texts.
    pub fn quote(out: *Output, data: []const u8) void {
        out.byte('"');
        for (data[0..@min(data.len, quote_bytes_max)]) |c| switch (c) {
            '"', '\\' => out.write(&.{ '\\', c }),
            ' '...'!', '#'...'[', ']'...'~' => out.byte(c),
            else => out.write(&.{ '\\', 'x', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15] }),
        };
        out.byte('"');
        if (data.len > quote_bytes_max) out.write("...");
    }

    /// Turns the answer into a failure: forgets what it held, and what is appended
    /// from here on is the error's text. The status must be positive; any other
    /// number counts as 1. Return the error that it gives:
    ///
    ///     return out.fail(2, "the counter is full");
    ///
    /// What the machine changed stays changed. To undo a command, panic instead.
    pub fn fail(out: *Output, status: i32, text: []const u8) wraft.Error {
        out.list.shrinkRetainingCapacity(out.start);
        out.status = if (status > 0) status else wraft.status_failed;
        out.write(text);
        return error.Failed;
    }

    /// Forgets everything and keeps the room.
    pub fn clear(out: *Output) void {
        out.list.clearRetainingCapacity();
        out.start = 0;
        out.status = 0;
    }
};

test "what is appended" {
    var out = Output.init(std.testing.allocator);
    defer out.deinit();
    out.write("a");
    out.byte('b');
    out.int(u16, 0x6364, .big);
    out.int(u16, 0x6665, .little);
    out.print("{d}", .{-7});
    try std.testing.expectEqualStrings("abcdef-7", out.bytes());
    for (0..1000) |_| out.write("more and ");
    try std.testing.expectEqual(9008, out.bytes().len);
}

test "failing forgets what was appended" {
    var out = Output.init(std.testing.allocator);
    defer out.deinit();
    for ([_]i32{ 7, 0, -3 }, [_]i32{ 7, 1, 1 }) |status, want| {
        out.write("dropped");
        try std.testing.expectEqual(error.Failed, out.fail(status, "told"));
        try std.testing.expectEqual(want, out.status);
        try std.testing.expectEqualStrings("told", out.bytes());
    }
}

test "quoting" {
    const long = "a" ** quote_bytes_max;
    const cases = [_][2][]const u8{
        .{ "", "\"\"" },                           .{ "put a", "\"put a\"" },
        .{ "\"\\", "\"\\\"\\\\\"" },               .{ "\x00\n\x7f~", "\"\\x00\\x0a\\x7f~\"" },
        .{ "\u{fc}", "\"\\xc3\\xbc\"" },           .{ long, "\"" ++ long ++ "\"" },
        .{ long ++ "b", "\"" ++ long ++ "\"..." },
    };
    for (cases) |case| {
        var out = Output.init(std.testing.allocator);
        defer out.deinit();
        out.quote(case[0]);
        try std.testing.expectEqualStrings(case[1], out.bytes());
    }
}
