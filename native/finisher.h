// What follows an operator's rows of reals: steps such as BatchNorm's factors, Elastic-Link's and the residual sum, and
// the forms in which the result is wanted: its values, its signs, its mean magnitude (K), its sums over groups
// (Squeeze).
#pragma once

#include "kernels/kernel.h"
#include "plan.h"

namespace larq_el {

class Finisher {
 public:
  // Numbers of an operator's inputs and outputs, -1 for those that there are not.
  struct Outputs {
    int values = -1;
    int bits = -1;
    int magnitude = -1;
    int groups = -1;
    int group_channels = 0;
  };

  // y[c] = ... with a constant for each channel, or one for all. False where there are too many steps or memory is
  // short, as for all that follow.
  bool add_constant(RowStep::Kind kind, const float* values, int count, int channels);

  // y[c] = ... with a tensor that the operator has as input number `input`. Of kAdd, which repeats `channels` channels
  // and scales them.
  bool add_operand(RowStep::Kind kind, int input, int channels = 1, float scale = 1.0f);

  bool add_relu();

  // y[c] = y[c] + what is computed beside it: the operand of step number `beside()`, rows of kBlock channels, is set by
  // whoever has it.
  bool add_beside();
  int beside() const { return beside_; }

  void set_outputs(const Outputs& outputs) { outputs_ = outputs; }
  const Outputs& outputs() const { return outputs_; }

  // Checks the operands, and sets the shapes of the outputs, for a result of `shape` (N, H, W, C).
  bool prepare(const Value* const* inputs, Value* const* outputs, const Shape& shape, const Reporter& report);

  // The steps and outputs with this run's addresses; `steps` has room for kMaxSteps.
  RowFinish bind(const Run& run, RowStep* steps) const;

  // Before the first and after the last block of the pixels [first, last); `lanes` has room for kLanes numbers of each.
  void begin(RowFinish* finish, float* lanes, size_t first, size_t last) const;
  void end(const RowFinish& finish, size_t first, size_t last) const;

 private:
  struct Spec {
    RowStep step;     // its operand is set by bind
    int input;        // -1 of constants
    size_t constant;  // offset in constants_
  };

  bool add(const Spec& spec) { return specs_.size() < kMaxSteps && specs_.push_back(spec); }

  Array<Spec> specs_;
  Array<float> constants_;
  Outputs outputs_;
  int beside_ = -1;
  int channels_ = 0;
};

}  // namespace larq_el
