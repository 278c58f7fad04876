// machine.cpp: commands that try out what sdk/cpp gives a machine, and how calls end.
#include "wraft.hpp"

using wraft::Bytes;
using wraft::Output;

namespace {

void *volatile kept; // or the optimiser leaves out what nobody looks at

struct Shape {
	virtual int32_t sides() const = 0;
	virtual ~Shape() {}
};

struct Square : Shape {
	int32_t sides() const override { return 4; }
};

uint32_t deep(uint32_t n)
{
	volatile uint8_t frame[64];
	frame[n % 64] = uint8_t(n);
	return frame[0] + deep(n + 1) + frame[63];
}

class Machine {
public:
	Machine() { wraft::random(seed_, sizeof seed_); } // constructors run, and may ask the host

	int32_t apply(Bytes c, Output &out)
	{
		count_++;
		return query(c, out);
	}

	int32_t query(Bytes c, Output &out) const
	{
		if (c == "panic")
			wraft_trap("last words");
		if (c == "assert")
			wraft_assert(c.size == 0);
		if (c == "deep")
			return int32_t(deep(0));
		if (c == "loop")
			for (volatile uint32_t n = 0;; n = n + 1)
				;
		if (c == "grow")
			for (;;)
				kept = memset(new uint8_t[1 << 20], 1, 1 << 20);
		if (c == "flood")
			for (;;)
				out << "many results ";
		if (c == "world") {
			uint8_t drawn[4];
			wraft::random(drawn, sizeof drawn);
			wraft::log(wraft::Level::warn, "a line");
			wraft::emit("event");
			return out << wraft::now() << " " << wraft::index() << (wraft::fuel() > 1000000 ? Bytes(" fueled ") : Bytes(" scarce "))
				<< wraft::quoted(Bytes(drawn, sizeof drawn)), 0;
		}
		if (c == "arithmetic") {
			Shape *shape = new Square;
			int32_t sides = shape->sides();
			delete shape;
			int64_t product;
			volatile int64_t large = INT64_MAX;
			return out << sides << (__builtin_mul_overflow(large, int64_t(2), &product) ? Bytes(" over ") : Bytes(" fits "))
				<< (seed_[0] | seed_[1] | seed_[2] | seed_[3] ? Bytes("seeded") : Bytes("no seed")), 0;
		}
		if (c == "before")
			return out << version_before_, 0;
		if (c == "count")
			return out << count_, 0;
		return -7;
	}

	int32_t snapshot(wraft::Writer &w, Output &) const { return !w.u32(version_before_); }
	int32_t restore(wraft::Reader &r, uint32_t from_version, Output &why)
	{
		uint32_t n;
		version_before_ = from_version;
		return r.u32(n) ? 0 : why.fail(4, "cut off");
	}

private:
	uint8_t seed_[4];
	uint32_t version_before_ = 0;
	uint32_t count_ = 0; // of the commands that stand
};

} // namespace

WRAFT_MACHINE(Machine)

extern "C" uint32_t machine_version() { return 3; }
