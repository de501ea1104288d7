// Storage without exceptions: what cannot be allocated is reported by the caller, never thrown across the C interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace larq_el {

constexpr size_t kAlignment = 64;  // a cache line, and the widest vector

inline size_t align_up(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// product = a * b; false where that does not fit.
inline bool multiply(size_t a, size_t b, size_t* product) { return !__builtin_mul_overflow(a, b, product); }

// Memory for `bytes`, 64-byte aligned, to be freed by free(); null where memory is short. Large blocks ask for large
// pages: walks through page tables otherwise take a good part of the time in which activations stream through.
inline void* allocate(size_t bytes) {
  constexpr size_t kPage = size_t{1} << 21;
  if (bytes < kPage) return aligned_alloc(kAlignment, align_up(bytes));
  const size_t whole = (bytes + kPage - 1) / kPage * kPage;
  void* storage = aligned_alloc(kPage, whole);
#if defined(MADV_HUGEPAGE)
  if (storage != nullptr) madvise(storage, whole, MADV_HUGEPAGE);  // a wish: its refusal changes nothing
#endif
  return storage;
}

// An owned, 64-byte aligned array of plain values.
template <class T>
class Array {
  static_assert(std::is_trivially_copyable<T>::value, "elements are moved by memcpy");

 public:
  Array() = default;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { free(data_); }

  // Makes room for `count` zeroed elements, dropping the old ones; false where memory is short, and the array is empty.
  bool assign_zeros(size_t count) {
    free(data_);
    data_ = nullptr;
    size_ = capacity_ = 0;
    if (!reserve(count)) return false;
    if (count > 0) memset(static_cast<void*>(data_), 0, count * sizeof(T));
    size_ = count;
    return true;
  }

  bool push_back(const T& value) {
    if (size_ == capacity_ && !reserve(capacity_ == 0 ? 8 : 2 * capacity_)) return false;
    data_[size_++] = value;
    return true;
  }

  size_t size() const { return size_; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  bool reserve(size_t count) {
    size_t bytes = 0;
    if (count <= capacity_) return true;
    if (!multiply(count, sizeof(T), &bytes) || bytes > SIZE_MAX / 2) return false;
    void* storage = allocate(bytes);
    if (storage == nullptr) return false;
    if (size_ > 0) memcpy(storage, static_cast<const void*>(data_), size_ * sizeof(T));
    free(data_);
    data_ = static_cast<T*>(storage);
    capacity_ = count;
    return true;
  }

  T* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Base of what is created with `new`: nullptr instead of an exception where memory is short.
struct Allocated {
  static void* operator new(size_t bytes) noexcept { return malloc(bytes); }
  static void operator delete(void* storage) noexcept { free(storage); }
};

// Owns one object created with `new`.
template <class T>
class Owned {
 public:
  explicit Owned(T* object = nullptr) : object_(object) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { delete object_; }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  T* release() {
    T* object = object_;
    object_ = nullptr;
    return object;
  }

 private:
  T* object_;
};

}  // namespace larq_el
