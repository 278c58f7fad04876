// wraft.hpp: replicated state machines in C++, for wraft.
//
// A machine is a class with four methods; name it in WRAFT_MACHINE, once:
//
//   struct Counter {
//       int32_t apply(wraft::Bytes command, wraft::Output &out);
//       int32_t query(wraft::Bytes query, wraft::Output &out) const;
//       int32_t snapshot(wraft::Writer &w, wraft::Output &why) const;
//       int32_t restore(wraft::Reader &r, uint32_t from_version, wraft::Output &why);
//   };
//   WRAFT_MACHINE(Counter)
//
// What each returns and what the rest means stands in wraft.h, on which this file lies.
// There is no standard library: no exceptions, no run-time types, no containers but
// wraft::Array. The one object of the class is made before the first call.
#ifndef WRAFT_HPP
#define WRAFT_HPP

#include "wraft.h"

#ifdef __wasm__
inline void *operator new(size_t, void *p) noexcept { return p; }
#else
#include <new>
#endif

namespace wraft {

// Bytes is a view of bytes that somebody else holds.
struct Bytes {
	const uint8_t *data = nullptr;
	size_t size = 0;

	constexpr Bytes() = default;
	constexpr Bytes(const uint8_t *d, size_t n) : data(d), size(n) {}
	constexpr Bytes(wraft_bytes b) : data(b.data), size(b.size) {}
	// From a literal, without its end.
	template <size_t N> Bytes(const char (&text)[N]) : data(reinterpret_cast<const uint8_t *>(text)), size(N - 1) {}

	constexpr operator wraft_bytes() const { return {data, size}; }
	const uint8_t *begin() const { return data; }
	const uint8_t *end() const { return data + size; }
	bool empty() const { return size == 0; }
	// Without the first n bytes, which must be there.
	Bytes from(size_t n) const { return {data + n, size - n}; }
	bool starts_with(Bytes b) const { return size >= b.size && (b.size == 0 || memcmp(data, b.data, b.size) == 0); }
	// Negative, 0 or positive, by the order of bytes.
	int compare(Bytes b) const
	{
		size_t n = size < b.size ? size : b.size;
		int order = n ? memcmp(data, b.data, n) : 0;
		return order ? order : (size > b.size) - (size < b.size);
	}
};

inline bool operator==(Bytes a, Bytes b) { return a.size == b.size && a.starts_with(b); }
inline bool operator!=(Bytes a, Bytes b) { return !(a == b); }
inline bool operator<(Bytes a, Bytes b) { return a.compare(b) < 0; }

// quoted shows input in an error text, see wraft_put_quoted: out << quoted(b).
struct quoted {
	Bytes input;
	explicit quoted(Bytes b) : input(b) {}
};

// Output takes the bytes of a result, or the text of a failure.
class Output {
public:
	explicit Output(wraft_output *out) : out_(out) {}

	Output &put(Bytes b) { return wraft_put(out_, b.data, b.size), *this; }
	Output &byte(uint8_t b) { return wraft_put_byte(out_, b), *this; }
	Output &operator<<(Bytes b) { return put(b); }
	Output &operator<<(const quoted &q) { return wraft_put_quoted(out_, q.input), *this; }
	Output &operator<<(int n) { return *this << static_cast<long long>(n); }
	Output &operator<<(long n) { return *this << static_cast<long long>(n); }
	Output &operator<<(long long n) { return wraft_put_decimal(out_, n), *this; }
	Output &operator<<(unsigned n) { return *this << static_cast<unsigned long long>(n); }
	Output &operator<<(unsigned long n) { return *this << static_cast<unsigned long long>(n); }
	Output &operator<<(unsigned long long n) { return wraft_put_unsigned(out_, n), *this; }

