// Package child starts processes that do not outlive the one that started them,
// so that a test which is cut off leaves nothing running.
//
// It is not a supervisor: nothing is started again. Where the kernel has no such
// service (anything but Linux) the processes are started all the same, and whoever
// starts them has to end them.
//
// Concurrency: a Process is safe for concurrent use.
package child
