// A depthwise convolution of signs with a kernel of signs, each channel of which has one magnitude: what stands in a
// graph as LceDequantize and DEPTHWISE_CONV_2D, computed on bits.
#pragma once

#include "finisher.h"
#include "fusion_graph.h"
#include "node_checks.h"
#include "plan.h"
#include "taps.h"

namespace larq_el {

// Sums of signs are exact; the runtime's own convolution adds up magnitudes, which rounds differently in the last bit
// where a magnitude is no power of two.
class BinaryDepthwise final : public Op {
 public:
  BinaryDepthwise(const BinaryKernel& kernel, const tfl::DepthwiseConvParams& params) : kernel_(kernel) {
    height_ = {1, params.stride_height, params.dilation_height};
    width_ = {1, params.stride_width, params.dilation_width};
    same_ = params.padding == tfl::kSame;
  }

  // The filter (1, height, width, channels), and a bias for each channel or null. False where memory is short.
  bool assign(const float* filter, int height, int width, int channels, const float* bias);

  // Input 0 holds the bits; the others are operands.
  Finisher& finisher() { return finisher_; }
  int channels() const { return channels_; }

  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  size_t scratch_bytes() const override;
  void run(const Run& run) const override;

 private:
  size_t compute(const uint32_t* bits, size_t pixel, size_t most, float* out) const;

  const BinaryKernel& kernel_;
  Finisher finisher_;
  Window height_;
  Window width_;
  bool same_ = true;
  int channels_ = 0;
  int words_ = 0;
  int copies_ = 1;          // of a pixel's constants beside each other: few channels are counted for several pixels
  Array<uint32_t> filter_;  // [tap][copy][word]
  Array<float> scale_;      // [copy][words * 32], as the bias
  Array<float> bias_;
  Span rows_;
  Span columns_;
  TapClasses row_taps_;
  TapClasses column_taps_;
  size_t pixels_ = 0;
  int threads_ = 1;
};

// Whether a node of a graph is such a convolution; `dequantize` becomes the position of the node in front of it.
bool is_binary_depthwise(const FusionGraph& graph, const FusionNode& node, int* dequantize);

// Null, with a message, where memory is short.
BinaryDepthwise* make_depthwise(const FusionGraph& graph, const FusionNode& node, const BinaryKernel& kernel,
                                const Reporter& report);

}  // namespace larq_el
