#include "flexmap.h"

#include <cstring>

namespace larq_el {
namespace {

// Types of the FlexBuffers format that matter here. A packed type is the type times 4 plus the logarithm of a width.
enum FlexType { kInt = 1, kUInt = 2, kIndirectInt = 6, kIndirectUInt = 7, kMap = 9, kBool = 26 };

int type_of(uint8_t packed) { return packed >> 2; }
size_t width_of(uint8_t packed) { return size_t{1} << (packed & 3); }

bool is_width(uint64_t width) { return width == 1 || width == 2 || width == 4 || width == 8; }

int64_t sign_extend(uint64_t value, size_t width) {
  const int unused = static_cast<int>(64 - 8 * width);
  return static_cast<int64_t>(value << unused) >> unused;
}

}  // namespace

bool FlexMap::word(size_t position, size_t width, uint64_t* value) const {
  if (position > size_ || width > size_ - position) return false;
  *value = 0;
  for (size_t i = 0; i < width; ++i) *value |= static_cast<uint64_t>(bytes_[position + i]) << (8 * i);
  return true;
}

// Offsets count backwards from where they stand.
bool FlexMap::follow(size_t position, size_t width, size_t* target) const {
  uint64_t offset = 0;
  if (!word(position, width, &offset) || offset > position) return false;
  *target = position - offset;
  return true;
}

bool FlexMap::open(const void* buffer, size_t size) {
  bytes_ = static_cast<const uint8_t*>(buffer);
  size_ = size;
  count_ = 0;
  if (bytes_ == nullptr || size < 3) return false;
  // The buffer ends with the root, the root's packed type and the root's width.
  const size_t root_width = bytes_[size - 1];
  const uint8_t root_type = bytes_[size - 2];
  if (!is_width(root_width) || root_width > size - 2 || type_of(root_type) != kMap) return false;
  if (!follow(size - 2 - root_width, root_width, &values_)) return false;
  // Three words stand before the values: offset of the keys, width of the keys, number of entries.
  width_ = width_of(root_type);
  if (values_ < 3 * width_) return false;
  uint64_t count = 0, keys_width = 0;
  if (!word(values_ - width_, width_, &count) || !word(values_ - 2 * width_, width_, &keys_width)) return false;
  if (!is_width(keys_width) || !follow(values_ - 3 * width_, width_, &keys_)) return false;
  keys_width_ = keys_width;
  // An entry takes a value and a type, and an offset among the keys.
  if (count > (size_ - values_) / (width_ + 1) || count > (size_ - keys_) / keys_width_) return false;
  count_ = count;
  return true;
}

bool FlexMap::key_is(size_t index, const char* key) const {
  size_t start = 0;
  if (!follow(keys_ + index * keys_width_, keys_width_, &start)) return false;
  const size_t length = strlen(key) + 1;  // with the terminating zero
  return length <= size_ - start && memcmp(bytes_ + start, key, length) == 0;
}

bool FlexMap::value_at(size_t index, int64_t* value) const {
  const uint8_t packed = bytes_[values_ + count_ * width_ + index];
  size_t position = values_ + index * width_;
  size_t width = width_;
  const int type = type_of(packed);
  if (type == kIndirectInt || type == kIndirectUInt) {
    if (!follow(position, width_, &position)) return false;
    width = width_of(packed);
  } else if (type != kInt && type != kUInt && type != kBool) {
    return false;
  }
  uint64_t bits = 0;
  if (!word(position, width, &bits)) return false;
  const bool is_signed = type == kInt || type == kIndirectInt;
  if (!is_signed && bits > static_cast<uint64_t>(INT64_MAX)) return false;
  *value = is_signed ? sign_extend(bits, width) : static_cast<int64_t>(bits);
  return true;
}

bool FlexMap::integer(const char* key, int64_t* value) const {
  for (size_t i = 0; i < count_; ++i) {
    if (key_is(i, key)) return value_at(i, value);
  }
  return false;
}

}  // namespace larq_el