	// What the present call has put so far, valid until the next put.
	Bytes written() const { return wraft_written(out_); }
	void clear() { wraft_clear(out_); }
	// Makes text the whole output and returns status: return out.fail(...).
	int32_t fail(int32_t status, Bytes text)
	{
		clear();
		put(text);
		return status;
	}

private:
	wraft_output *out_;
};

// Writer is a snapshot on its way out. Its methods return false when the host takes no more.
class Writer {
public:
	explicit Writer(wraft_writer *w) : w_(w) {}
	bool write(Bytes b) { return wraft_write(w_, b.data, b.size); }
	bool u32(uint32_t n) { return wraft_write_u32(w_, n); }
	bool u64(uint64_t n) { return wraft_write_u64(w_, n); }

private:
	wraft_writer *w_;
};

// Reader is a snapshot on its way in.
class Reader {
public:
	explicit Reader(wraft_reader *r) : r_(r) {}
	// Fills p with up to n bytes and returns how many; fewer only at the end.
	size_t read(void *p, size_t n) { return wraft_read(r_, p, n); }
	// False when the snapshot ends before.
	bool u32(uint32_t &n) { return wraft_read_u32(r_, &n); }
	bool u64(uint64_t &n) { return wraft_read_u64(r_, &n); }

private:
	wraft_reader *r_;
};

// Array is a growing array of a type without constructors and destructors.
template <class T> class Array {
	static_assert(__is_trivially_copyable(T), "an Array moves its items by copying their bytes");

public:
	Array() = default;
	Array(const Array &) = delete;
	Array &operator=(const Array &) = delete;
	Array(Array &&a) noexcept : data_(a.data_), size_(a.size_), capacity_(a.capacity_) { a.forget(); }
	Array &operator=(Array &&a) noexcept
	{
		if (this != &a) {
			::free(data_);
			data_ = a.data_, size_ = a.size_, capacity_ = a.capacity_;
			a.forget();
		}
		return *this;
	}
	~Array() { ::free(data_); }

	size_t size() const { return size_; }
	T *begin() { return data_; }
	T *end() { return data_ + size_; }
	const T *begin() const { return data_; }
	const T *end() const { return data_ + size_; }
	T &operator[](size_t i) { return data_[i]; }
	const T &operator[](size_t i) const { return data_[i]; }

	void push(const T &item)
	{
		T kept = item; // it may lie in this array
		resize(size_ + 1);
		data_[size_ - 1] = kept;
	}
	// New items are undefined. Memory for much fewer items than before is given back.
	void resize(size_t n)
	{
		size_t capacity = capacity_;
		if (n > capacity)
			capacity = capacity ? n + n / 2 : n;
		else if (n < capacity / 4)
			capacity = n;
		if (capacity != capacity_) {
			data_ = static_cast<T *>(wraft_resize(data_, capacity * sizeof(T)));
			capacity_ = capacity;
		}
		size_ = n;
	}
	// Sets all items to zero bytes.
	void zero()
	{
		if (size_)
			memset(static_cast<void *>(data_), 0, size_ * sizeof(T));
	}

private:
	void forget() { data_ = nullptr, size_ = capacity_ = 0; }

	T *data_ = nullptr;
	size_t size_ = 0, capacity_ = 0;
};

// The world, the same on every replica; wraft.h says what each is.
enum class Level { debug = WRAFT_DEBUG, info = WRAFT_INFO, warn = WRAFT_WARN, error = WRAFT_ERROR };
inline int64_t now() { return wraft_now(); }
inline uint64_t index() { return wraft_index(); }
inline int64_t fuel() { return wraft_fuel(); }
inline void random(void *p, size_t n) { wraft_random(p, n); }
inline void log(Level level, const char *text) { wraft_log(static_cast<wraft_level>(level), text); }
inline void emit(Bytes b) { wraft_emit(b.data, b.size); }

} // namespace wraft

// WRAFT_MACHINE makes a class the module's machine. Use it once, outside of namespaces.
#define WRAFT_MACHINE(Class) \
	static Class wraft_machine; \
	extern "C" int32_t machine_apply(wraft_bytes command, wraft_output *out) \
	{ \
		wraft::Output o(out); \
		return wraft_machine.apply(command, o); \
	} \
	extern "C" int32_t machine_query(wraft_bytes query, wraft_output *out) \
	{ \
		wraft::Output o(out); \
		return static_cast<const Class &>(wraft_machine).query(query, o); \
	} \
	extern "C" int32_t machine_snapshot(wraft_writer *writer, wraft_output *why) \
	{ \
		wraft::Writer w(writer); \
		wraft::Output o(why); \
		return static_cast<const Class &>(wraft_machine).snapshot(w, o); \
	} \
	extern "C" int32_t machine_restore(wraft_reader *reader, uint32_t from_version, wraft_output *why) \
	{ \
		wraft::Reader r(reader); \
		wraft::Output o(why); \
		return wraft_machine.restore(r, from_version, o); \
	}

#endif
