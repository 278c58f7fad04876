const std = @import("std");
const wraft = @import("wraft.zig");

/// Bytes of a result's status and length before its data.
const header_bytes = 8;

/// Runs an entry's commands (u32 count, then u32 length and bytes of each) and
/// appends their results (i32 status, u32 length and bytes of each). The host is
/// trusted to frame correctly; what doesn't fit panics, and the host undoes the entry.
pub fn apply(m: anytype, ctx: *wraft.Context, input: []const u8, out: *wraft.Output) void {
    var rest = input[4..];
    for (0..std.mem.readInt(u32, input[0..4], .little)) |_| {
        const size = std.mem.readInt(u32, rest[0..4], .little);
        begin(out);
        const done = m.apply(ctx, rest[4..][0..size], out);
        end(out, done);
        rest = rest[4 + size ..];
    }
    if (rest.len != 0) @panic("the entry is not framed as the ABI says");
}

/// Runs one query and appends its result.
pub fn query(m: anytype, ctx: *wraft.Context, input: []const u8, out: *wraft.Output) void {
    begin(out);
    const done = m.query(ctx, input, out);
    end(out, done);
}

fn begin(out: *wraft.Output) void {
    _ = out.extend(header_bytes);
    out.start = out.list.items.len;
    out.status = 0;
}

/// Puts the header before a result. An error without a status, since nothing was
/// told with `fail`, is the author's mistake.
fn end(out: *wraft.Output, done: wraft.Error!void) void {
    if (done) |_| {
        out.status = 0;
    } else |_| if (out.status == 0) @panic("error.Failed without a call of fail");
    const header = out.list.items[out.start - header_bytes ..];
    std.mem.writeInt(i32, header[0..4], out.status, .little);
    std.mem.writeInt(u32, header[4..8], @intCast(out.list.items.len - out.start), .little);
}

/// Answers with its command; "fail" fails.
const Echo = struct {
    applied: usize = 0,

    pub fn apply(self: *Echo, _: *wraft.Context, command: []const u8, out: *wraft.Output) wraft.Error!void {
        self.applied += 1;
        out.write(command);
        if (std.mem.eql(u8, command, "fail")) return out.fail(7, "told");
    }

    pub fn query(_: *Echo, _: *wraft.Context, question: []const u8, out: *wraft.Output) wraft.Error!void {
        out.write(question);
    }
};

test "an entry gives one result for each command" {
    var fake = wraft.Fake.init(std.testing.allocator);
    defer fake.deinit();
    var ctx = fake.context();
    var out = wraft.Output.init(std.testing.allocator);
    defer out.deinit();
    var echo: Echo = .{};
    apply(&echo, &ctx, "\x03\x00\x00\x00" ++ "\x02\x00\x00\x00hi" ++ "\x04\x00\x00\x00fail" ++ "\x00\x00\x00\x00", &out);
    try std.testing.expectEqualStrings("\x00\x00\x00\x00\x02\x00\x00\x00hi" ++ "\x07\x00\x00\x00\x04\x00\x00\x00told" ++
        "\x00\x00\x00\x00\x00\x00\x00\x00", out.list.items);
    try std.testing.expectEqual(3, echo.applied);

    out.clear();
    query(&echo, &ctx, "q", &out);
    try std.testing.expectEqualStrings("\x00\x00\x00\x00\x01\x00\x00\x00q", out.list.items);
}
