const std = @import("std");
const wraft = @import("wraft.zig");

/// Bytes that a writer collects before the host gets them, and that a reader asks for.
const chunk_bytes = 64 << 10;

/// Where a snapshot is written to. When the host refuses more, the rest is dropped
/// and the snapshot fails; there is nothing for the author to check.
pub const Writer = struct {
    gpa: std.mem.Allocator,
    list: std.ArrayList(u8) = .empty,
    /// Gets the pieces; null keeps all of them in the list, as tests want it.
    sink: ?*const fn (piece: []const u8) bool = null,
    failed: bool = false,

    pub fn init(gpa: std.mem.Allocator) Writer {
        return .{ .gpa = gpa };
    }

    pub fn deinit(w: *Writer) void {
        w.list.deinit(w.gpa);
    }

    /// What was written, where there is no host.
    pub fn bytes(w: *const Writer) []const u8 {
        return w.list.items;
    }

    pub fn write(w: *Writer, data: []const u8) void {
        if (w.sink != null and w.list.items.len + data.len > chunk_bytes) w.flush();
        w.list.appendSlice(w.gpa, data) catch wraft.outOfMemory();
    }

    /// Writes an integer little-endian, in as many bytes as its type has.
    pub fn int(w: *Writer, comptime T: type, value: T) void {
        var data: [@sizeOf(T)]u8 = undefined;
        std.mem.writeInt(T, &data, value, .little);
        w.write(&data);
    }

    pub fn print(w: *Writer, comptime format: []const u8, args: anytype) void {
        w.list.print(w.gpa, format, args) catch wraft.outOfMemory();
    }

    /// Hands all that is left to the host. For the library only.
    pub fn flush(w: *Writer) void {
        const sink = w.sink orelse return;
        if (w.list.items.len > 0 and !w.failed) w.failed = !sink(w.list.items);
        w.list.clearRetainingCapacity();
    }
};

/// Where a state is read from.
pub const Reader = struct {
    /// Why the restore failed.
    why: wraft.Output,
    /// Fills a buffer and returns how much, less at the end only; null reads from
    /// what `init` was given, as tests want it.
    source: ?*const fn (into: []u8) ?usize = null,
    buffer: []u8 = &.{},
    /// What is read and not taken yet.
    rest: []const u8,
    ended: bool = false,

    /// A reader of bytes in memory.
    pub fn init(gpa: std.mem.Allocator, data: []const u8) Reader {
        return .{ .why = .init(gpa), .rest = data };
    }

    pub fn deinit(r: *Reader) void {
        r.why.gpa.free(r.buffer);
        r.why.deinit();
    }

    /// Refuses the state. Return the error that it gives; more can be appended to
    /// `why`. The machine keeps its former state.
    pub fn fail(r: *Reader, text: []const u8) wraft.Error {
        return r.why.fail(wraft.status_failed, text);
    }

    /// The next bytes, exactly so many. They are valid until the next read. Memory for
    /// them is taken at once: check a length that was read before asking.
    pub fn bytes(r: *Reader, count: usize) wraft.Error![]const u8 {
        r.fill(count);
        if (r.rest.len < count) {
            r.rest = r.rest[r.rest.len..];
            return r.fail("the snapshot is cut off");
        }
        defer r.rest = r.rest[count..];
        return r.rest[0..count];
    }

    /// The next bytes, at most so many: fewer only at the end.
    pub fn upTo(r: *Reader, count: usize) []const u8 {
        r.fill(count);
        const n = @min(count, r.rest.len);
        defer r.rest = r.rest[n..];
        return r.rest[0..n];
    }

    /// An integer that was written little-endian.
    pub fn int(r: *Reader, comptime T: type) wraft.Error!T {
        const data = try r.bytes(@sizeOf(T));
        return std.mem.readInt(T, data[0..@sizeOf(T)], .little);
    }

    /// Is nothing left?
    pub fn atEnd(r: *Reader) bool {
        r.fill(1);
        return r.rest.len == 0;
    }

    /// Reads until there are so many bytes or the stream ends.
    fn fill(r: *Reader, count: usize) void {
        const source = r.source orelse return;
        if (r.rest.len >= count or r.ended) return;
        const left = r.rest.len;
        if (r.buffer.len < count) {
            const larger = r.why.gpa.alloc(u8, @max(count, chunk_bytes)) catch wraft.outOfMemory();
            @memcpy(larger[0..left], r.rest);
            r.why.gpa.free(r.buffer);
            r.buffer = larger;
        } else {
            std.mem.copyForwards(u8, r.buffer[0..left], r.rest);
        }
        const got = source(r.buffer[left..]) orelse 0;
        r.ended = got < r.buffer.len - left;
        r.rest = r.buffer[0 .. left + got];
    }
};

test "a reader of memory" {
    var r = Reader.init(std.testing.allocator, "\x05\x00\x00\x00hello!");
    defer r.deinit();
    try std.testing.expectEqual(5, try r.int(u32));
    try std.testing.expectEqualStrings("hello", try r.bytes(5));
    try std.testing.expect(!r.atEnd());
    try std.testing.expectEqualStrings("!", r.upTo(9));
    try std.testing.expect(r.atEnd());
    try std.testing.expectError(error.Failed, r.bytes(1));
    try std.testing.expectEqualStrings("the snapshot is cut off", r.why.bytes());
}

/// A stream of 200,000 bytes that count up, in pieces as large as the buffer.
const Counting = struct {
    var at: usize = 0;
    fn source(into: []u8) ?usize {
        const n = @min(into.len, 200_000 - at);
        for (into[0..n]) |*b| {
            b.* = @truncate(at);
            at += 1;
        }
        return n;
    }
    var taken: usize = 0;
    fn sink(piece: []const u8) bool {
        taken += piece.len;
        return taken < 150_000;
    }
};

test "pieces of a long stream" {
    var r = Reader.init(std.testing.allocator, "");
    defer r.deinit();
    r.source = Counting.source;
    var at: usize = 0;
    for ([_]usize{ 1, 65_535, 3, 100_000, 7 }) |n| {
        for (try r.bytes(n)) |b| {
            try std.testing.expectEqual(@as(u8, @truncate(at)), b);
            at += 1;
        }
    }
    try std.testing.expectEqual(200_000 - at, r.upTo(1 << 20).len);
    try std.testing.expect(r.atEnd());
}

test "a writer hands its pieces on until they are refused" {
    var w = Writer.init(std.testing.allocator);
    defer w.deinit();
    w.sink = Counting.sink;
    for (0..100_000) |k| w.int(u32, @intCast(k));
    w.flush();
    try std.testing.expect(w.failed);
    try std.testing.expect(Counting.taken >= 150_000 and Counting.taken < 150_000 + chunk_bytes);
}
