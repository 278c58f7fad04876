package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// write and read call the streams; what they answer is dropped.
func write(at, n int32) []byte {
	return wt.Join(wt.I32Const(at), wt.I32Const(n), wt.Call(importWrite), wt.Drop)
}

func read(at, n int32) []byte {
	return wt.Join(wt.I32Const(at), wt.I32Const(n), wt.Call(importRead), wt.Drop)
}

func done(status int32) []byte { return wt.Join(wt.I32Const(status), wt.Return) }

// snapshots lie about what they write, or never stop.
func snapshots() map[string]failing {
	return map[string]failing{
		"writes-nothing":       {code: done(0)},
		"writes-empty":         {code: wt.Join(write(0, 0), done(0))},
		"wrote-but-says-no":    {code: wt.Join(write(bufferAt, 4), done(9)), status: 9, says: "no reason given"},
		"reserved-status":      {code: done(-1), status: plugins.StatusMalformed, says: "belongs to the host"},
		"lowest-status":        {code: done(-1 << 31), status: plugins.StatusMalformed, says: "belongs to the host"},
		"endless":              {code: forever(write(0, 65536)), status: plugins.StatusFuel, says: saysFuel},
		"endless-empty":        {code: forever(write(0, 0)), status: plugins.StatusFuel, says: saysFuel},
		"endless-bytes":        {code: forever(write(0, 1)), status: plugins.StatusFuel, says: saysFuel},
		"over-limit-says-ok":   {code: wt.Join(wt.Repeat(17, write(0, 65536)), done(0)), status: plugins.StatusLimits, says: "more than 1048576 bytes"},
		"over-limit-says-no":   {code: wt.Join(wt.Repeat(17, write(0, 65536)), done(5)), status: plugins.StatusLimits, says: "more than 1048576 bytes"},
		"outside":              {code: write(65_535, 2), status: plugins.StatusTrap, says: "out of bounds"},
		"traps-halfway":        {code: wt.Join(write(0, 1000), wt.Unreachable), status: plugins.StatusTrap, says: "unreachable"},
		"reads-instead":        {code: wt.Join(wt.I32Const(0), wt.I32Const(8), wt.Call(importRead), wt.I32Const(-1), wt.I32Eq, wt.If, done(6), wt.End, done(7)), status: 6},
		"changes-state":        {code: wt.Join(ruin(), wt.I32Const(1), wt.MemoryGrow(), wt.Drop, write(counterAt, 4), done(0))},
		"changes-state-and-no": {code: wt.Join(ruin(), done(1)), status: 1},
	}
}

// restores read too much, too little, or stop in the middle.
func restores() map[string]failing {
	halfway := wt.Join(read(counterAt, 4), ruin(), wt.I32Const(50), wt.MemoryGrow(), wt.Drop, store(3_000_000, wt.I32Const(dirt)))
	return map[string]failing{
		"halfway-trap":    {code: wt.Join(halfway, wt.Unreachable), status: plugins.StatusTrap, says: "unreachable"},
		"halfway-loop":    {code: wt.Join(halfway, forever()), status: plugins.StatusFuel, says: saysFuel},
		"halfway-refuses": {code: wt.Join(halfway, done(4)), status: 4},
		"halfway-outside": {code: wt.Join(halfway, read(1<<30, 8)), status: plugins.StatusTrap, says: "out of bounds"},
		"halfway-divides": {code: wt.Join(halfway, wt.I32Const(1), wt.I32Const(0), []byte{0x6e}, wt.Drop), status: plugins.StatusTrap, says: "divide by zero"},
		"reserved-status": {code: done(-2), status: plugins.StatusMalformed, says: "belongs to the host"},
		"writes-instead":  {code: wt.Join(wt.I32Const(0), wt.I32Const(8), wt.Call(importWrite), wt.I32Const(-1), wt.I32Eq, wt.If, done(6), wt.End, done(7)), status: 6},
		"reads-for-ever":  {code: forever(read(0, 16)), status: plugins.StatusFuel, says: saysFuel},
		"reads-nothing":   {code: forever(read(0, 0)), status: plugins.StatusFuel, says: saysFuel},
		"too-much":        {code: wt.Join(read(0, 65536), done(3)), status: 3},
		"over-itself":     {code: wt.Join(read(0, -1), done(3)), status: plugins.StatusFuel, says: saysFuel},
	}
}

// transferCases are snapshots and restores that lie.
func transferCases() []Case {
	var cases []Case
	all := snapshots()
	for _, what := range sorted(all) {
		f := all[what]
		cases = append(cases, stepCase("snapshot/"+what, weak{snapshot: f.code}, Step{Verb: Snapshot, Status: f.status, Says: f.says}))
	}
	back := restores()
	for _, what := range sorted(back) {
		f := back[what]
		cases = append(cases, stepCase("restore/"+what, weak{restore: f.code}, Step{Verb: Restore, Input: []byte("12345678"), Status: f.status, Says: f.says}))
	}
	endlessly := weak{restore: forever(read(0, 65536))}
	return append(cases,
		Case{Name: "restore/endless-stream", Build: endlessly.bytes, Steps: []Step{{Verb: Restore, Endless: true, Status: plugins.StatusFuel, Says: saysFuel}}},
		stepCase("restore/too-short", weak{}, Step{Verb: Restore, Input: []byte("123"), Status: 1}),
		stepCase("restore/empty", weak{}, Step{Verb: Restore, Status: 1}),
		stepCase("restore/longer-than-read", weak{}, Step{Verb: Restore, Input: []byte("1234567890")}),
		stepCase("restore/keeps-what-it-has", weak{restore: done(0)}, Step{Verb: Restore, Kept: true}))
}
