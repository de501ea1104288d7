// A depthwise convolution of signs with a kernel of signs, each channel of which has one magnitude: what stands in a
// graph as LceDequantize and DEPTHWISE_CONV_2D, computed on bits.
#pragma once

#include "finisher.h"
#include "fusion_graph.h"
#include "node_checks.h"
#include "plan.h"
#include "taps.h"

namespace larq_el {

// The nodes in front of a binary depthwise convolution, and its options and constants.
struct DepthwiseMatch {
  int bits = -1;        // the tensor that is read
  int dequantize = -1;  // position of the LceDequantize that nothing else reads, or -1: it is computed too
  int pad = -1;         // position of the PADV2 with ones, or -1
  Window height;
  Window width;
  bool same = false;
  tfl::Activation activation = tfl::kNone;
  int padding[4] = {};  // with ones: above, below, on the left, on the right
  int channels = 0;
  const float* filter = nullptr;  // [height][width][channels]
  const float* bias = nullptr;    // [channels], or null
};

// Whether a node of a graph is a depthwise convolution of signs with signs.
bool match_depthwise(const FusionGraph& graph, const FusionNode& node, DepthwiseMatch* match);

// Sums of signs are exact; the runtime's own convolution adds up magnitudes, which rounds differently in the last bit
// where a magnitude is no power of two.
class BinaryDepthwise final : public Op {
 public:
  BinaryDepthwise(const BinaryKernel& kernel, const DepthwiseMatch& match) : kernel_(kernel), match_(match) {}

  // Reads the constants. False where memory is short.
  bool assign();

  // Input 0 holds the bits; the others are operands.
  Finisher& finisher() { return finisher_; }
  int channels() const { return match_.channels; }

  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  size_t scratch_bytes() const override;
  void run(const Run& run) const override;

 private:
  size_t compute(const uint32_t* bits, size_t pixel, size_t most, float* out) const;

  const BinaryKernel& kernel_;
  DepthwiseMatch match_;  // whose constants are not read after assign
  Finisher finisher_;
  int words_ = 0;
  int copies_ = 1;          // of a pixel's constants beside each other: few channels are counted for several pixels
  Array<uint32_t> filter_;  // [tap][copy][word]
  Array<float> scale_;      // [copy][words * 32], as the bias
  Array<float> bias_;
  Array<uint32_t> ones_;  // [copy][word]: pixels of +1, which stand outside of a padded image
  Span rows_;
  Span columns_;
  TapClasses row_taps_;
  TapClasses column_taps_;
  size_t pixels_ = 0;
  int threads_ = 1;
};

// Null, with a message, where memory is short.
BinaryDepthwise* make_depthwise(const DepthwiseMatch& match, const BinaryKernel& kernel, const Reporter& report);

}  // namespace larq_el
