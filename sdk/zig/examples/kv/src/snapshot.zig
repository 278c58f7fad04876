const std = @import("std");
const wraft = @import("wraft");
const command = @import("command.zig");
const Pairs = @import("pairs.zig").Pairs;

/// Starts an export and names its version.
const magic = "wraft-kv 1\n";

/// Writes the pairs in the order of their keys, each as two length-prefixed strings
/// (u32 little-endian), after their number (u64).
pub fn write(pairs: *Pairs, to: *wraft.Writer) void {
    to.write(magic);
    to.int(u64, pairs.count());
    for (pairs.inOrder()) |index| {
        for ([_][]const u8{ pairs.key(index), pairs.map.values()[index].bytes() }) |data| {
            to.int(u32, @intCast(data.len));
            to.write(data);
        }
    }
}

/// Reads what write wrote and nothing else, into pairs that are empty.
pub fn read(pairs: *Pairs, from: *wraft.Reader) wraft.Error!void {
    const head = from.upTo(magic.len + 8);
    if (head.len < magic.len + 8 or !std.mem.startsWith(u8, head, magic)) {
        return from.fail("not a snapshot of a key-value store");
    }
    const count = std.mem.readInt(u64, head[magic.len..][0..8], .little);
    var last: []const u8 = "";
    var n: u64 = 0;
    while (n < count) : (n += 1) {
        var buffer: [command.key_bytes_max]u8 = undefined;
        const view = try string(from, "key", n, count, command.key_bytes_max);
        const key = buffer[0..view.len];
        @memcpy(key, view);
        const value = try string(from, "value", n, count, command.value_bytes_max);
        if (n > 0 and !std.mem.lessThan(u8, last, key)) {
            const failed = from.fail("");
            from.why.print("key {d} of {d} is out of order", .{ n, count });
            return failed;
        }
        pairs.set(pairs.at(key), value);
        last = pairs.key(pairs.count() - 1);
    }
    if (!from.atEnd()) return from.fail("bytes follow the last value");
}

/// The next length-prefixed string. A failure says where.
fn string(from: *wraft.Reader, what: []const u8, n: u64, count: u64, limit: u32) wraft.Error![]const u8 {
    const length = from.int(u32) catch return cut(from, what, n, count);
    if (length > limit) {
        const failed = from.fail("");
        from.why.print("{s} {d} of {d}: {d} bytes, at most {d} are allowed", .{ what, n, count, length, limit });
        return failed;
    }
    return from.bytes(length) catch cut(from, what, n, count);
}

fn cut(from: *wraft.Reader, what: []const u8, n: u64, count: u64) wraft.Error {
    const failed = from.fail("");
    from.why.print("{s} {d} of {d}: the snapshot is cut off", .{ what, n, count });
    return failed;
}
