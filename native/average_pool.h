// AVERAGE_POOL_2D of 2x2 pixels, which do not overlap: in front of an int8 convolution, that is what it reads.
#pragma once

#include "kernels/int8_kernel.h"
#include "plan.h"

namespace larq_el {

// The averages of an image's windows, of those pixels of a window that lie inside. Sums are XNNPACK's to the bit.
class Averages {
 public:
  explicit Averages(const Int8Kernel& kernel) : kernel_(kernel) {}

  // For images of this shape (N, H, W, C); sets that of the averages. False, with a message, where they do not fit.
  bool place(const Shape& input, bool same, Shape* output, const Reporter& report);

  // Writes the channels of pixel `pixel` of an image's averages.
  void write(const float* images, size_t image, size_t pixel, float* average) const;

 private:
  const Int8Kernel& kernel_;
  Span rows_;
  Span columns_;
  size_t channels_ = 0;
  Array<float> zeros_;  // the pixel outside of an image
};

class AveragePool final : public Op {
 public:
  AveragePool(const Int8Kernel& kernel, bool same) : averages_(kernel), same_(same) {}
  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  void run(const Run& run) const override;

 private:
  Averages averages_;
  bool same_;
  int threads_ = 1;
  size_t batch_ = 0;
  size_t pixels_ = 0;  // of an image's averages
  size_t channels_ = 0;
};

// Whether a node of these options is one.
bool is_average_pool(const tfl::PoolParams* params);

}  // namespace larq_el
