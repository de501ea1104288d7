// Float operators that Elastic-Link needs beside a convolution and that cannot join a row's steps.
#pragma once

#include "kernels/kernel.h"
#include "plan.h"
#include "shape.h"

namespace larq_el {

// MAX_POOL_2D of float32 images (N, H, W, C). Windows end at the image's borders.
class MaxPool final : public Op {
 public:
  MaxPool(const BinaryKernel& kernel, const Window& height, const Window& width, bool same)
      : kernel_(kernel), height_(height), width_(width), same_(same) {}
  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  void run(const Run& run) const override;

 private:
  void pool_row(const float* image, int row, float* out) const;

  const BinaryKernel& kernel_;
  Window height_;
  Window width_;
  bool same_;
  Span rows_;
  Span columns_;
  int batch_ = 0;
  int threads_ = 1;
  size_t channels_ = 0;
};

// The mean magnitude of the channels of every `stride`th pixel of every `stride`th row: K of a 1x1 with a stride.
class StridedMagnitude final : public Op {
 public:
  StridedMagnitude(int row_stride, int column_stride) : row_stride_(row_stride), column_stride_(column_stride) {}
  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  void run(const Run& run) const override;

 private:
  int row_stride_;
  int column_stride_;
  int batch_ = 0;
  Span rows_;
  Span columns_;
  int threads_ = 1;
  size_t channels_ = 0;
};

}  // namespace larq_el
