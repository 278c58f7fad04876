package ports

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets the test binary stand in for another process that takes an address, and holds
// its block until its input ends.
func TestMain(m *testing.M) {
	if os.Getenv("PORTS_TEST_ROLE") == "" {
		os.Exit(m.Run())
	}
	fmt.Println(Addresses(1))
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // Why unchecked: it ends with an error
}

func TestAddressesDifferAndAreFree(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		addresses, err := Addresses(30)
		if err != nil || len(addresses) != 30 {
			t.Fatalf("%q, %v", addresses, err)
		}
		for _, a := range addresses {
			if seen[a] || !free(a) || !strings.HasPrefix(a, "127.0.0.1:") {
				t.Errorf("%s was given before: %v", a, seen[a])
			}
			seen[a] = true
		}
	}
	taken, err := net.Listen("tcp", next())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	rest, err := Addresses(blockPorts / 2) // Why not all others: a stranger may have one
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range rest {
		if a == taken.Addr().String() {
			t.Errorf("%s is taken", a)
		}
	}
	if all, err := Addresses(blockPorts - 1); err == nil {
		t.Errorf("a block gives %d addresses, with one taken", len(all))
	}
}

// next is the address that would be given next.
func next() string { return address(block.first + 1 + block.given%(blockPorts-1)) }

func TestRowsAreFreeToTheirEnd(t *testing.T) {
	for before := 0; before < 2*blockPorts; before += 3 {
		first, err := Row(3)
		if err != nil || first <= block.first || first+2 >= block.first+blockPorts {
			t.Fatalf("%d, %v", first, err)
		}
		for i := range 3 {
			if a := address(first + i); !free(a) {
				t.Errorf("%s is not free", a)
			}
		}
	}
	if first, err := Row(blockPorts); err == nil {
		t.Errorf("a block has more ports than there are, from %d on", first)
	}
}

// TestProcessesHaveBlocksOfTheirOwn while they live.
func TestProcessesHaveBlocksOfTheirOwn(t *testing.T) {
	own, err := Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PORTS_TEST_ROLE=other")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	var port int
	if _, scanErr := fmt.Sscanf(line, "[127.0.0.1:%d] <nil>", &port); err != nil || scanErr != nil {
		t.Errorf("the other process says %q: %v, %v", line, err, scanErr)
	}
	if port > block.first && port < block.first+blockPorts {
		t.Errorf("both have block %d: %s and port %d", block.first, own[0], port)
	}
	if _, err := net.Listen("tcp", address(block.first)); err == nil {
		t.Error("the block is not held")
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
