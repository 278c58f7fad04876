const std = @import("std");
const wraft = @import("wraft");
const cbor = @import("cbor.zig");

// Statuses of this machine, besides wraft.status_failed for bytes that aren't a
// command.

/// No such operation.
pub const status_unknown = 2;
/// A key or value over its limit.
pub const status_too_large = 3;

// Limits of keys and values in bytes.
pub const key_bytes_max = 1 << 10;
pub const value_bytes_max = 1 << 20;

/// [operation, key, value, expected]; README.md says what each operation makes of
/// them. All slices are views of the input.
pub const Command = struct {
    operation: []const u8,
    key: []const u8,
    value: ?[]const u8,
    expected: ?[]const u8,

    /// Decodes and checks a command.
    pub fn parse(input: []const u8, out: *wraft.Output) wraft.Error!Command {
        const c = decode(input) catch
            return out.fail(wraft.status_failed, "not a command [operation, key, value, expected]; README.md has the encoding");
        try fits("key", c.key.len, key_bytes_max, out);
        try fits("value", @max(length(c.value), length(c.expected)), value_bytes_max, out);
        return c;
    }

    fn decode(input: []const u8) cbor.Decoder.Error!Command {
        var d: cbor.Decoder = .{ .rest = input };
        try d.array(4);
        const c: Command = .{
            .operation = try d.text(),
            .key = try d.bytesOrNull() orelse "",
            .value = try d.bytesOrNull(),
            .expected = try d.bytesOrNull(),
        };
        return if (d.rest.len > 0) error.Malformed else c;
    }

    fn length(operand: ?[]const u8) usize {
        return if (operand) |data| data.len else 0;
    }

    fn fits(what: []const u8, count: usize, limit: usize, out: *wraft.Output) wraft.Error!void {
        if (count <= limit) return;
        const failed = out.fail(status_too_large, "the ");
        out.print("{s} has {d} bytes, at most {d} are allowed", .{ what, count, limit });
        return failed;
    }

    pub fn is(c: Command, operation: []const u8) bool {
        return std.mem.eql(u8, c.operation, operation);
    }

    /// Says that there is no such operation.
    pub fn unknown(c: Command, list: []const u8, out: *wraft.Output) wraft.Error {
        const failed = out.fail(status_unknown, "unknown operation ");
        out.quote(c.operation);
        out.write("; use ");
        out.write(list);
        return failed;
    }
};
