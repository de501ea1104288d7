// Which taps of a sliding window lie inside the image.
#pragma once

#include "memory.h"
#include "shape.h"

namespace larq_el {

// The taps [first, last) of one axis that fall inside the image.
struct TapRange {
  int first;
  int last;
};

// One axis of an image. Windows with the same taps inside form a class: there are few of them, at the borders and in
// the middle, so that what depends on the border alone can be computed once for each.
class TapClasses {
 public:
  // False where memory is short.
  bool assign(const Window& window, const Span& span);

  int count() const { return static_cast<int>(ranges_.size()); }
  int of(int output) const { return classes_[output]; }
  const TapRange& range(int index) const { return ranges_[index]; }
  bool whole(int index) const { return ranges_[index].first == 0 && ranges_[index].last == taps_; }

 private:
  int taps_ = 0;
  Array<int> classes_;  // of each output
  Array<TapRange> ranges_;
};

}  // namespace larq_el
