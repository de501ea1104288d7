// An operator that reads rows of reals and finishes them: where no convolution stands before what is fused.
#pragma once

#include "finisher.h"
#include "plan.h"

namespace larq_el {

// Rows of the pixels [first, last), at most 64 of them, `stride` floats from each other.
struct RowValues {
  const float* values;  // of the first pixel
  size_t stride;
  int channels;
  size_t first;
  size_t last;
};

// Takes rows through an operator's steps, to its outputs.
void finish_rows(const BinaryKernel& kernel, const Finisher& finisher, const Run& run, RowFinish finish,
                 const RowValues& rows);

class RowPass final : public Op {
 public:
  explicit RowPass(const BinaryKernel& kernel) : kernel_(kernel) {}

  // Input 0 holds the rows; the others are operands.
  Finisher& finisher() { return finisher_; }

  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  void run(const Run& run) const override;

 private:
  const BinaryKernel& kernel_;
  Finisher finisher_;
  size_t pixels_ = 0;
  int channels_ = 0;
  int threads_ = 1;
};

}  // namespace larq_el
