// store.cpp: see store.hpp.
#include "store.hpp"

using wraft::Bytes;

namespace {

uint64_t word_at(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return word;
}

} // namespace

uint32_t Store::hash_of(Bytes key) const
{
	constexpr uint64_t odd = 0x9e3779b97f4a7c15u;
	uint64_t h = seed_ ^ key.size * odd, tail = 0;
	for (; key.size >= 8; key = key.from(8)) {
		h = (h ^ word_at(key.data)) * odd;
		h ^= h >> 32;
	}
	for (uint8_t b : key)
		tail = tail << 8 | b;
	h = (h ^ tail) * odd;
	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
	return uint32_t(h >> 32);
}

// ---- The hash table. ----

// place_of is where the key is or would be.
size_t Store::place_of(Bytes key, uint32_t hash) const
{
	size_t mask = slots_.size() - 1, i = hash & mask;
	while (slots_[i].pair && !(slots_[i].hash == hash && slots_[i].pair->key() == key))
		i = (i + 1) & mask;
	return i;
}

void Store::make_room()
{
	size_t size = slots_.size();
	if ((count_ + 1) * 4 <= size * 3)
		return;
	if (size == 0)
		wraft::random(&seed_, sizeof seed_);
	wraft::Array<Slot> old = static_cast<wraft::Array<Slot> &&>(slots_);
	slots_.resize(size ? size * 2 : slots_min);
	slots_.zero();
	size_t mask = slots_.size() - 1;
	for (const Slot &s : old) {
		size_t i = s.hash & mask;
		while (s.pair && slots_[i].pair)
			i = (i + 1) & mask;
		if (s.pair)
			slots_[i] = s;
	}
}

// vacate empties a slot and moves those up that were behind it for its sake.
void Store::vacate(size_t hole)
{
	size_t mask = slots_.size() - 1;
	for (size_t i = (hole + 1) & mask; slots_[i].pair; i = (i + 1) & mask) {
		size_t home = slots_[i].hash & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			slots_[hole] = slots_[i];
			hole = i;
		}
	}
	slots_[hole].pair = nullptr;
}

// ---- The skip list. ----

void Store::links_to(Bytes key, Pair **links[levels_max])
{
	Pair **at = heads_;
	for (uint32_t level = levels_max; level-- > 0;) {
		while (at[level] && at[level]->key() < key)
			at = at[level]->next_;
		links[level] = &at[level];
	}
}

const Pair *Store::from(Bytes key, bool behind) const
{
	Pair *const *at = heads_;
	for (uint32_t level = levels_max; level-- > 0;)
		while (at[level] && at[level]->key() < key)
			at = at[level]->next_;
	const Pair *p = at[0];
	return behind && p && p->key() == key ? p->next() : p;
}

// ---- Pairs. ----

// made is a new pair, in one piece with its links and its key. Each pair of a level is on
// the next one too with a chance of one in four.
Pair *Store::made(Bytes key, uint32_t hash)
{
	uint32_t draw = hash * 0x85ebca6bu, levels = 1;
	while (levels < levels_max && (draw & 3) == 0)
		levels++, draw >>= 2;
	size_t links = levels * sizeof(Pair *);
	uint8_t *memory = static_cast<uint8_t *>(wraft_new(sizeof(Pair) + links + key.size));
	Pair *p = new (memory) Pair;
	p->next_ = reinterpret_cast<Pair **>(memory + sizeof(Pair));
	p->key_ = memory + sizeof(Pair) + links;
	p->key_size_ = key.size;
	p->hash_ = hash;
	p->levels_ = levels;
	if (key.size)
		memcpy(memory + sizeof(Pair) + links, key.data, key.size);
	return p;
}

Pair *Store::find(Bytes key) const
{
	return slots_.size() ? slots_[place_of(key, hash_of(key))].pair : nullptr;
}

Pair &Store::at(Bytes key)
{
	make_room(); // first, since it may choose the seed
	uint32_t hash = hash_of(key);
	Slot &s = slots_[place_of(key, hash)];
	if (s.pair)
		return *s.pair;
	s = {hash, made(key, hash)};
	count_++;
	Pair **links[levels_max];
	links_to(key, links);
	for (uint32_t level = 0; level < s.pair->levels_; level++) {
		s.pair->next_[level] = *links[level];
		*links[level] = s.pair;
	}
	return *s.pair;
}

bool Store::remove(Bytes key)
{
	if (slots_.size() == 0)
		return false;
	size_t place = place_of(key, hash_of(key));
	Pair *p = slots_[place].pair;
	if (!p)
		return false;
	vacate(place);
	Pair **links[levels_max];
	links_to(key, links);
	for (uint32_t level = 0; level < p->levels_; level++)
		*links[level] = p->next_[level];
	p->~Pair();
	free(p);
	count_--;
	return true;
}

void Store::clear()
{
	for (Pair *p = heads_[0], *next; p; p = next) {
		next = p->next_[0];
		p->~Pair();
		free(p);
	}
	for (Pair *&head : heads_)
		head = nullptr;
	slots_ = {};
	count_ = 0;
}
