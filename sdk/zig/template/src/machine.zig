const std = @import("std");
const wraft = @import("wraft");

/// The machine {{.Name}}: a number.
pub const Counter = struct {
    value: i64 = 0,

    /// Count it up when snapshot writes something else, and read the older form in
    /// restore.
    pub const version: u32 = 1;

    pub fn init(_: std.mem.Allocator) Counter {
        return .{};
    }

    /// Understands "incr", "add N" and "get".
    pub fn apply(self: *Counter, _: *wraft.Context, command: []const u8, out: *wraft.Output) wraft.Error!void {
        if (std.mem.eql(u8, command, "incr")) {
            self.value += 1;
        } else if (std.mem.startsWith(u8, command, "add ")) {
            self.value += std.fmt.parseInt(i64, command[4..], 10) catch return out.fail(1, "add wants a whole number");
        } else if (!std.mem.eql(u8, command, "get")) {
            const failed = out.fail(1, "unknown command ");
            out.quote(command);
            out.write("; use incr, add N or get");
            return failed;
        }
        self.show(out);
    }

    /// Tells the number, whatever is asked.
    pub fn query(self: *Counter, _: *wraft.Context, _: []const u8, out: *wraft.Output) wraft.Error!void {
        self.show(out);
    }

    fn show(self: *Counter, out: *wraft.Output) void {
        out.write("{\"value\":");
        out.print("{d}", .{self.value});
        out.byte('}');
    }

    /// Writes the whole state, equal states as equal bytes.
    pub fn snapshot(self: *Counter, to: *wraft.Writer) void {
        to.int(i64, self.value);
    }

    /// Reads what snapshot wrote.
    pub fn restore(self: *Counter, from: *wraft.Reader, _: u32) wraft.Error!void {
        self.value = try from.int(i64);
        if (!from.atEnd()) return from.fail("bytes follow the number");
    }
};

test "it counts" {
    var fake = wraft.Fake.init(std.testing.allocator);
    defer fake.deinit();
    var ctx = fake.context();
    var counter: Counter = .init(std.testing.allocator);
    for ([_][]const u8{ "incr", "add 41" }, [_][]const u8{ "{\"value\":1}", "{\"value\":42}" }) |command, want| {
        var out = wraft.Output.init(std.testing.allocator);
        defer out.deinit();
        try counter.apply(&ctx, command, &out);
        try std.testing.expectEqualStrings(want, out.bytes());
    }
    var out = wraft.Output.init(std.testing.allocator);
    defer out.deinit();
    try std.testing.expectError(error.Failed, counter.apply(&ctx, "fly", &out));
    try std.testing.expectEqual(1, out.status);
}

test "its state goes out and in" {
    var w = wraft.Writer.init(std.testing.allocator);
    defer w.deinit();
    var before: Counter = .{ .value = 7 };
    before.snapshot(&w);
    var r = wraft.Reader.init(std.testing.allocator, w.bytes());
    defer r.deinit();
    var after: Counter = .init(std.testing.allocator);
    try after.restore(&r, Counter.version);
    try std.testing.expectEqual(7, after.value);
}
