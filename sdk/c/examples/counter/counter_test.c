/* counter_test.c: the counter beside a host of the tests. */
#include "check.h"

#define apply(text) wraft_stub_apply(text, sizeof(text) - 1)
#define query(text) wraft_stub_query(text, sizeof(text) - 1)
#define restore(text) wraft_stub_restore(text, sizeof(text) - 1, 0)

static void commands(void)
{
	expect(apply("incr"), 0, "{\"value\":1}");
	expect(apply("add 41"), 0, "{\"value\":42}");
	expect(apply(" add   -2\n"), 0, "{\"value\":40}");
	expect(apply("add +0"), 0, "{\"value\":40}");
	expect(apply("get"), 0, "{\"value\":40}");
	expect(apply(""), 1, "unknown command \"\"; use incr, add N or get");
	expect(apply("incr 2"), 1, "unknown command \"incr 2\"; use incr, add N or get");
	expect(apply("incr\xc2\xa0"), 1, "unknown command \"incr\\xc2\\xa0\"; use incr, add N or get");
	expect(apply("add"), 1, "add wants a whole number, got \"\"");
	expect(apply("add two"), 1, "add wants a whole number, got \"two\"");
	expect(apply("add 1_0"), 1, "add wants a whole number, got \"1_0\"");
	expect(apply("add -"), 1, "add wants a whole number, got \"-\"");
	expect(apply("add 9223372036854775808"), 1, "add wants a whole number, got \"9223372036854775808\"");
	expect(query(""), 0, "{\"value\":40}");
	expect(query(" get "), 0, "{\"value\":40}");
	expect(query("incr"), 1, "unknown query \"incr\"; use get");
}

static void overflow(void)
{
	expect(restore("9223372036854775807\n"), 0, "");
	expect(apply("incr"), 2, "9223372036854775807 + 1 does not fit 64 bits");
	expect(restore("-9223372036854775808\n"), 0, "");
	expect(apply("add -1"), 2, "-9223372036854775808 + -1 does not fit 64 bits");
	expect(apply("get"), 0, "{\"value\":-9223372036854775808}");
}

static void snapshots(void)
{
	expect(wraft_stub_snapshot(), 0, "-9223372036854775808\n");
	expect(restore("42\n"), 0, "");
	expect(wraft_stub_snapshot(), 0, "42\n");
	expect(restore("not a number"), 1, "not a snapshot of a counter: \"not a number\"");
	expect(restore(""), 1, "not a snapshot of a counter: \"\"");
	expect(wraft_stub_snapshot(), 0, "42\n");
}

int main(void)
{
	commands();
	overflow();
	snapshots();
	return check_done("counter_test");
}
