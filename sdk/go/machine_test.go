package wraft

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// echo answers with its command; "fail N" and "odd" fail.
type echo struct{ applied []string }

func (e *echo) Apply(ctx *Context, command []byte) ([]byte, error) {
	e.applied = append(e.applied, string(command))
	switch text := string(command); {
	case text == "odd":
		return []byte("ignored"), errors.New("odd")
	case strings.HasPrefix(text, "fail "):
		var n int32
		fmt.Sscan(text[5:], &n)
		return nil, fmt.Errorf("wrapped: %w", Fail(n, "told"))
	case text == "context":
		var b [4]byte
		ctx.Random(b[:])
		ctx.Log(LevelWarn, "line")
		ctx.Emit(b[:])
		return fmt.Appendf(nil, "%d %d %x", ctx.Now().UnixNano(), ctx.Index(), b), nil
	}
	return command, nil
}

func (e *echo) Query(_ *Context, query []byte) ([]byte, error) { return query, nil }
func (e *echo) Snapshot(io.Writer) error                       { return nil }
func (e *echo) Restore(io.Reader, uint32) error                { return nil }

// entry frames commands as the host does.
func entry(commands ...string) []byte {
	b := []byte{byte(len(commands)), 0, 0, 0}
	for _, c := range commands {
		b = append(b, byte(len(c)), 0, 0, 0)
		b = append(b, c...)
	}
	return b
}

func TestApplyFrame(t *testing.T) {
	m := &echo{}
	out := applyFrame(m, (&Fake{}).Context(), entry("hello", "", "odd", "fail 7", "fail -3", "fail 0"), []byte("kept"))
	want := "kept" +
		"\x00\x00\x00\x00\x05\x00\x00\x00hello" +
		"\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x01\x00\x00\x00\x03\x00\x00\x00odd" +
		"\x07\x00\x00\x00\x0d\x00\x00\x00wrapped: told" +
		"\x01\x00\x00\x00\x0d\x00\x00\x00wrapped: told" +
		"\x01\x00\x00\x00\x0d\x00\x00\x00wrapped: told"
	if string(out) != want {
		t.Errorf("got  %q\nwant %q", out, want)
	}
	if got := len(m.applied); got != 6 {
		t.Errorf("%d commands were applied", got)
	}
}

func TestQueryFrame(t *testing.T) {
	out := queryFrame(&echo{}, (&Fake{}).Context(), []byte("q"), nil)
	if string(out) != "\x00\x00\x00\x00\x01\x00\x00\x00q" {
		t.Errorf("got %q", out)
	}
}

func TestFrameThatLiesPanics(t *testing.T) {
	for _, in := range [][]byte{{}, {1, 0, 0, 0}, {1, 0, 0, 0, 9, 0, 0, 0, 'x'}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was taken", in)
				}
			}()
			applyFrame(&echo{}, (&Fake{}).Context(), in, nil)
		}()
	}
}

func TestFake(t *testing.T) {
	run := func(seed uint64) (string, *Fake) {
		f := &Fake{Time: time.Second, Index: 9, Seed: seed}
		b, err := (&echo{}).Apply(f.Context(), []byte("context"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b), f
	}
	first, f := run(1)
	if !strings.HasPrefix(first, "1000000000 9 ") {
		t.Errorf("got %q", first)
	}
	if len(f.Logs) != 1 || f.Logs[0] != "line" || len(f.Events) != 1 || len(f.Events[0]) != 4 {
		t.Errorf("logs %q, events %q", f.Logs, f.Events)
	}
	again, _ := run(1)
	other, _ := run(2)
	if first != again || first == other {
		t.Errorf("seed 1: %q and %q, seed 2: %q", first, again, other)
	}
}

func TestRegister(t *testing.T) {
	defer func() { registered = nil }()
	panics := func(m Machine) (p any) {
		defer func() { p = recover() }()
		Register(m)
		return nil
	}
	if panics(nil) == nil {
		t.Error("nil was registered")
	}
	if p := panics(&echo{}); p != nil {
		t.Errorf("the first machine: %v", p)
	}
	if panics(&echo{}) == nil {
		t.Error("a second machine was registered")
	}
}

func TestErrorStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int32
		text string
	}{{nil, 0, ""}, {errors.New("x"), 1, "x"}, {Fail(5, "five"), 5, "five"}, {Fail(-1, "minus"), 1, "minus"}} {
		if code, text := status(c.err); code != c.code || text != c.text {
			t.Errorf("%v: %d %q, want %d %q", c.err, code, text, c.code, c.text)
		}
	}
	if !bytes.Equal(appendResult(nil, []byte("dropped"), Fail(2, "e")), []byte("\x02\x00\x00\x00\x01\x00\x00\x00e")) {
		t.Error("a failing command's result is not its text")
	}
}

// second is an echo with a number.
type second struct{ echo }

func (*second) Version() uint32 { return 2 }

func TestVersionOf(t *testing.T) {
	if got := versionOf(&echo{}); got != 0 {
		t.Errorf("a machine without a number has version %d", got)
	}
	if got := versionOf(&second{}); got != 2 {
		t.Errorf("version is %d, want 2", got)
	}
}
