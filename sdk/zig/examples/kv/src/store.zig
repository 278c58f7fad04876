const std = @import("std");
const wraft = @import("wraft");
const cbor = @import("cbor.zig");
const command = @import("command.zig");
const Command = command.Command;
const Pairs = @import("pairs.zig").Pairs;
const snapshots = @import("snapshot.zig");

// Bounds of one page of a scan.
pub const scan_items_max = 256;
const scan_bytes_max = 256 << 10;

/// Maps keys to values.
pub const Store = struct {
    pairs: Pairs,

    pub fn init(gpa: std.mem.Allocator) Store {
        return .{ .pairs = .{ .gpa = gpa } };
    }

    /// Executes put, append, cas, delete, and the queries too.
    pub fn apply(self: *Store, _: *wraft.Context, input: []const u8, out: *wraft.Output) wraft.Error!void {
        const c = try Command.parse(input, out);
        if (c.is("put")) {
            self.put(c.key, c.value orelse "");
            cbor.putNull(out);
        } else if (c.is("append")) {
            try self.append(c, out);
        } else if (c.is("cas")) {
            cbor.putBool(out, self.compareAndSet(c));
        } else if (c.is("delete")) {
            cbor.putBool(out, self.pairs.remove(c.key));
        } else if (!self.read(c, out)) {
            return c.unknown("put, append, cas, delete, get or scan", out);
        }
    }

    /// Executes get and scan.
    pub fn query(self: *Store, _: *wraft.Context, input: []const u8, out: *wraft.Output) wraft.Error!void {
        const c = try Command.parse(input, out);
        if (!self.read(c, out)) return c.unknown("get or scan", out);
    }

    pub fn snapshot(self: *Store, to: *wraft.Writer) void {
        snapshots.write(&self.pairs, to);
    }

    pub fn restore(self: *Store, from: *wraft.Reader, _: u32) wraft.Error!void {
        self.pairs.clear();
        try snapshots.read(&self.pairs, from);
    }

    /// Executes get or scan; false for any other operation.
    fn read(self: *Store, c: Command, out: *wraft.Output) bool {
        if (c.is("get")) {
            if (self.pairs.find(c.key)) |v| cbor.putBytes(out, v.bytes()) else cbor.putNull(out);
        } else if (c.is("scan")) {
            self.scan(c, out);
        } else return false;
        return true;
    }

    /// Stores a copy of the value. A null value is stored as an empty one, so that
    /// null always means "no such key".
    pub fn put(self: *Store, key: []const u8, value: []const u8) void {
        self.pairs.set(self.pairs.at(key), value);
    }

    fn append(self: *Store, c: Command, out: *wraft.Output) wraft.Error!void {
        const value = c.value orelse "";
        const v = self.pairs.at(c.key);
        if (v.len + value.len > command.value_bytes_max) {
            return out.fail(command.status_too_large, "the value would exceed its limit");
        }
        self.pairs.append(v, value);
        cbor.putUint(out, v.len);
    }

    /// Sets the value if the present one is the expected one; null stands for "no
    /// such key" on both sides.
    fn compareAndSet(self: *Store, c: Command) bool {
        if (self.pairs.find(c.key)) |v| {
            const expected = c.expected orelse return false;
            if (!std.mem.eql(u8, v.bytes(), expected)) return false;
            if (c.value) |value| self.pairs.set(v, value) else _ = self.pairs.remove(c.key);
            return true;
        }
        if (c.expected != null) return false;
        if (c.value) |value| self.put(c.key, value);
        return true;
    }

    /// Lists pairs with a prefix in order, those after the given key if the command
    /// has a value, as [more, [[key, value], ...]].
    fn scan(self: *Store, c: Command, out: *wraft.Output) void {
        const order = self.pairs.inOrder();
        const start = self.firstOfPage(c);
        const end = self.endOfPage(c, start);
        cbor.putArray(out, 2);
        cbor.putBool(out, end < order.len and std.mem.startsWith(u8, self.pairs.key(order[end]), c.key));
        cbor.putArray(out, end - start);
        for (order[start..end]) |index| {
            cbor.putArray(out, 2);
            cbor.putBytes(out, self.pairs.key(index));
            cbor.putBytes(out, self.pairs.map.values()[index].bytes());
        }
    }

    fn firstOfPage(self: *Store, c: Command) usize {
        const start = self.pairs.search(c.key);
        const after = c.value orelse return start;
        const order = self.pairs.inOrder();
        var next = self.pairs.search(after);
        if (next < order.len and std.mem.eql(u8, self.pairs.key(order[next]), after)) next += 1;
        return @max(start, next);
    }

    /// Behind the last pair of a page: there is one pair in it if any fits the prefix.
    fn endOfPage(self: *Store, c: Command, start: usize) usize {
        const order = self.pairs.inOrder();
        var bytes: usize = 0;
        var k = start;
        while (k < order.len and k - start < scan_items_max) : (k += 1) {
            const key = self.pairs.key(order[k]);
            if (!std.mem.startsWith(u8, key, c.key)) break;
            bytes += key.len + self.pairs.map.values()[order[k]].len;
            if (bytes > scan_bytes_max and k > start) break;
        }
        return k;
    }
};
