// counter.cpp: version 2 of the counter in C++, for tests of upgrades. What it does says
// ../main.go.
#include "wraft.hpp"

using wraft::Bytes;
using wraft::Output;

namespace {

constexpr uint32_t version = 2;
constexpr int32_t status_unknown_version = 3, status_unlucky = 13;
constexpr size_t snapshot_bytes_max = 32;

// parsed reads a whole number in decimal.
bool parsed(Bytes b, uint64_t &n)
{
	bool negative = b.starts_with("-");
	if (negative || b.starts_with("+"))
		b = b.from(1);
	uint64_t sum = 0, limit = uint64_t(INT64_MAX) + negative;
	for (uint8_t c : b) {
		uint64_t digit = uint64_t(c) - '0';
		if (digit > 9 || sum > (limit - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	n = negative ? 0 - sum : sum;
	return !b.empty();
}

class Counter {
public:
	int32_t apply(Bytes command, Output &out)
	{
		uint64_t n = 0;
		if (command == "incr")
			n = 1;
		else if (command.starts_with("add ")) {
			if (!parsed(command.from(4), n))
				return out.fail(WRAFT_STATUS_FAILED, "add wants a whole number");
		} else if (command != "get")
			return out.fail(WRAFT_STATUS_FAILED, "unknown command; use incr, add N or get");
		value_ += n;
		return show(out);
	}

	int32_t query(Bytes, Output &out) const { return show(out); }

	int32_t snapshot(wraft::Writer &w, Output &text) const
	{
		text << int64_t(value_) << "\n";
		return w.write(text.written()) ? 0 : WRAFT_STATUS_FAILED;
	}

	int32_t restore(wraft::Reader &r, uint32_t from_version, Output &why)
	{
		if (from_version != 0 && from_version != version)
			return why << "version " << from_version << " is not known here", status_unknown_version;
		uint8_t text[snapshot_bytes_max];
		Bytes b(text, r.read(text, sizeof text));
		if (!b.empty() && b.data[b.size - 1] == '\n')
			b.size--;
		uint64_t n;
		if (!parsed(b, n))
			return why.fail(WRAFT_STATUS_FAILED, "not a snapshot of a counter");
		if (n == uint64_t(status_unlucky))
			return why.fail(status_unlucky, "an unlucky number");
		value_ = n, from_ = from_version;
		return 0;
	}

private:
	int32_t show(Output &out) const
	{
		return out << "{\"value\":" << int64_t(value_) << ",\"version\":" << version << ",\"from\":" << from_ << "}", 0;
	}

	uint64_t value_ = 0; // it wraps around
	uint32_t from_ = 0;  // the version that wrote the state it was restored from
};

} // namespace

WRAFT_MACHINE(Counter)

extern "C" uint32_t machine_version() { return version; }
