// Shapes of tensors, and the arithmetic of windows that slide over images.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memory.h"

namespace larq_el {

constexpr int kBitsPerWord = 32;  // channels of an int32 word of signs

inline int64_t words_for(int64_t channels) { return (channels + kBitsPerWord - 1) / kBitsPerWord; }

struct Shape {
  static constexpr int kMaxRank = 8;
  static constexpr size_t kMaxElements = INT32_MAX;  // runtimes index tensors with int

  int rank = 0;
  int dims[kMaxRank] = {};

  int last() const { return dims[rank - 1]; }

  // Product of the first `count` dims; false where a dim is not positive or the product is too large for any tensor.
  bool volume(int count, size_t* elements) const {
    *elements = 1;
    for (int i = 0; i < count; ++i) {
      if (dims[i] <= 0 || !multiply(*elements, static_cast<size_t>(dims[i]), elements)) return false;
      if (*elements > kMaxElements) return false;
    }
    return true;
  }

  bool elements(size_t* count) const { return volume(rank, count); }
};

// One axis of a window that slides over an image.
struct Window {
  int size = 1;
  int stride = 1;
  int dilation = 1;

  int64_t extent() const { return int64_t{size - 1} * dilation + 1; }
};

// Where the windows of one axis lie: window `o` starts at `o * stride - padding` of the input.
struct Span {
  int input = 0;
  int output = 0;
  int padding = 0;
};

// TensorFlow's SAME and VALID padding. `output` is not positive where a VALID window does not fit.
inline Span span_of(const Window& window, int input, bool same) {
  Span span;
  span.input = input;
  if (!same) {
    const int64_t room = input - window.extent();
    span.output = room < 0 ? 0 : static_cast<int>(room / window.stride + 1);
    return span;
  }
  span.output = static_cast<int>((int64_t{input} + window.stride - 1) / window.stride);
  const int64_t total = int64_t{span.output - 1} * window.stride + window.extent() - input;
  span.padding = total > 0 ? static_cast<int>(total / 2) : 0;
  return span;
}

}  // namespace larq_el
