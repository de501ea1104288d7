// Convolutions in int8 as they stand in a graph: of reals by int8 weights (dynamic range), or of int8 between QUANTIZE
// and DEQUANTIZE (static).
#pragma once

#include "fusion_graph.h"
#include "kernels/int8_kernel.h"
#include "shape.h"

namespace larq_el {

// The nodes around an int8 convolution, and its options and constants.
struct Int8Match {
  int input = -1;       // the float32 tensor that is read
  int output = -1;      // the float32 tensor that is computed
  int pool = -1;        // position of an AVERAGE_POOL_2D in front that nothing else reads, or -1
  int quantize = -1;    // of a static one: positions of QUANTIZE and DEQUANTIZE
  int dequantize = -1;  //
  Window height;
  Window width;
  bool same = false;
  tfl::Activation activation = tfl::kNone;
  bool pool_same = false;
  int channels_in = 0;
  int channels_out = 0;
  const int8_t* filter = nullptr;        // [channels_out][height][width][channels_in]
  const float* scales = nullptr;         // [channels_out], of the filter
  const float* bias = nullptr;           // [channels_out], or null
  const int32_t* static_bias = nullptr;  // the same, of a static one
  tfl::Quantization from = {};           // of a static one's input and output
  tfl::Quantization to = {};

  bool is_static() const { return quantize >= 0; }
};

// Whether a node of a graph is an int8 convolution that can be computed here.
bool match_int8_conv(const FusionGraph& graph, const FusionNode& node, Int8Match* match);

// Whether it is faster here than in the stock runtime, where it reads what the delegate computes (`behind` it) or not.
bool pays_off(const FusionGraph& graph, const Int8Match& match, const Int8Kernel& kernel, bool behind);

}  // namespace larq_el
