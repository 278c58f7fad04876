package badmodules

// notOffered is what a function answers that no machine can have (ENOSYS); the
// functions that are not in the table all do.
const notOffered = 52

func repeated(status int32) []int32 {
	row := make([]int32, len(hostile))
	for k := range row {
		row[k] = status
	}
	return row
}

// hostileStatuses says what each function must answer to each of the hostile
// arguments: what it returned (of WASI 8 is EBADF, 21 EFAULT, 28 EINVAL, 70 ESPIPE;
// streamFailed is -1 without its sign), or the host's status (-1 trap, -2 limits,
// -4 fuel: what is too long is too dear before it is out of bounds).
var hostileStatuses = map[string][]int32{
	"wraft.emit":                                 {-4, 0, -1, -4, -4, -1, -4, 0, 0, -2},
	"wraft.fuel":                                 repeated(0),
	"wraft.index":                                repeated(0),
	"wraft.log":                                  {-4, 0, -1, -4, -4, 0, -1, 0, -4, -1},
	"wraft.now":                                  repeated(0),
	"wraft.random":                               {-4, 0, -1, -4, -4, -1, -4, 0, 0, 0},
	"wraft.restore_read":                         {-4, streamFailed, -1, -4, -4, -1, -4, streamFailed, streamFailed, streamFailed},
	"wraft.set_error":                            {-4, 0, -1, -4, -4, -1, -4, 0, 0, 0},
	"wraft.snapshot_write":                       {-4, streamFailed, -1, -4, -4, -1, -4, streamFailed, streamFailed, streamFailed},
	"wasi_snapshot_preview1.args_get":            repeated(0),
	"wasi_snapshot_preview1.args_sizes_get":      {21, 0, 21, 21, 21, 0, 21, 0, 0, 21},
	"wasi_snapshot_preview1.clock_res_get":       {28, 0, 28, 28, 28, 28, 21, 0, 28, 21},
	"wasi_snapshot_preview1.clock_time_get":      {28, 0, 28, 28, 28, 28, 0, 0, 28, 21},
	"wasi_snapshot_preview1.environ_get":         repeated(0),
	"wasi_snapshot_preview1.environ_sizes_get":   {21, 0, 21, 21, 21, 0, 21, 0, 0, 21},
	"wasi_snapshot_preview1.fd_close":            {8, 0, 8, 8, 8, 8, 0, 0, 0, 0},
	"wasi_snapshot_preview1.fd_fdstat_get":       {8, 0, 8, 8, 8, 8, 21, 0, 0, 21},
	"wasi_snapshot_preview1.fd_fdstat_set_flags": {8, 0, 8, 8, 8, 8, 0, 0, 0, 0},
	"wasi_snapshot_preview1.fd_filestat_get":     {8, 0, 8, 8, 8, 8, 21, 0, 0, 21},
	"wasi_snapshot_preview1.fd_prestat_dir_name": repeated(8),
	"wasi_snapshot_preview1.fd_prestat_get":      repeated(8),
	"wasi_snapshot_preview1.fd_read":             {8, 0, 8, 8, 8, 8, 8, 8, 8, 21},
	"wasi_snapshot_preview1.fd_seek":             {8, 70, 8, 8, 8, 8, 70, 70, 70, 70},
	"wasi_snapshot_preview1.fd_tell":             {8, 70, 8, 8, 8, 8, 70, 70, 70, 70},
	"wasi_snapshot_preview1.fd_write":            {8, 8, 8, 8, 8, 8, 21, 21, 28, 8},
	"wasi_snapshot_preview1.path_open":           repeated(8),
	"wasi_snapshot_preview1.poll_oneoff":         {28, 28, 28, 28, 28, 21, 21, 21, 28, 28},
	"wasi_snapshot_preview1.proc_exit":           repeated(-1),
	"wasi_snapshot_preview1.random_get":          {-4, 0, 21, -4, -4, 21, -4, 0, 0, 0},
	"wasi_snapshot_preview1.sched_yield":         repeated(0),
	"env.abort":                                  repeated(-1),
}

// streamFailed is what the streams answer outside of their exports.
const streamFailed = 1<<31 - 1
