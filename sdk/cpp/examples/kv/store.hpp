// store.hpp: keys and values in memory.
//
// Pairs hang in two structures at once: a hash table finds them, and a skip list (a list
// with shortcuts, each pair's number of them drawn from its hash) keeps the order of keys.
// Setting a value that exists touches the table only; scans and snapshots walk the list.
#ifndef KV_STORE_HPP
#define KV_STORE_HPP

#include "wraft.hpp"

constexpr size_t key_bytes_max = 1 << 10, value_bytes_max = 1 << 20;

// Pair is one key and its value.
class Pair {
public:
	wraft::Bytes key() const { return {key_, key_size_}; }
	wraft::Bytes value() const { return {value_.begin(), value_.size()}; }
	const Pair *next() const { return next_[0]; }

	void set(wraft::Bytes b)
	{
		value_.resize(0);
		append(b);
	}
	void append(wraft::Bytes b)
	{
		size_t before = value_.size();
		value_.resize(before + b.size);
		if (b.size)
			memcpy(&value_[before], b.data, b.size);
	}
	// Gives the value a size and returns where to write it.
	uint8_t *fill(size_t n)
	{
		value_.resize(n);
		return value_.begin();
	}

private:
	friend class Store;
	wraft::Array<uint8_t> value_;
	Pair **next_ = nullptr; // as many as it has levels
	const uint8_t *key_ = nullptr;
	size_t key_size_ = 0;
	uint32_t hash_ = 0, levels_ = 0;
};

class Store {
public:
	Store() = default;
	Store(const Store &) = delete;
	Store &operator=(const Store &) = delete;
	~Store() { clear(); }

	size_t count() const { return count_; }
	const Pair *first() const { return heads_[0]; }

	// Returns nullptr for a key that isn't there.
	Pair *find(wraft::Bytes key) const;
	// Returns the pair of a key, a new one with an empty value if need be.
	Pair &at(wraft::Bytes key);
	// Says whether the key was there.
	bool remove(wraft::Bytes key);
	void clear();
	// The first pair whose key isn't less, or the first one that is greater if behind is set.
	const Pair *from(wraft::Bytes key, bool behind) const;

private:
	struct Slot {
		uint32_t hash;
		Pair *pair; // nullptr for an empty one
	};
	static constexpr uint32_t levels_max = 20;
	static constexpr size_t slots_min = 64;

	uint32_t hash_of(wraft::Bytes key) const;
	size_t place_of(wraft::Bytes key, uint32_t hash) const;
	void make_room();
	void vacate(size_t hole);
	static Pair *made(wraft::Bytes key, uint32_t hash);
	// Finds, on each level, the link that leads to the first key that isn't less.
	void links_to(wraft::Bytes key, Pair **links[levels_max]);

	wraft::Array<Slot> slots_; // linear probing, at most three quarters full
	size_t count_ = 0;
	uint64_t seed_ = 0; // so that nobody can choose keys that collide without knowing it
	Pair *heads_[levels_max] = {};
};

#endif
