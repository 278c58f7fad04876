package client

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// leadersMax bounds the leader cache: one entry per machine in use.
const leadersMax = 4096

// endpoints are the nodes a client knows: those it was given, and who leads what.
type endpoints struct {
	given []string // host:port, never changed
	// only keeps the walk to given: leaders are neither learned nor followed.
	only bool
	// preferred is the index in given that answered last.
	preferred atomic.Int64

	// mu guards leaders: machine name to the leader's host:port, as nodes told.
	mu      sync.RWMutex
	leaders map[string]string
}

func newEndpoints(given []string) (*endpoints, error) {
	e := &endpoints{leaders: make(map[string]string)}
	for _, text := range given {
		host, err := parseEndpoint(text)
		if err != nil {
			return nil, err
		}
		e.given = append(e.given, host)
	}
	return e, nil
}

// parseEndpoint reads "host:port" or "https://host:port" into host:port.
func parseEndpoint(text string) (string, error) {
	host := text
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
			return "", fmt.Errorf("client: endpoint %.120q: want https://host:port", text)
		}
		host = u.Host
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil || name == "" || port == "" || strings.ContainsAny(host, "/?#@ ") {
		return "", fmt.Errorf("client: endpoint %.120q: want host:port or https://host:port", text)
	}
	return host, nil
}

// leader is the address that led the machine last, "" when unknown.
func (e *endpoints) leader(machine string) string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.leaders[machine]
}

// learn remembers who leads a machine; "" forgets.
func (e *endpoints) learn(machine, leader string) {
	if e.only || machine == "" || e.leader(machine) == leader {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if leader == "" {
		delete(e.leaders, machine)
		return
	}
	if len(e.leaders) >= leadersMax {
		clear(e.leaders)
	}
	e.leaders[machine] = leader
}

// worked makes an endpoint the first choice of calls that know no leader.
func (e *endpoints) worked(host string) {
	at := e.preferred.Load()
	if e.given[at] == host {
		return
	}
	for i, g := range e.given {
		if g == host {
			e.preferred.Store(int64(i))
		}
	}
}

// itinerary is the way of one call through the endpoints.
type itinerary struct {
	all *endpoints
	// machine is "" for calls that no leader answers better.
	machine string
	// given is the order of the walk, start where in it it begins; step counts its steps.
	given       []string
	start, step int
	// hint is where to go before walking on, "" for nowhere.
	hint string
	last string
	// detours counts hints taken since the last pause.
	detours int
}

func (e *endpoints) itinerary(machine string) *itinerary {
	it := &itinerary{all: e, machine: machine, given: e.given, start: int(e.preferred.Load())}
	if machine != "" {
		it.hint = e.leader(machine)
	}
	return it
}

// follow has the walk go by an order of the endpoints from its beginning; nil changes nothing.
func (it *itinerary) follow(order []string) {
	if order != nil {
		it.given, it.start = order, 0
	}
}

// next is the endpoint of the next attempt.
func (it *itinerary) next() string {
	if it.hint != "" {
		it.last, it.hint = it.hint, ""
		return it.last
	}
	failed := it.last
	it.last = it.walk()
	if it.last == failed { // Why: others know more than who has just failed
		it.last = it.walk()
	}
	return it.last
}

// walk is the next of the endpoints that were given.
func (it *itinerary) walk() string {
	it.step++
	return it.given[(it.start+it.step-1)%len(it.given)]
}

// fail notes how the attempt at the last endpoint failed. It reports whether the
// next attempt should begin without a pause: there is a new leader to ask, or an
// endpoint this round has not tried.
func (it *itinerary) fail(p *Problem) bool {
	if it.machine != "" {
		it.all.learn(it.machine, "")
	}
	if !it.all.only && p.Leader != nil && p.Leader.API != "" && p.Leader.API != it.last && it.detours <= len(it.all.given) {
		it.detours++
		it.hint = p.Leader.API
		it.all.learn(it.machine, it.hint)
		return true
	}
	untried := it.step == 0 || it.step%len(it.all.given) != 0
	return (p.Code == CodeUnreachable || p.Code == CodeNoLeader) && untried
}

// rounds is how often the walk has been through all endpoints.
func (it *itinerary) rounds() int { return it.step / len(it.all.given) }

// paused begins a new allowance of detours.
func (it *itinerary) paused() { it.detours = 0 }
