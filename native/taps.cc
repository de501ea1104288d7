#include "taps.h"

namespace larq_el {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Tap `k` of window `output` lies at `origin + k * dilation`.
TapRange inside(const Window& window, const Span& span, int output) {
  const int64_t origin = int64_t{output} * window.stride - span.padding;
  const int64_t first = origin >= 0 ? 0 : ceil_div(-origin, window.dilation);
  const int64_t last = origin >= span.input ? 0 : ceil_div(span.input - origin, window.dilation);
  TapRange range;
  range.first = static_cast<int>(first < window.size ? first : window.size);
  range.last = static_cast<int>(last < window.size ? last : window.size);
  if (range.last <= range.first) range = {0, 0};
  return range;
}

}  // namespace

bool TapClasses::assign(const Window& window, const Span& span) {
  taps_ = window.size;
  if (!classes_.assign_zeros(span.output) || !ranges_.assign_zeros(0)) return false;
  for (int output = 0; output < span.output; ++output) {
    const TapRange range = inside(window, span, output);
    size_t index = 0;
    // Neighbours are alike most often: look from the newest class back.
    for (index = ranges_.size(); index > 0; --index) {
      if (ranges_[index - 1].first == range.first && ranges_[index - 1].last == range.last) break;
    }
    if (index == 0) {
      if (!ranges_.push_back(range)) return false;
      index = ranges_.size();
    }
    classes_[output] = static_cast<int>(index - 1);
  }
  return true;
}

}  // namespace larq_el
