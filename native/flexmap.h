// Reads integers from a FlexBuffers map, the form in which custom operators keep their options.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larq_el {

// A view of a map in a buffer that outlives it. Every offset is checked against the buffer before it is followed, so a
// malformed buffer fails to open or lacks the key, and is never read outside its bounds.
class FlexMap {
 public:
  // False where the buffer holds no map.
  bool open(const void* buffer, size_t size);

  // The integer or boolean under `key`; false where there is none.
  bool integer(const char* key, int64_t* value) const;

 private:
  bool word(size_t position, size_t width, uint64_t* value) const;
  bool follow(size_t position, size_t width, size_t* target) const;
  bool key_is(size_t index, const char* key) const;
  bool value_at(size_t index, int64_t* value) const;

  const uint8_t* bytes_ = nullptr;
  size_t size_ = 0;
  size_t values_ = 0;      // position of the first value
  size_t width_ = 0;       // bytes of a value
  size_t count_ = 0;       // number of entries
  size_t keys_ = 0;        // position of the first key's offset
  size_t keys_width_ = 0;  // bytes of such an offset
};

}  // namespace larq_el
