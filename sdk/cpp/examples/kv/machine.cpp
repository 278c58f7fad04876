// machine.cpp: a replicated key-value store. The README of the Go example has its commands,
// which are CBOR, and its exported state.
#include "cbor.hpp"
#include "store.hpp"

using wraft::Bytes;
using wraft::Output;
using wraft::quoted;

namespace {

// Statuses besides WRAFT_STATUS_FAILED, which is for bytes that aren't a command.
constexpr int32_t status_unknown = 2, status_too_large = 3;

// Bounds of one page of a scan.
constexpr size_t scan_items_max = 256, scan_bytes_max = 256 << 10;

// Starts an export and names its version.
const Bytes magic("wraft-kv 1\n");

// Command is [operation, key, value, expected], as views of the input.
struct Command {
	Bytes operation, key;
	cbor::Item value, expected;

	// Decodes and checks a command; it returns 0, or a status with its text in out.
	int32_t parse(Bytes b, Output &out)
	{
		cbor::Decoder d(b);
		d.array_of(4);
		operation = d.string(cbor::text);
		key = d.bytes_or_null().bytes;
		value = d.bytes_or_null();
		expected = d.bytes_or_null();
		if (!d.done())
			return out.fail(WRAFT_STATUS_FAILED, "not a command [operation, key, value, expected]; README.md has the encoding");
		size_t n = value.bytes.size > expected.bytes.size ? value.bytes.size : expected.bytes.size;
		int32_t status = within("the key has ", key.size, key_bytes_max, out);
		return status ? status : within("the value has ", n, value_bytes_max, out);
	}

	int32_t unknown(Bytes list, Output &out) const
	{
		return out << "unknown operation " << quoted(operation) << "; use " << list, status_unknown;
	}

private:
	static int32_t within(Bytes what, size_t has, size_t most, Output &out)
	{
		if (has <= most)
			return 0;
		return out << what << has << " bytes, at most " << most << " are allowed", status_too_large;
	}
};

class KeyValue {
public:
	int32_t apply(Bytes b, Output &out)
	{
		Command c;
		if (int32_t status = c.parse(b, out))
			return status;
		if (c.operation == "put") {
			// Null is stored as an empty value, so that null always means "no such key".
			store.at(c.key).set(c.value.bytes);
			out.byte(cbor::null);
		} else if (c.operation == "append") {
			return append(c, out);
		} else if (c.operation == "cas") {
			cbor::put_bool(out, compare_and_set(c));
		} else if (c.operation == "delete") {
			cbor::put_bool(out, store.remove(c.key));
		} else if (!read(c, out)) {
			return c.unknown("put, append, cas, delete, get or scan", out);
		}
		return 0;
	}

	int32_t query(Bytes b, Output &out) const
	{
		Command c;
		if (int32_t status = c.parse(b, out))
			return status;
		return read(c, out) ? 0 : c.unknown("get or scan", out);
	}

	int32_t snapshot(wraft::Writer &w, Output &why) const
	{
		bool ok = w.write(magic) && w.u64(store.count());
		for (const Pair *p = store.first(); p && ok; p = p->next())
			ok = w.u32(uint32_t(p->key().size)) && w.write(p->key()) && w.u32(uint32_t(p->value().size)) && w.write(p->value());
		return ok ? 0 : why.fail(WRAFT_STATUS_FAILED, "the snapshot was not taken");
	}

	int32_t restore(wraft::Reader &r, uint32_t, Output &why)
	{
		uint8_t head[16];
		uint64_t count;
		if (r.read(head, magic.size) < magic.size || Bytes(head, magic.size) != magic || !r.u64(count))
			return why.fail(WRAFT_STATUS_FAILED, "not a snapshot of a key-value store");
		store.clear();
		const Pair *last = nullptr;
		for (uint64_t n = 0; n < count; n++)
			if (!read_pair(r, why, n, count, last))
				return WRAFT_STATUS_FAILED;
		return r.read(head, 1) ? why.fail(WRAFT_STATUS_FAILED, "bytes follow the last value") : 0;
	}

private:
	// Executes what changes nothing; false for an operation that isn't among it.
	bool read(const Command &c, Output &out) const
	{
		if (c.operation == "scan") {
			scan(c, out);
			return true;
		}
		if (c.operation != "get")
			return false;
		if (const Pair *p = store.find(c.key))
			cbor::put_bytes(out, p->value());
		else
			out.byte(cbor::null);
		return true;
	}

	int32_t append(const Command &c, Output &out)
	{
		const Pair *p = store.find(c.key);
		if ((p ? p->value().size : 0) + c.value.bytes.size > value_bytes_max)
			return out.fail(status_too_large, "the value would exceed its limit");
		Pair &pair = store.at(c.key);
		pair.append(c.value.bytes);
		cbor::put_head(out, cbor::uint, pair.value().size);
		return 0;
	}

	// Sets the value if the present one is the expected one; null stands for "no such key"
	// on both sides.
	bool compare_and_set(const Command &c)
	{
		const Pair *p = store.find(c.key);
		if (!p != c.expected.null || (p && p->value() != c.expected.bytes))
			return false;
		if (c.value.null)
			store.remove(c.key);
		else
			store.at(c.key).set(c.value.bytes);
		return true;
	}

	// Lists pairs with a prefix in order, those behind the given key if the command has a
	// value, as [more, [[key, value], ...]].
	void scan(const Command &c, Output &out) const
	{
		bool behind = !c.value.null && c.value.bytes.compare(c.key) >= 0, more = false;
		const Pair *start = store.from(behind ? c.value.bytes : c.key, behind), *end = start;
		size_t count = 0, size = 0;
		for (; end && end->key().starts_with(c.key); end = end->next(), count++) {
			size += end->key().size + end->value().size;
			more = count == scan_items_max || (size > scan_bytes_max && count > 0);
			if (more)
				break;
		}
		cbor::put_head(out, cbor::array, 2);
		cbor::put_bool(out, more);
		cbor::put_head(out, cbor::array, count);
		for (const Pair *p = start; p != end; p = p->next()) {
			cbor::put_head(out, cbor::array, 2);
			cbor::put_bytes(out, p->key());
			cbor::put_bytes(out, p->value());
		}
	}

	// Reads one key and its value, which must come behind the last one; false with the
	// reason in why.
	bool read_pair(wraft::Reader &r, Output &why, uint64_t n, uint64_t count, const Pair *&last)
	{
		uint8_t key[key_bytes_max];
		uint32_t size;
		if (!read_size(r, why, "key ", n, count, key_bytes_max, size))
			return false;
		Bytes k(key, r.read(key, size));
		if (k.size < size)
			return why << "key " << n << " of " << count << ": the snapshot is cut off", false;
		if (!read_size(r, why, "value ", n, count, value_bytes_max, size))
			return false;
		bool ordered = !last || last->key() < k;
		Pair &p = store.at(k);
		if (r.read(p.fill(size), size) < size)
			return why << "value " << n << " of " << count << ": the snapshot is cut off", false;
		if (!ordered)
			return why << "key " << n << " of " << count << " is out of order", false;
		last = &p;
		return true;
	}

	static bool read_size(wraft::Reader &r, Output &why, Bytes what, uint64_t n, uint64_t count, size_t most, uint32_t &size)
	{
		if (!r.u32(size))
			return why << what << n << " of " << count << ": the snapshot is cut off", false;
		if (size > most)
			return why << what << n << " of " << count << ": " << size << " bytes, at most " << most << " are allowed", false;
		return true;
	}

	Store store;
};

} // namespace

WRAFT_MACHINE(KeyValue)
