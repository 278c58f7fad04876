/*
 * wraft_stub.h: a host for native unit tests. Compile the machine, wraft.c and
 * wraft_stub.c with an ordinary compiler, and call the machine as the host would:
 *
 *   wraft_stub.now = 1000000000;
 *   wraft_result r = wraft_stub_apply("incr", 4);
 *   // r.status, r.data.data, r.data.size
 *
 * What a result points at is valid until the next call. A trap gives status -1 and
 * the text of wraft_trap, but here nothing is undone.
 */
#ifndef WRAFT_STUB_H
#define WRAFT_STUB_H

#include "wraft.h"

#ifdef __cplusplus
extern "C" {
#endif

/* wraft_result is what a client would get. */
typedef struct wraft_result {
	int32_t status;
	wraft_bytes data;
} wraft_result;

/* wraft_stub is what the world looks like, and what the machine did to it. */
extern struct wraft_stub {
	int64_t now;
	uint64_t index;
	int64_t fuel;
	uint64_t seed;      /* picks the random bytes; set it before they are drawn */
	size_t stream_left; /* how many bytes of a snapshot the host takes or gives before it fails */
	wraft_bytes logs;   /* all lines, each with its end */
	wraft_bytes events; /* all events, one behind the other */
	size_t log_count, event_count;
} wraft_stub;

/* wraft_stub_reset forgets logs and events, and sets the other fields to their start. */
void wraft_stub_reset(void);

/* wraft_stub_apply runs an entry of one command. */
wraft_result wraft_stub_apply(const void *command, size_t n);

/* wraft_stub_apply_entry runs an entry of several, and fills as many results. */
void wraft_stub_apply_entry(const wraft_bytes *commands, size_t count, wraft_result *results);

wraft_result wraft_stub_query(const void *query, size_t n);

/* wraft_stub_snapshot gives the snapshot, or with another status than 0 the reason. */
wraft_result wraft_stub_snapshot(void);

/* wraft_stub_restore gives no data, or with another status than 0 the reason. */
wraft_result wraft_stub_restore(const void *snapshot, size_t n, uint32_t from_version);

#ifdef __cplusplus
}
#endif

#endif
