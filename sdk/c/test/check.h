/* check.h: what the native tests need of a test library. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

#include "wraft_stub.h"

static int check_failures;

/* check reports a condition that doesn't hold and goes on. */
#define check(condition) \
	((condition) ? (void)0 : (void)(check_failures++, fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition)))

/* expect compares a result with a status and a text. */
#define expect(result, status, text) expect_at(__FILE__, __LINE__, result, status, text, sizeof(text) - 1)

static inline void expect_at(const char *file, int line, wraft_result r, int32_t status, const char *text, size_t n)
{
	if (r.status == status && r.data.size == n && (n == 0 || memcmp(r.data.data, text, n) == 0))
		return;
	check_failures++;
	fprintf(stderr, "%s:%d: got %d %.*s, want %d %s\n", file, line, r.status, (int)r.data.size, (const char *)r.data.data, status, text);
}

/* check_done is what main returns. */
static inline int check_done(const char *name)
{
	printf("%s: %s\n", name, check_failures ? "FAILED" : "ok");
	return check_failures != 0;
}

#endif
