//! The few shapes of CBOR (RFC 8949) that commands and answers have.

const std = @import("std");
const wraft = @import("wraft");

/// Major types in use.
const Major = enum(u8) { uint = 0, bytes = 2, text = 3, array = 4 };

const simple_false = 0xf4;
const simple_true = 0xf5;
const simple_null = 0xf6;

/// Decodes commands. Indefinite lengths are refused.
pub const Decoder = struct {
    rest: []const u8,

    pub const Error = error{Malformed};

    /// Expects an array of exactly so many items.
    pub fn array(d: *Decoder, count: u64) Error!void {
        if (try d.head(.array) != count) return error.Malformed;
    }

    pub fn text(d: *Decoder) Error![]const u8 {
        return d.take(try d.head(.text));
    }

    pub fn bytesOrNull(d: *Decoder) Error!?[]const u8 {
        if (d.rest.len > 0 and d.rest[0] == simple_null) {
            d.rest = d.rest[1..];
            return null;
        }
        return try d.take(try d.head(.bytes));
    }

    /// Reads an item's head of the given major type and returns its argument.
    fn head(d: *Decoder, major: Major) Error!u64 {
        if (d.rest.len == 0 or d.rest[0] >> 5 != @intFromEnum(major)) return error.Malformed;
        const info = d.rest[0] & 0x1f;
        switch (info) {
            0...23 => {
                d.rest = d.rest[1..];
                return info;
            },
            24 => return d.argument(u8),
            25 => return d.argument(u16),
            26 => return d.argument(u32),
            27 => return d.argument(u64),
            else => return error.Malformed,
        }
    }

    fn argument(d: *Decoder, comptime T: type) Error!u64 {
        const size = @sizeOf(T);
        if (d.rest.len < 1 + size) return error.Malformed;
        defer d.rest = d.rest[1 + size ..];
        return std.mem.readInt(T, d.rest[1..][0..size], .big);
    }

    fn take(d: *Decoder, count: u64) Error![]const u8 {
        if (count > d.rest.len) return error.Malformed;
        const n: usize = @intCast(count);
        defer d.rest = d.rest[n..];
        return d.rest[0..n];
    }
};

/// Appends an item's head in its shortest form.
fn putHead(out: *wraft.Output, major: Major, argument: usize) void {
    const top = @intFromEnum(major) << 5;
    switch (argument) {
        0...23 => out.byte(top | @as(u8, @intCast(argument))),
        24...0xff => out.write(&.{ top | 24, @intCast(argument) }),
        0x100...0xffff => {
            out.byte(top | 25);
            out.int(u16, @intCast(argument), .big);
        },
        else => {
            out.byte(top | 26);
            out.int(u32, @intCast(argument), .big);
        },
    }
}

pub fn putUint(out: *wraft.Output, value: usize) void {
    putHead(out, .uint, value);
}

pub fn putArray(out: *wraft.Output, count: usize) void {
    putHead(out, .array, count);
}

pub fn putBytes(out: *wraft.Output, data: []const u8) void {
    putHead(out, .bytes, data.len);
    out.write(data);
}

pub fn putBool(out: *wraft.Output, value: bool) void {
    out.byte(if (value) simple_true else simple_false);
}

pub fn putNull(out: *wraft.Output) void {
    out.byte(simple_null);
}

test "heads are read in any length and written in the shortest" {
    for ([_][]const u8{ "\x45", "\x58\x05", "\x59\x00\x05", "\x5a\x00\x00\x00\x05", "\x5b\x00\x00\x00\x00\x00\x00\x00\x05" }) |start| {
        var buffer: [16]u8 = undefined;
        var d: Decoder = .{ .rest = try std.fmt.bufPrint(&buffer, "{s}hello", .{start}) };
        try std.testing.expectEqualStrings("hello", (try d.bytesOrNull()).?);
        try std.testing.expectEqual(0, d.rest.len);
    }
    var out = wraft.Output.init(std.testing.allocator);
    defer out.deinit();
    for ([_]usize{ 0, 23, 24, 255, 256, 65535, 65536 }) |n| putUint(&out, n);
    try std.testing.expectEqualStrings("\x00\x17\x18\x18\x18\xff\x19\x01\x00\x19\xff\xff\x1a\x00\x01\x00\x00", out.bytes());
}

test "what is no command" {
    for ([_][]const u8{ "", "\x58", "\x45hell", "\x5f", "\x65hello", "\x5b\xff\xff\xff\xff\xff\xff\xff\xff" }) |input| {
        var d: Decoder = .{ .rest = input };
        try std.testing.expectError(error.Malformed, d.bytesOrNull());
    }
}
