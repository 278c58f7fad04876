const std = @import("std");
const wraft = @import("wraft.zig");

/// The severity of a log line. Errors mean that a human is needed.
pub const Level = enum(i32) { debug = 0, info = 1, warn = 2, err = 3 };

/// The imports of ABI v1.
const host = struct {
    extern "wraft" fn now() i64;
    extern "wraft" fn index() i64;
    extern "wraft" fn fuel() i64;
    extern "wraft" fn random(at: [*]u8, count: usize) void;
    extern "wraft" fn log(level: i32, at: [*]const u8, count: usize) void;
    extern "wraft" fn emit(at: [*]const u8, count: usize) void;
};

/// What a machine may know of the world while a method runs. It is the same on every
/// replica.
pub const Context = struct {
    fake: if (wraft.is_guest) void else *Fake,

    /// The time of the log in nanoseconds: it advances with the leader's clock, never
    /// goes back, and stands still while a method runs. Its zero point is the start
    /// of the log and not 1970, so use it for durations and expiry.
    pub fn now(ctx: *Context) i64 {
        return if (wraft.is_guest) host.now() else ctx.fake.time;
    }

    /// The position in the log of the entry being applied; in a query, of the last one
    /// applied.
    pub fn index(ctx: *Context) u64 {
        return if (wraft.is_guest) @bitCast(host.index()) else ctx.fake.index;
    }

    /// What the call may still spend before it is ended.
    pub fn fuel(ctx: *Context) i64 {
        return if (wraft.is_guest) host.fuel() else ctx.fake.fuel;
    }

    /// Fills a buffer with bytes that look like chance and are the same on every
    /// replica. They are not secret: whoever knows the cluster can compute them.
    pub fn random(ctx: *Context, into: []u8) void {
        if (wraft.is_guest) host.random(into.ptr, into.len) else ctx.fake.chance.fill(into);
    }

    /// Writes a line to the log of each replica, within a budget per entry.
    pub fn log(ctx: *Context, level: Level, text: []const u8) void {
        if (wraft.is_guest) host.log(@intFromEnum(level), text.ptr, text.len) else ctx.fake.logs.add(text);
    }

    /// Hands an event to the machine's subscribers, at least once, in order. The bytes
    /// are copied. Too many in one entry fail its commands.
    pub fn emit(ctx: *Context, event: []const u8) void {
        if (wraft.is_guest) host.emit(event.ptr, event.len) else ctx.fake.events.add(event);
    }
};

/// A host for native tests. Set its fields, call `context`, and look at `logs` and
/// `events` afterwards.
pub const Fake = struct {
    /// What the context reports.
    time: i64 = 1,
    index: u64 = 1,
    fuel: i64 = 1 << 40,
    /// Where the random bytes come from.
    chance: Chance = .init(0),
    /// What the machine logged and emitted.
    logs: Kept,
    events: Kept,

    pub fn init(gpa: std.mem.Allocator) Fake {
        return .{ .logs = .{ .gpa = gpa }, .events = .{ .gpa = gpa } };
    }

    pub fn deinit(fake: *Fake) void {
        fake.logs.deinit();
        fake.events.deinit();
    }

    pub fn context(fake: *Fake) Context {
        return .{ .fake = if (wraft.is_guest) {} else fake };
    }
};

/// Bytes that follow from a seed.
pub const Chance = struct {
    source: std.Random.SplitMix64,

    pub fn init(seed: u64) Chance {
        return .{ .source = .init(seed) };
    }

    fn fill(chance: *Chance, into: []u8) void {
        for (into) |*b| b.* = @truncate(chance.source.next());
    }
};

/// Copies of texts.
pub const Kept = struct {
    gpa: std.mem.Allocator,
    list: std.ArrayList([]u8) = .empty,

    fn add(kept: *Kept, text: []const u8) void {
        const copy = kept.gpa.dupe(u8, text) catch wraft.outOfMemory();
        kept.list.append(kept.gpa, copy) catch wraft.outOfMemory();
    }

    fn deinit(kept: *Kept) void {
        for (kept.list.items) |text| kept.gpa.free(text);
        kept.list.deinit(kept.gpa);
    }
};

test "a fake stands in for the host" {
    var fake = Fake.init(std.testing.allocator);
    defer fake.deinit();
    fake.time = 5;
    fake.index = 9;
    var ctx = fake.context();
    try std.testing.expectEqual(5, ctx.now());
    try std.testing.expectEqual(9, ctx.index());
    try std.testing.expect(ctx.fuel() > 0);
    var first: [12]u8 = undefined;
    ctx.random(&first);
    ctx.log(.warn, "line");
    ctx.emit(&first);
    try std.testing.expectEqualStrings("line", fake.logs.list.items[0]);
    try std.testing.expectEqualSlices(u8, &first, fake.events.list.items[0]);

    var second: [12]u8 = undefined;
    fake.chance = .init(0);
    ctx.random(&second);
    try std.testing.expectEqualSlices(u8, &first, &second);
    fake.chance = .init(1);
    ctx.random(&second);
    try std.testing.expect(!std.mem.eql(u8, &first, &second));
}
