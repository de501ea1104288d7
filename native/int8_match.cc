#include "int8_match.h"

#include <cmath>
#include <cstdlib>

#include "average_pool.h"
#include "conv_options.h"

namespace larq_el {
namespace {

constexpr int kMostDepth = 1 << 14;        // weights of an output channel: sums and corrections fit into 32 bits
constexpr int32_t kMostBias = 1 << 30;     // beside them
constexpr float kLeastRescale = 0x1p-32f;  // and the most: beyond them the stock runtime falls back to other kernels
constexpr float kMostRescale = 256.0f;
constexpr int64_t kLargeSum = 1 << 19;  // reals of an image that do not stay in the second-level cache

bool is_scale(float scale) { return scale > 0.0f && std::isfinite(scale); }

bool is_quantized(const FusionGraph& graph, int tensor, tfl::Quantization* found) {
  if (!graph.is_int8(tensor)) return false;
  *found = graph.quantization(tensor);
  return is_scale(found->scale) && found->zero_point >= INT8_MIN && found->zero_point <= INT8_MAX;
}

bool read_filter(const FusionGraph& graph, const FusionNode& node, Int8Match* match) {
  if (node.inputs_count < 2 || node.inputs_count > 3) return false;
  const int tensor = node.inputs[1];
  int count = 0;
  match->filter = graph.constant<int8_t>(tensor, tfl::kInt8, &count);
  if (match->filter == nullptr || graph.rank(tensor) != 4) return false;
  match->channels_out = graph.dim(tensor, 0);
  match->height.size = graph.dim(tensor, 1);
  match->width.size = graph.dim(tensor, 2);
  match->channels_in = graph.dim(tensor, 3);
  if (count / match->channels_out > kMostDepth) return false;
  match->scales = graph.channel_scales(tensor, match->channels_out);
  if (match->scales == nullptr) return false;
  for (int c = 0; c < match->channels_out; ++c) {
    if (!is_scale(match->scales[c])) return false;
  }
  return true;
}

// A bias that is not there is one of zeros.
template <class T>
bool read_bias(const FusionGraph& graph, const FusionNode& node, tfl::Type type, int channels, const T** bias) {
  if (node.inputs_count == 2 || node.inputs[2] < 0) return true;
  int count = 0;
  *bias = graph.constant<T>(node.inputs[2], type, &count);
  return *bias != nullptr && count == channels;
}

// QUANTIZE in front and DEQUANTIZE behind, which nothing else reads.
bool follow_static(const FusionGraph& graph, const FusionNode& node, Int8Match* match) {
  const int before = graph.producer(node.inputs[0]), behind = graph.only_reader(node.output);
  if (before < 0 || graph.node(before).kind != Kind::kQuantizeInt8 || graph.node(before).inputs_count != 1)
    return false;
  if (behind < 0 || graph.node(behind).kind != Kind::kDequantizeInt8) return false;
  if (graph.only_reader(node.inputs[0]) < 0) return false;
  if (!is_quantized(graph, node.inputs[0], &match->from) || !is_quantized(graph, node.output, &match->to)) return false;
  if (!read_bias(graph, node, tfl::kInt32, match->channels_out, &match->static_bias)) return false;
  for (int c = 0; c < match->channels_out; ++c) {
    if (match->static_bias != nullptr && std::abs(int64_t{match->static_bias[c]}) > kMostBias) return false;
    const float rescale = match->from.scale * match->scales[c] / match->to.scale;
    if (!(rescale >= kLeastRescale && rescale < kMostRescale)) return false;
  }
  match->quantize = before;
  match->dequantize = behind;
  match->input = graph.node(before).inputs[0];
  match->output = graph.node(behind).output;
  return true;
}

// An average of 2x2 pixels in front, which nothing else reads.
void follow_pool(const FusionGraph& graph, Int8Match* match) {
  const int position = graph.producer(match->input);
  if (position < 0 || graph.only_reader(match->input) < 0) return;
  const FusionNode& node = graph.node(position);
  const tfl::PoolParams* params = static_cast<const tfl::PoolParams*>(node.params);
  if (node.kind != Kind::kAveragePool || !is_average_pool(params)) return;
  if (node.inputs_count != 1 || !graph.is_image(node.inputs[0])) return;
  if (graph.channels(node.inputs[0]) != match->channels_in) return;
  match->pool = position;
  match->pool_same = params->padding == tfl::kSame;
  match->input = node.inputs[0];
}

}  // namespace

bool match_int8_conv(const FusionGraph& graph, const FusionNode& node, Int8Match* match) {
  Int8Match found;
  const tfl::ConvParams* params = static_cast<const tfl::ConvParams*>(node.params);
  if (node.kind != Kind::kConv || !read_conv_options(params, &found) || !read_filter(graph, node, &found)) return false;
  if (graph.is_float(node.inputs[0])) {
    found.input = node.inputs[0];
    found.output = node.output;
    if (!read_bias(graph, node, tfl::kFloat32, found.channels_out, &found.bias)) return false;
  } else if (!follow_static(graph, node, &found)) {
    return false;
  }
  if (!graph.is_image(found.input) || graph.channels(found.input) != found.channels_in) return false;
  if (!graph.is_image(found.output) || graph.channels(found.output) != found.channels_out) return false;
  follow_pool(graph, &found);
  *match = found;
  return true;
}

// As benchmarks/int8_convolutions.py found: the kernels are level with the stock runtime's, and what is gained is what
// does not go through memory, the average in front and the sum behind, and the way to the runtime and back. Larger
// windows, and small images without an average, gain nothing.
bool pays_off(const FusionGraph& graph, const Int8Match& match, const Int8Kernel& kernel, bool behind) {
  if (!behind || !kernel.is_level || match.height.size * match.width.size != 1) return false;
  if (match.height.stride * match.width.stride != 1) return false;
  const int64_t sums = int64_t{graph.dim(match.output, 1)} * graph.dim(match.output, 2) * match.channels_out;
  return match.pool >= 0 || sums >= kLargeSum;
}

}  // namespace larq_el
