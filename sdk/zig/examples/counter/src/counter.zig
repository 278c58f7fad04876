const std = @import("std");
const wraft = @import("wraft");

/// The sum would not fit 64 bits. A command that isn't understood has
/// wraft.status_failed.
const status_overflow = 2;

/// More bytes than any exported number takes.
const snapshot_bytes_max = 32;

/// A signed 64-bit number.
pub const Counter = struct {
    value: i64 = 0,

    pub fn init(_: std.mem.Allocator) Counter {
        return .{};
    }

    /// Understands "incr", "add N" and "get".
    pub fn apply(self: *Counter, _: *wraft.Context, command: []const u8, out: *wraft.Output) wraft.Error!void {
        const line = trim(command);
        const space = std.mem.indexOfScalar(u8, line, ' ') orelse line.len;
        const verb = line[0..space];
        const operand = line[@min(space + 1, line.len)..];
        if (is(verb, "get") and operand.len == 0) return self.show(out);
        if (is(verb, "incr") and operand.len == 0) return self.add(1, out);
        if (is(verb, "add")) {
            if (parse(trim(operand))) |n| return self.add(n, out);
            const failed = out.fail(wraft.status_failed, "add wants a whole number, got ");
            out.quote(operand);
            return failed;
        }
        return refuse(out, "command ", command, "; use incr, add N or get");
    }

    /// Understands "get"; an empty query means the same.
    pub fn query(self: *Counter, _: *wraft.Context, question: []const u8, out: *wraft.Output) wraft.Error!void {
        const verb = trim(question);
        if (verb.len > 0 and !is(verb, "get")) return refuse(out, "query ", question, "; use get");
        self.show(out);
    }

    fn add(self: *Counter, n: i64, out: *wraft.Output) wraft.Error!void {
        self.value = std.math.add(i64, self.value, n) catch {
            const failed = out.fail(status_overflow, "");
            out.print("{d} + {d} does not fit 64 bits", .{ self.value, n });
            return failed;
        };
        self.show(out);
    }

    fn show(self: *Counter, out: *wraft.Output) void {
        out.write("{\"value\":");
        out.print("{d}", .{self.value});
        out.byte('}');
    }

    /// Writes the number in decimal, so that an export can be read by eye.
    pub fn snapshot(self: *Counter, to: *wraft.Writer) void {
        to.print("{d}\n", .{self.value});
    }

    /// Reads what snapshot wrote.
    pub fn restore(self: *Counter, from: *wraft.Reader, _: u32) wraft.Error!void {
        const all = from.upTo(snapshot_bytes_max);
        self.value = parse(trim(all)) orelse {
            const failed = from.fail("not a snapshot of a counter: ");
            from.why.quote(all);
            return failed;
        };
    }
};

fn is(a: []const u8, b: []const u8) bool {
    return std.mem.eql(u8, a, b);
}

/// White space of ASCII goes.
fn trim(text: []const u8) []const u8 {
    return std.mem.trim(u8, text, " \t\n\x0b\x0c\r");
}

/// Digits behind an optional sign; null for anything else, or if they don't fit.
/// Why not std.fmt.parseInt alone: it takes underscores.
fn parse(text: []const u8) ?i64 {
    if (std.mem.indexOfScalar(u8, text, '_') != null) return null;
    return std.fmt.parseInt(i64, text, 10) catch null;
}

fn refuse(out: *wraft.Output, what: []const u8, text: []const u8, hint: []const u8) wraft.Error {
    const failed = out.fail(wraft.status_failed, "unknown ");
    out.write(what);
    out.quote(text);
    out.write(hint);
    return failed;
}

/// Gives a command to a counter and compares "status text".
fn expect(counter: *Counter, command: []const u8, want: []const u8) !void {
    var fake = wraft.Fake.init(std.testing.allocator);
    defer fake.deinit();
    var out = wraft.Output.init(std.testing.allocator);
    defer out.deinit();
    var ctx = fake.context();
    counter.apply(&ctx, command, &out) catch {};
    const got = try std.fmt.allocPrint(std.testing.allocator, "{d} {s}", .{ out.status, out.bytes() });
    defer std.testing.allocator.free(got);
    try std.testing.expectEqualStrings(want, got);
}

test "commands" {
    var c: Counter = .{};
    try expect(&c, "incr", "0 {\"value\":1}");
    try expect(&c, "add 41", "0 {\"value\":42}");
    try expect(&c, " add   -2\n", "0 {\"value\":40}");
    try expect(&c, "add +0", "0 {\"value\":40}");
    try expect(&c, "get", "0 {\"value\":40}");
    try expect(&c, "", "1 unknown command \"\"; use incr, add N or get");
    try expect(&c, "incr 2", "1 unknown command \"incr 2\"; use incr, add N or get");
    try expect(&c, "add 1_0", "1 add wants a whole number, got \"1_0\"");
    try expect(&c, "add \x00\u{fc}", "1 add wants a whole number, got \"\\x00\\xc3\\xbc\"");
    try expect(&c, "add 9223372036854775808", "1 add wants a whole number, got \"9223372036854775808\"");
    try std.testing.expectEqual(40, c.value);
}

test "an overflow changes nothing" {
    var c: Counter = .{ .value = std.math.maxInt(i64) };
    try expect(&c, "incr", "2 9223372036854775807 + 1 does not fit 64 bits");
    try std.testing.expectEqual(std.math.maxInt(i64), c.value);
    c.value = std.math.minInt(i64);
    try expect(&c, "add -1", "2 -9223372036854775808 + -1 does not fit 64 bits");
    try std.testing.expectEqual(std.math.minInt(i64), c.value);
}

test "a snapshot and back" {
    for ([_]i64{ 0, 42, std.math.maxInt(i64), std.math.minInt(i64) }) |value| {
        var w = wraft.Writer.init(std.testing.allocator);
        defer w.deinit();
        var before: Counter = .{ .value = value };
        before.snapshot(&w);
        var r = wraft.Reader.init(std.testing.allocator, w.bytes());
        defer r.deinit();
        var after: Counter = .{};
        try after.restore(&r, 0);
        try std.testing.expectEqual(value, after.value);
    }
    var r = wraft.Reader.init(std.testing.allocator, "three");
    defer r.deinit();
    var c: Counter = .{ .value = 3 };
    try std.testing.expectError(error.Failed, c.restore(&r, 0));
    try std.testing.expectEqualStrings("not a snapshot of a counter: \"three\"", r.why.bytes());
}
