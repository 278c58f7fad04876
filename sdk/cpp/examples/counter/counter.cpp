// counter.cpp: a signed 64-bit number, the smallest useful machine. The README of the Go
// example has its commands.
#include "wraft.hpp"

using wraft::Bytes;
using wraft::Output;
using wraft::quoted;

namespace {

constexpr int32_t status_overflow = 2; // besides WRAFT_STATUS_FAILED
constexpr size_t snapshot_bytes_max = 32; // more than any number takes

bool blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

Bytes trimmed(Bytes b)
{
	while (!b.empty() && blank(b.data[0]))
		b = b.from(1);
	while (!b.empty() && blank(b.data[b.size - 1]))
		b.size--;
	return b;
}

// parsed reads a number in decimal that fits 64 bits, with or without a sign.
bool parsed(Bytes b, int64_t &n)
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
	if (b.empty())
		return false;
	n = int64_t(negative ? 0 - sum : sum);
	return true;
}

class Counter {
public:
	int32_t apply(Bytes command, Output &out)
	{
		Bytes verb = trimmed(command), operand;
		for (size_t i = 0; i < verb.size; i++) {
			if (verb.data[i] == ' ') {
				operand = verb.from(i + 1);
				verb.size = i;
			}
		}
		int64_t n = 1;
		if (verb == "get" && operand.empty())
			return show(out);
		if (verb == "add") {
			if (!parsed(trimmed(operand), n))
				return out << "add wants a whole number, got " << quoted(operand), WRAFT_STATUS_FAILED;
		} else if (verb != "incr" || !operand.empty()) {
			return out << "unknown command " << quoted(command) << "; use incr, add N or get", WRAFT_STATUS_FAILED;
		}
		int64_t sum;
		if (__builtin_add_overflow(value, n, &sum))
			return out << value << " + " << n << " does not fit 64 bits", status_overflow;
		value = sum;
		return show(out);
	}

	int32_t query(Bytes query, Output &out) const
	{
		Bytes q = trimmed(query);
		if (!q.empty() && q != "get")
			return out << "unknown query " << quoted(query) << "; use get", WRAFT_STATUS_FAILED;
		return show(out);
	}

	// The number in decimal and a newline, so that an export can be read by eye.
	int32_t snapshot(wraft::Writer &w, Output &text) const
	{
		text << value << "\n";
		return w.write(text.written()) ? 0 : WRAFT_STATUS_FAILED;
	}

	int32_t restore(wraft::Reader &r, uint32_t, Output &why)
	{
		uint8_t text[snapshot_bytes_max];
		Bytes b(text, r.read(text, sizeof text));
		if (!parsed(trimmed(b), value))
			return why << "not a snapshot of a counter: " << quoted(b), WRAFT_STATUS_FAILED;
		return 0;
	}

private:
	int32_t show(Output &out) const { return out << "{\"value\":" << value << "}", 0; }

	int64_t value = 0;
};

} // namespace

WRAFT_MACHINE(Counter)
