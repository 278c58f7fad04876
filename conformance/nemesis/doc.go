// Package nemesis runs a cluster of real processes while a seed chooses what goes wrong:
// processes are killed and frozen, links lose, damage, delay and reorder, directions are
// cut, ports change, disks rot, get lost and run full, leaders are transferred, nodes are demoted,
// machines are deployed and upgraded, wraftd is replaced. Clients work all the while; at the
// end what they saw has to have an order, and everything acknowledged must be there, once.
//
// The seed fixes the faults and their order; what they meet is the machine's, so a run is
// repeated in kind and not in detail.
//
// Mental model: one trouble after the other, or two at a time, and between them the cluster
// must come back to work. What hurts a disk strikes a whole cluster only, and the next waits
// until the node that was hurt counts again: of three disks one may be lost at a time.
//
// Concurrency: one goroutine causes trouble, the loads have their own.
package nemesis
