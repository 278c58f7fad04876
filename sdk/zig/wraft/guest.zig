const std = @import("std");
const wraft = @import("wraft.zig");
const frame = @import("frame.zig");

/// The imports of ABI v1 that authors do not need.
const host = struct {
    extern "wraft" fn set_error(at: [*]const u8, count: usize) void;
    extern "wraft" fn snapshot_write(at: [*]const u8, count: usize) i32;
    extern "wraft" fn restore_read(at: [*]u8, count: usize) i32;
};

const gpa = if (wraft.is_guest) std.heap.wasm_allocator else std.heap.page_allocator;

/// Tells the host why and traps.
pub fn lastWords(message: []const u8, _: ?usize) noreturn {
    host.set_error(message.ptr, message.len);
    @trap();
}

/// Bytes that the first input buffer has room for, at least.
const input_bytes_min = 4 << 10;

/// Exports what the host calls for a machine.
pub fn exportMachine(comptime M: type) void {
    const Guest = struct {
        var machine: M = undefined;
        var context: wraft.Context = .{ .fake = {} };
        /// Where the host writes commands, and where it reads results; both are used
        /// again by every call.
        var input: []u8 = &.{};
        var output: wraft.Output = .init(gpa);

        fn marker() callconv(.c) void {}

        fn initialize() callconv(.c) void {
            machine = M.init(gpa);
        }

        fn alloc(count: u32) callconv(.c) ?[*]u8 {
            if (count > input.len or input.len == 0) {
                const room = @max(count, 2 * input.len, input_bytes_min);
                gpa.free(input);
                input = &.{};
                input = gpa.alloc(u8, room) catch return null;
            }
            return input.ptr;
        }

        fn apply(at: [*]const u8, count: u32) callconv(.c) u64 {
            output.clear();
            frame.apply(&machine, &context, at[0..count], &output);
            return place(output.list.items);
        }

        fn query(at: [*]const u8, count: u32) callconv(.c) u64 {
            output.clear();
            frame.query(&machine, &context, at[0..count], &output);
            return place(output.list.items);
        }

        fn snapshot() callconv(.c) i32 {
            var writer: wraft.Writer = .init(gpa);
            defer writer.deinit();
            writer.sink = toHost;
            machine.snapshot(&writer);
            writer.flush();
            return if (writer.failed) report("the host refuses more of the snapshot") else 0;
        }

        fn restore(from_version: u32) callconv(.c) i32 {
            var reader: wraft.Reader = .init(gpa, "");
            defer reader.deinit();
            reader.source = fromHost;
            machine.restore(&reader, from_version) catch return report(reader.why.bytes());
            return 0;
        }

        fn version() callconv(.c) u32 {
            return if (@hasDecl(M, "version")) M.version else 0;
        }
    };
    @export(&Guest.marker, .{ .name = "wraft_abi_v1" });
    @export(&Guest.initialize, .{ .name = "_initialize" });
    @export(&Guest.alloc, .{ .name = "wraft_alloc" });
    @export(&Guest.apply, .{ .name = "wraft_apply" });
    @export(&Guest.query, .{ .name = "wraft_query" });
    @export(&Guest.snapshot, .{ .name = "wraft_snapshot" });
    @export(&Guest.restore, .{ .name = "wraft_restore" });
    @export(&Guest.version, .{ .name = "wraft_version" });
}

/// Packs where an answer lies.
fn place(answer: []const u8) u64 {
    return @as(u64, @intFromPtr(answer.ptr)) << 32 | answer.len;
}

fn toHost(piece: []const u8) bool {
    return host.snapshot_write(piece.ptr, piece.len) == 0;
}

fn fromHost(into: []u8) ?usize {
    const got = host.restore_read(into.ptr, into.len);
    return if (got < 0) null else @intCast(got);
}

/// Tells the host why a stream failed and returns the status.
fn report(why: []const u8) i32 {
    host.set_error(why.ptr, why.len);
    return wraft.status_failed;
}
