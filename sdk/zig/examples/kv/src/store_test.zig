const std = @import("std");
const wraft = @import("wraft");
const command = @import("command.zig");
const Store = @import("store.zig").Store;
const scan_items_max = @import("store.zig").scan_items_max;
const gpa = std.testing.allocator;

fn empty() Store {
    return Store.init(gpa);
}

/// Gives [operation, operands...] to a store, null for those that are missing, and
/// compares the answer's bytes, or "status: text".
fn expect(store: *Store, operation: []const u8, operands: []const ?[]const u8, want: []const u8) !void {
    var input = wraft.Output.init(gpa);
    defer input.deinit();
    input.byte(0x84);
    input.byte(0x60 | @as(u8, @intCast(operation.len)));
    input.write(operation);
    for (0..3) |k| {
        const operand = (if (k < operands.len) operands[k] else null) orelse {
            input.byte(0xf6);
            continue;
        };
        input.byte(0x5a);
        input.int(u32, @intCast(operand.len), .big);
        input.write(operand);
    }
    try expectRaw(store, input.bytes(), want);
}

fn expectRaw(store: *Store, input: []const u8, want: []const u8) !void {
    var fake = wraft.Fake.init(gpa);
    defer fake.deinit();
    var ctx = fake.context();
    var out = wraft.Output.init(gpa);
    defer out.deinit();
    if (store.apply(&ctx, input, &out)) |_| {
        return std.testing.expectEqualStrings(want, out.bytes());
    } else |_| {
        const got = try std.fmt.allocPrint(gpa, "{d}: {s}", .{ out.status, out.bytes() });
        defer gpa.free(got);
        return std.testing.expectEqualStrings(want, got);
    }
}

const yes = "\xf5";
const no = "\xf4";
const none = "\xf6";

test "operations" {
    var s = empty();
    defer s.pairs.clear();
    try expect(&s, "get", &.{"a"}, none);
    try expect(&s, "put", &.{ "a", "1" }, none);
    try expect(&s, "get", &.{"a"}, "\x411");
    try expect(&s, "append", &.{ "a", "23" }, "\x03");
    try expect(&s, "append", &.{ "b", "xy" }, "\x02");
    try expect(&s, "append", &.{"empty"}, "\x00");
    try expect(&s, "get", &.{"empty"}, "\x40");
    try expect(&s, "get", &.{"a"}, "\x43123");
    try expect(&s, "cas", &.{ "a", "new", "wrong" }, no);
    try expect(&s, "cas", &.{ "a", "new" }, no);
    try expect(&s, "cas", &.{ "a", "new", "123" }, yes);
    try expect(&s, "cas", &.{ "c", "born" }, yes);
    try expect(&s, "cas", &.{ "c", "born" }, no);
    try expect(&s, "cas", &.{ "c", null, "born" }, yes);
    try expect(&s, "get", &.{"c"}, none);
    try expect(&s, "delete", &.{"b"}, yes);
    try expect(&s, "delete", &.{"b"}, no);
    try expect(&s, "scan", &.{}, "\x82" ++ no ++ "\x82\x82\x41a\x43new\x82\x45empty\x40");
    try expect(&s, "scan", &.{"a"}, "\x82" ++ no ++ "\x81\x82\x41a\x43new");
    try expect(&s, "scan", &.{ null, "a" }, "\x82" ++ no ++ "\x81\x82\x45empty\x40");
    try expect(&s, "rename", &.{"a"}, "2: unknown operation \"rename\"; use put, append, cas, delete, get or scan");
}

test "bad commands change nothing" {
    var s = empty();
    defer s.pairs.clear();
    const refused = "1: not a command [operation, key, value, expected]; README.md has the encoding";
    for ([_][]const u8{ "", "put a 1", "\x81\x63get", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\x84\x63getak\xf6\xf6" }) |input| {
        try expectRaw(&s, input, refused);
    }
    const long = try gpa.alloc(u8, command.value_bytes_max + 1);
    defer gpa.free(long);
    @memset(long, 'x');
    try expect(&s, "put", &.{long[0 .. command.key_bytes_max + 1]}, "3: the key has 1025 bytes, at most 1024 are allowed");
    try expect(&s, "put", &.{ "k", long }, "3: the value has 1048577 bytes, at most 1048576 are allowed");
    try std.testing.expectEqual(0, s.pairs.count());

    s.put("k", long[0 .. command.value_bytes_max - 1]);
    try expect(&s, "append", &.{ "k", "x" }, "\x1a\x00\x10\x00\x00");
    try expect(&s, "append", &.{ "k", "x" }, "3: the value would exceed its limit");
}

fn exportOf(s: *Store) !wraft.Writer {
    var w = wraft.Writer.init(gpa);
    s.snapshot(&w);
    return w;
}

test "equal contents give equal snapshots" {
    var a = empty();
    defer a.pairs.clear();
    var b = empty();
    defer b.pairs.clear();
    var buffer: [16]u8 = undefined;
    for (0..scan_items_max) |k| {
        a.put(try std.fmt.bufPrint(&buffer, "k{d}", .{k}), "v");
        b.put(try std.fmt.bufPrint(&buffer, "gone{d}", .{k}), "v");
        b.put(try std.fmt.bufPrint(&buffer, "k{d}", .{scan_items_max - 1 - k}), "v");
    }
    for (0..scan_items_max) |k| _ = b.pairs.remove(try std.fmt.bufPrint(&buffer, "gone{d}", .{k}));
    var first = try exportOf(&a);
    defer first.deinit();
    var second = try exportOf(&b);
    defer second.deinit();
    try std.testing.expectEqualSlices(u8, first.bytes(), second.bytes());

    var c = empty();
    defer c.pairs.clear();
    for (0..first.bytes().len) |n| {
        var r = wraft.Reader.init(gpa, first.bytes()[0..n]);
        defer r.deinit();
        try std.testing.expectError(error.Failed, c.restore(&r, 0));
    }
    var r = wraft.Reader.init(gpa, first.bytes());
    defer r.deinit();
    try c.restore(&r, 0);
    var third = try exportOf(&c);
    defer third.deinit();
    try std.testing.expectEqualSlices(u8, first.bytes(), third.bytes());
}

test "keys that come and go take no more memory" {
    var counted: std.testing.FailingAllocator = .init(gpa, .{});
    var s = Store.init(counted.allocator());
    var buffer: [16]u8 = undefined;
    for (0..20) |round| {
        for (0..1000) |k| s.put(try std.fmt.bufPrint(&buffer, "key {d}", .{1000 * round + k}), "value");
        for (0..1000) |k| try std.testing.expect(s.pairs.remove(try std.fmt.bufPrint(&buffer, "key {d}", .{1000 * round + k})));
        const held = counted.allocated_bytes - counted.freed_bytes;
        try std.testing.expect(held < 100_000);
    }
    s.pairs.clear();
    try std.testing.expectEqual(counted.allocated_bytes, counted.freed_bytes);
}
