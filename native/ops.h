// The operators around binary convolutions: reals to bits, bits to reals, and maxima of bits.
#pragma once

#include "attributes.h"
#include "kernels/kernel.h"
#include "plan.h"

namespace larq_el {

// LceQuantize: bit c % 32 of word c / 32 is set where x is below zero (float32), below the zero point (int8), or false
// (bool). The bits beyond the last channel are 0.
class Quantize final : public Op {
 public:
  explicit Quantize(const BinaryKernel& kernel) : kernel_(kernel) {}
  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  void run(const Run& run) const override;

 private:
  const BinaryKernel& kernel_;
  tfl::Type type_ = tfl::kFloat32;
  int zero_point_ = 0;
  size_t rows_ = 0;
  size_t channels_ = 0;
};

// LceDequantize: the inverse, +1 and -1 as float32, as int8 of the output's scale, or true and false.
class Dequantize final : public Op {
 public:
  explicit Dequantize(int channels) : channels_(channels) {}
  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  void run(const Run& run) const override;

 private:
  size_t channels_;
  size_t rows_ = 0;
  tfl::Type type_ = tfl::kFloat32;
  int8_t plus_ = 1;
  int8_t minus_ = -1;
};

// LceBMaxPool2d: the largest of a window is -1 only where all are, the conjunction of the bits. Windows end at the
// image's borders.
class BMaxPool final : public Op {
 public:
  explicit BMaxPool(const BMaxPoolAttributes& attributes) : attributes_(attributes) {}
  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  void run(const Run& run) const override;

 private:
  void pool_row(const uint32_t* image, int row, uint32_t* out) const;

  BMaxPoolAttributes attributes_;
  Span rows_;
  Span columns_;
  int batch_ = 0;
  size_t words_ = 0;
};

}  // namespace larq_el
