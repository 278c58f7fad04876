// array_test.cpp: wraft::Array and wraft::Bytes, and what WRAFT_MACHINE calls.
#include "check.h"
#include "wraft.hpp"

struct Machine {
	int32_t apply(wraft::Bytes command, wraft::Output &out)
	{
		if (command == "fail")
			return out << "dropped", out.fail(7, "instead");
		out << "<" << command << "> " << -5 << " " << 18446744073709551615u << " " << wraft::quoted(command);
		return 0;
	}
	int32_t query(wraft::Bytes, wraft::Output &out) const { return out << wraft::now() << " " << wraft::index(), 0; }
	int32_t snapshot(wraft::Writer &w, wraft::Output &) const { return !(w.u32(1) && w.u64(2) && w.write("three")); }
	int32_t restore(wraft::Reader &r, uint32_t from_version, wraft::Output &why)
	{
		uint32_t one = 0;
		uint64_t two = 0;
		char three[6] = {};
		if (from_version > 4 || !r.u32(one) || !r.u64(two) || r.read(three, 5) < 5 || one != 1 || two != 2 || wraft::Bytes((const uint8_t *)three, 5) != "three")
			return why.fail(3, "no snapshot");
		return 0;
	}
};

WRAFT_MACHINE(Machine)

static void arrays()
{
	wraft::Array<int> a;
	for (int i = 0; i < 1000; i++)
		a.push(i);
	a.push(a[999]);
	check(a.size() == 1001 && a[0] == 0 && a[999] == 999 && a[1000] == 999);
	wraft::Array<int> b = static_cast<wraft::Array<int> &&>(a);
	check(a.size() == 0 && b.size() == 1001);
	a = static_cast<wraft::Array<int> &&>(b);
	a.resize(3);
	int sum = 0;
	for (int n : a)
		sum += n;
	check(sum == 3 && b.size() == 0);
	a.zero();
	check(a[2] == 0);
}

static void bytes()
{
	wraft::Bytes a("abc"), empty;
	check(a.size == 3 && a == "abc" && a != "abd" && a < "abd" && wraft::Bytes("ab") < a && empty < a && !(a < a));
	check(a.starts_with("ab") && a.starts_with(empty) && !a.starts_with("abcd") && a.from(1) == "bc" && empty.empty());
	check(a.compare("ab") > 0 && a.compare("\xff") < 0 && empty == "");
}

static void machine()
{
	expect(wraft_stub_apply("x", 1), 0, "<x> -5 18446744073709551615 \"x\"");
	expect(wraft_stub_apply("fail", 4), 7, "instead");
	wraft_stub.now = 12;
	wraft_stub.index = 3;
	expect(wraft_stub_query("", 0), 0, "12 3");
	expect(wraft_stub_snapshot(), 0, "\1\0\0\0\2\0\0\0\0\0\0\0three");
	expect(wraft_stub_restore("\1\0\0\0\2\0\0\0\0\0\0\0three", 17, 4), 0, "");
	expect(wraft_stub_restore("\1\0\0\0\2\0\0\0\0\0\0\0three", 17, 5), 3, "no snapshot");
}

int main()
{
	arrays();
	bytes();
	machine();
	return check_done("cpp/array_test");
}
