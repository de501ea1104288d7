#include "attributes.h"

#include "flexmap.h"

namespace larq_el {
namespace {

constexpr int kMaxStep = 1 << 16;      // of strides, dilations and window sizes: no image is larger
constexpr int kMaxChannels = 1 << 24;  // keeps sums over channels far from overflow

struct Options {
  const char* operator_name;
  const Reporter& report;
  FlexMap map;

  bool open(const void* options, size_t size) {
    return map.open(options, size) || report.error("%s: the options are not a FlexBuffers map.", operator_name);
  }

  bool get(const char* key, int lowest, int highest, int* value) const {
    int64_t found = 0;
    if (!map.integer(key, &found)) return report.error("%s: the option %s is missing.", operator_name, key);
    if (found < lowest || found > highest) {
      return report.error("%s: the option %s must be from %d to %d, got %lld.", operator_name, key, lowest, highest,
                          static_cast<long long>(found));
    }
    *value = static_cast<int>(found);
    return true;
  }
};

}  // namespace

bool parse(const void* options, size_t size, const Reporter& report, BconvAttributes* attributes) {
  Options from{"LceBconv2d", report, {}};
  int padding = 0, pad_values = 0, activation = 0;
  if (!from.open(options, size) || !from.get("channels_in", 1, kMaxChannels, &attributes->channels_in) ||
      !from.get("stride_height", 1, kMaxStep, &attributes->height.stride) ||
      !from.get("stride_width", 1, kMaxStep, &attributes->width.stride) ||
      !from.get("dilation_height_factor", 1, kMaxStep, &attributes->height.dilation) ||
      !from.get("dilation_width_factor", 1, kMaxStep, &attributes->width.dilation) ||
      !from.get("padding", 0, 1, &padding) || !from.get("pad_values", 0, 1, &pad_values) ||
      !from.get("fused_activation_function", 0, 3, &activation)) {
    return false;
  }
  attributes->same = padding == 0;
  attributes->pad_one = pad_values == 1;
  attributes->activation = static_cast<Activation>(activation);
  return true;
}

bool parse(const void* options, size_t size, const Reporter& report, BMaxPoolAttributes* attributes) {
  Options from{"LceBMaxPool2d", report, {}};
  int padding = 0;
  if (!from.open(options, size) || !from.get("filter_height", 1, kMaxStep, &attributes->height.size) ||
      !from.get("filter_width", 1, kMaxStep, &attributes->width.size) ||
      !from.get("stride_height", 1, kMaxStep, &attributes->height.stride) ||
      !from.get("stride_width", 1, kMaxStep, &attributes->width.stride) || !from.get("padding", 0, 1, &padding)) {
    return false;
  }
  attributes->same = padding == 0;
  return true;
}

void activation_range(Activation activation, int* lowest, int* highest) {
  *lowest = activation == Activation::kNone ? INT32_MIN : activation == Activation::kReluMinus1To1 ? -1 : 0;
  *highest = activation == Activation::kReluMinus1To1 ? 1 : activation == Activation::kRelu6 ? 6 : INT32_MAX;
}

}  // namespace larq_el
