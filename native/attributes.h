// The options of the operators, parsed and checked.
#pragma once

#include <cstddef>

#include "report.h"
#include "shape.h"

namespace larq_el {

enum class Activation { kNone = 0, kRelu = 1, kReluMinus1To1 = 2, kRelu6 = 3 };

struct BconvAttributes {
  int channels_in = 0;
  Window height;  // stride and dilation; the size is the filter's
  Window width;
  bool same = false;     // padding SAME, else VALID
  bool pad_one = false;  // what lies outside is +1, else 0
  Activation activation = Activation::kNone;
};

struct BMaxPoolAttributes {
  Window height;
  Window width;
  bool same = false;
};

// False, with a message, where an option is missing or out of range.
bool parse(const void* options, size_t size, const Reporter& report, BconvAttributes* attributes);
bool parse(const void* options, size_t size, const Reporter& report, BMaxPoolAttributes* attributes);

// The range to which an activation function clamps integers.
void activation_range(Activation activation, int* lowest, int* highest);

}  // namespace larq_el
