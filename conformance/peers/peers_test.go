package peers

import (
	"strings"
	"testing"
	"time"
)

// lines are two rounds of three systems, as the lab and `wraftd bench` print them.
const lines = `{"conditions":"On a machine."}
{"peer":"wraft","op":"write","clients":64,"ops_per_s":9000,"errors":0,"ops_all":10000,"p50_us":6000,"p99_us":20000,"max_us":50000,"node_cpu_us_per_op":100,"load_cpu_us_per_op":20,"foreign_cpu":0.1,"round":1}
{"peer":"etcd","op":"write","clients":64,"conns":8,"ops_per_s":3000,"errors":0,"ops_all":4000,"p50_us":20000,"p99_us":50000,"max_us":90000,"node_cpu_us_per_op":450,"load_cpu_us_per_op":130,"foreign_cpu":0,"round":1}
{"peer":"hraft-wal","op":"write","clients":64,"ops_per_s":6000,"errors":0,"ops_all":7000,"p50_us":5000,"p99_us":15000,"max_us":30000,"node_cpu_us_per_op":130,"load_cpu_us_per_op":27,"foreign_cpu":0,"round":1}
{"peer":"wraft","op":"read","clients":1,"ops_per_s":2000,"errors":0,"ops_all":2500,"p50_us":500,"p99_us":900,"max_us":5000,"round":1}
{"peer":"wraft","op":"write","clients":64,"ops_per_s":11000,"errors":2,"first_error":"late","ops_all":12000,"p50_us":8000,"p99_us":30000,"max_us":60000,"node_cpu_us_per_op":120,"load_cpu_us_per_op":24,"foreign_cpu":0.3,"round":2}
`

func TestMarkdownHasMediansAndTheBestOfTheOthers(t *testing.T) {
	r, err := Read(strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	want := `
On a machine.

| op | clients | wraft ops/s | best of the others | wraft : best | wraft p50 ms | least p50 ms of the others |
|---|---|---|---|---|---|---|
| write | 64 | 10000 | 6000 (hraft-wal) | 1.67 | 7.00 | 5.00 (hraft-wal) |

| op | clients | system | ops/s | p50 ms | p99 ms | max ms | errors | node CPU µs/op | load CPU µs/op | rounds | ops/s of the rounds | other CPU |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
| write | 64 | wraft | 10000 | 7.00 | 25.00 | 55.0 | 2 | 110 | 22 | 2 | 9000–11000 | 0.30 |
| write | 64 | etcd | 3000 | 20.00 | 50.00 | 90.0 | 0 | 450 | 130 | 1 | 3000–3000 | 0.00 |
| write | 64 | hraft-wal | 6000 | 5.00 | 15.00 | 30.0 | 0 | 130 | 27 | 1 | 6000–6000 | 0.00 |
| read | 1 | wraft | 2000 | 0.50 | 0.90 | 5.0 | 0 | 0 | 0 | 1 | 2000–2000 | 0.00 |
`
	if got := r.Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBadReportsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"line 2": "{\"conditions\":\"x\"}\nnonsense\n", "no conditions": `{"peer":"wraft"}` + "\n{}\n", "no loads": `{"conditions":"x"}` + "\n",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

func TestTheLabIsToldTheLoad(t *testing.T) {
	r := run{cfg: Config{Dir: "/d", Ops: []string{"write", "read"}, Clients: []int{1, 64}, Duration: time.Second, ForeignMax: 0.2, Retries: 2}}
	const want = "run --peer etcd --op write,read --clients 1,64 --duration 1s --warmup 0s --value 128 --keys 10000 --dir /d --max-foreign 0.2 --retries 2"
	if got := strings.Join(r.labArgs("etcd"), " "); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	const bench = "bench read --machine kv --preload=false --clients 64 --duration 1s --warmup 0s --value 128 --keys 10000 --protocol native -o json"
	if got := strings.Join(r.benchArgs("read", 64), " "); got != bench {
		t.Errorf("got\n%s\nwant\n%s", got, bench)
	}
}

func TestProcessorTimes(t *testing.T) {
	if got, err := processTime("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20"); err != nil || got != 2*time.Second {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := machineTime("cpu  100 10 20 9000 700 1 2 7 40 0\ncpu0 1 2 3\n"); err != nil || got != 1400*time.Millisecond {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "7 (x) S 1", "cpu 1 2", "cpu a b c d e f g h i"} {
		if _, err := processTime(bad); err == nil {
			t.Errorf("%q is read as a process", bad)
		}
		if _, err := machineTime(bad); err == nil {
			t.Errorf("%q is read as a machine", bad)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Systems: []string{Wraft}, Ops: []string{"write"}, Clients: []int{1}, Duration: time.Second, Rounds: 1}
	if err := good.Validate(); err != nil || good.others() {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Config){
		"systems": func(c *Config) { c.Systems = nil }, "scan": func(c *Config) { c.Ops = []string{"scan"} },
		"0 clients": func(c *Config) { c.Clients = []int{0} }, "rounds": func(c *Config) { c.Rounds = 0 },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if HasLab("") == nil || HasLab(t.TempDir()) == nil {
		t.Error("a lab is found where there is none")
	}
}
