// Package relay stands between two UDP endpoints and does to their datagrams
// what bad networks do: it loses, delays, repeats, reorders, damages and holds
// them back, by direction and changeable while it runs. It needs no rights and
// knows nothing of what it carries. It is not a proxy for production.
//
// The mental model: a relay listens at an address of its own and speaks to the
// target from one socket for each client, as a NAT does, so one relay serves
// both directions of one link. Each direction is a step machine: a datagram goes
// in with the time, and comes out at the times its conditions say, or never. The
// sockets around it only read, wait and write. Every decision comes from a seed;
// what arrives when is the machine's, so runs are alike and not equal.
//
// Concurrency: a Relay is safe for concurrent use. It owns a goroutine for the
// listening socket, one for each client's and one that delivers; Close waits for
// all of them.
package relay
