const std = @import("std");
const wraft = @import("wraft");

/// A value and the room it has.
pub const Value = struct {
    room: []u8 = &.{},
    len: usize = 0,

    pub fn bytes(v: Value) []const u8 {
        return v.room[0..v.len];
    }
};

/// Keys and their values. What lies in it belongs to it.
pub const Pairs = struct {
    gpa: std.mem.Allocator,
    /// Why an array behind the hash table: it has no marks of what was deleted, and
    /// the keys can be sorted by index.
    map: std.array_hash_map.Custom([]const u8, Value, Hashing, true) = .empty,
    /// The indexes of all pairs in the order of their keys; null after a key came or
    /// went. Scans and snapshots list them again.
    order: ?[]u32 = null,

    pub fn count(p: *const Pairs) usize {
        return p.map.count();
    }

    pub fn key(p: *const Pairs, index: usize) []const u8 {
        return p.map.keys()[index];
    }

    pub fn find(p: *const Pairs, k: []const u8) ?*Value {
        return p.map.getPtr(k);
    }

    /// The value of a key, new and empty if need be.
    pub fn at(p: *Pairs, k: []const u8) *Value {
        const found = p.map.getOrPut(p.gpa, k) catch wraft.outOfMemory();
        if (!found.found_existing) {
            found.key_ptr.* = p.gpa.dupe(u8, k) catch wraft.outOfMemory();
            found.value_ptr.* = .{};
            p.forgetOrder();
        }
        return found.value_ptr;
    }

    /// Replaces a value by a copy of bytes.
    pub fn set(p: *Pairs, v: *Value, data: []const u8) void {
        const is_waste = v.room.len > 64 and data.len < v.room.len / 4;
        if (data.len > v.room.len or is_waste) {
            p.gpa.free(v.room);
            v.* = .{};
            v.room = p.gpa.alloc(u8, data.len) catch wraft.outOfMemory();
        }
        @memcpy(v.room[0..data.len], data);
        v.len = data.len;
    }

    /// Adds bytes to the end of a value.
    pub fn append(p: *Pairs, v: *Value, data: []const u8) void {
        const total = v.len + data.len;
        if (total > v.room.len) {
            v.room = p.gpa.realloc(v.room, @max(total, v.room.len + v.room.len / 2)) catch wraft.outOfMemory();
        }
        @memcpy(v.room[v.len..total], data);
        v.len = total;
    }

    pub fn remove(p: *Pairs, k: []const u8) bool {
        const removed = p.map.fetchSwapRemove(k) orelse return false;
        p.gpa.free(removed.key);
        p.gpa.free(removed.value.room);
        p.forgetOrder();
        return true;
    }

    pub fn clear(p: *Pairs) void {
        for (p.map.keys(), p.map.values()) |k, v| {
            p.gpa.free(k);
            p.gpa.free(v.room);
        }
        p.map.clearAndFree(p.gpa);
        p.forgetOrder();
    }

    fn forgetOrder(p: *Pairs) void {
        if (p.order) |list| p.gpa.free(list);
        p.order = null;
    }

    pub fn inOrder(p: *Pairs) []const u32 {
        if (p.order == null) {
            const list = p.gpa.alloc(u32, p.count()) catch wraft.outOfMemory();
            for (list, 0..) |*index, k| index.* = @intCast(k);
            std.mem.sortUnstable(u32, list, p.map.keys(), comes);
            p.order = list;
        }
        return p.order.?;
    }

    fn comes(keys: []const []const u8, a: u32, b: u32) bool {
        return std.mem.lessThan(u8, keys[a], keys[b]);
    }

    /// Where in the order the first key is that doesn't come before the given one.
    pub fn search(p: *Pairs, k: []const u8) usize {
        const Seek = struct {
            keys: []const []const u8,
            wanted: []const u8,
            fn compare(seek: @This(), index: u32) std.math.Order {
                return std.mem.order(u8, seek.wanted, seek.keys[index]);
            }
        };
        const list = p.inOrder();
        return std.sort.lowerBound(u32, list, Seek{ .keys = p.map.keys(), .wanted = k }, Seek.compare);
    }
};

/// Why not the standard one: it multiplies 64 by 64 bits to 128, which WebAssembly
/// does in pieces.
const Hashing = struct {
    const mix = 0x9e3779b97f4a7c15;

    pub fn hash(_: Hashing, k: []const u8) u32 {
        var bits: u64 = k.len;
        var rest = k;
        while (rest.len >= 8) : (rest = rest[8..]) bits = step(bits ^ std.mem.readInt(u64, rest[0..8], .little));
        var last: u64 = 0;
        for (rest) |b| last = last << 8 | b;
        return @truncate(step(step(bits ^ last)) >> 32);
    }

    fn step(bits: u64) u64 {
        return (bits ^ bits >> 32) *% mix;
    }

    pub fn eql(_: Hashing, a: []const u8, b: []const u8, _: usize) bool {
        return std.mem.eql(u8, a, b);
    }
};
