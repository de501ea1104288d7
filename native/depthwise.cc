#include "depthwise.h"

#include <cmath>
#include <initializer_list>

#include "row_pass.h"

namespace larq_el {
namespace {

constexpr size_t kChunkPixels = 16;
constexpr int kMostStride = 1 << 10;       // and dilation, in pixels
constexpr size_t kSerialValues = 1 << 15;  // below which waking a thread takes longer than it saves

// Whether all taps of each channel have one magnitude.
bool is_signs(const float* filter, int taps, int channels) {
  for (int c = 0; c < channels; ++c) {
    const float magnitude = std::fabs(filter[c]);
    if (!(magnitude > 0.0f) || !std::isfinite(magnitude)) return false;
    for (int tap = 1; tap < taps; ++tap) {
      if (std::fabs(filter[tap * channels + c]) != magnitude) return false;
    }
  }
  return true;
}

}  // namespace

bool is_binary_depthwise(const FusionGraph& graph, const FusionNode& node, int* dequantize) {
  const tfl::DepthwiseConvParams* params = static_cast<const tfl::DepthwiseConvParams*>(node.params);
  if (node.kind != Kind::kDepthwise || params == nullptr || params->depth_multiplier != 1) return false;
  if (params->activation != tfl::kNone && params->activation != tfl::kReluActivation) return false;
  for (const int size :
       {params->stride_height, params->stride_width, params->dilation_height, params->dilation_width}) {
    if (size < 1 || size > kMostStride) return false;
  }
  if (node.inputs_count < 2 || node.inputs_count > 3 || !graph.is_image(node.output)) return false;
  *dequantize = graph.producer(node.inputs[0]);
  if (*dequantize < 0 || graph.node(*dequantize).kind != Kind::kDequantize) return false;
  if (graph.node(*dequantize).inputs_count != 1 || &graph.node(graph.only_reader(node.inputs[0])) != &node)
    return false;
  if (!graph.is_image(node.inputs[0])) return false;
  const int height = graph.dim(node.inputs[1], 1), width = graph.dim(node.inputs[1], 2);
  const int channels = graph.dim(node.inputs[1], 3);
  if (graph.rank(node.inputs[1]) != 4 || graph.dim(node.inputs[1], 0) != 1 || height < 1 || width < 1) return false;
  if (height > kMostTaps || width > kMostTaps || height * width > kMostTaps) return false;
  if (channels != graph.channels(node.inputs[0]) || channels != graph.channels(node.output)) return false;
  int count = 0;
  const float* filter = graph.constant<float>(node.inputs[1], tfl::kFloat32, &count);
  if (filter == nullptr || count != height * width * channels) return false;
  if (node.inputs_count == 3 && node.inputs[2] >= 0) {
    if (graph.constant<float>(node.inputs[2], tfl::kFloat32, &count) == nullptr || count != channels) return false;
  }
  return is_signs(filter, height * width, channels);
}

BinaryDepthwise* make_depthwise(const FusionGraph& graph, const FusionNode& node, const BinaryKernel& kernel,
                                const Reporter& report) {
  int count = 0;
  const float* filter = graph.constant<float>(node.inputs[1], tfl::kFloat32, &count);
  const float* bias = nullptr;
  if (node.inputs_count == 3) bias = graph.constant<float>(node.inputs[2], tfl::kFloat32, &count);
  const int height = graph.dim(node.inputs[1], 1), width = graph.dim(node.inputs[1], 2);
  Owned<BinaryDepthwise> op(new BinaryDepthwise(kernel, *static_cast<const tfl::DepthwiseConvParams*>(node.params)));
  if (op && op->assign(filter, height, width, graph.channels(node.output), bias)) return op.release();
  report.error("DEPTHWISE_CONV_2D: there is not enough memory for the weights.");
  return nullptr;
}

bool BinaryDepthwise::assign(const float* filter, int height, int width, int channels, const float* bias) {
  height_.size = height;
  width_.size = width;
  channels_ = channels;
  words_ = static_cast<int>(words_for(channels));
  copies_ = words_ < kDepthwiseWords ? kDepthwiseWords / words_ : 1;
  const size_t padded = static_cast<size_t>(copies_) * words_ * kBitsPerWord;
  const int taps = height * width;
  if (!filter_.assign_zeros(static_cast<size_t>(taps) * copies_ * words_) || !scale_.assign_zeros(padded) ||
      !bias_.assign_zeros(padded)) {
    return false;
  }
  for (int i = 0; i < copies_ * channels; ++i) {
    const int copy = i / channels, c = i % channels;
    const size_t at = static_cast<size_t>(copy) * words_ * kBitsPerWord + c;
    scale_[at] = std::fabs(filter[c]);
    bias_[at] = bias == nullptr ? 0.0f : bias[c];
    for (int tap = 0; tap < taps; ++tap) {
      const uint32_t negative = filter[static_cast<size_t>(tap) * channels + c] < 0.0f;
      const size_t word = (static_cast<size_t>(tap) * copies_ + copy) * words_ + c / kBitsPerWord;
      filter_[word] |= negative << (c % kBitsPerWord);
    }
  }
  return true;
}

bool BinaryDepthwise::prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) {
  const Shape& bits = inputs[0]->shape;
  if (inputs[0]->type != tfl::kInt32 || bits.rank != 4 || bits.last() != words_) {
    return report.error("DEPTHWISE_CONV_2D: tensor %d does not hold the bits of %d channels.", inputs[0]->tensor,
                        channels_);
  }
  rows_ = span_of(height_, bits.dims[1], same_);
  columns_ = span_of(width_, bits.dims[2], same_);
  if (rows_.output < 1 || columns_.output < 1) {
    return report.error("DEPTHWISE_CONV_2D: the window is larger than the image.");
  }
  if (!row_taps_.assign(height_, rows_) || !column_taps_.assign(width_, columns_)) {
    return report.error("DEPTHWISE_CONV_2D: there is not enough memory for an image of this size.");
  }
  Shape shape = bits;
  shape.dims[1] = rows_.output;
  shape.dims[2] = columns_.output;
  shape.dims[3] = channels_;
  if (!shape.volume(3, &pixels_)) return report.error("DEPTHWISE_CONV_2D: the output is too large.");
  threads_ = pixels_ * channels_ < kSerialValues ? 1 : threads;
  return finisher_.prepare(inputs, outputs, shape, report);
}

size_t BinaryDepthwise::scratch_bytes() const {
  return kChunkPixels * words_ * kBitsPerWord * sizeof(float) * (threads_ > kMaxThreads ? kMaxThreads : threads_);
}

void BinaryDepthwise::run(const Run& run) const {
  RowStep steps[kMaxSteps];
  const RowFinish finish = finisher_.bind(run, steps);
  const uint32_t* bits = static_cast<const uint32_t*>(run.inputs[0]);
  const size_t stride = static_cast<size_t>(words_) * kBitsPerWord;
  run.pool->for_each((pixels_ + kChunkPixels - 1) / kChunkPixels, threads_, [&](int worker, size_t i) {
    const size_t first = i * kChunkPixels;
    const size_t last = pixels_ - first < kChunkPixels ? pixels_ : first + kChunkPixels;
    float* values = static_cast<float*>(run.scratch) + worker * kChunkPixels * stride;
    for (size_t pixel = first; pixel < last;) {
      pixel += compute(bits, pixel, last - pixel, values + (pixel - first) * stride);
    }
    finish_rows(kernel_, finisher_, run, finish, {values, stride, channels_, first, last});
  });
}

// Computes a pixel, or as many beside each other as there are copies of the constants, and at most `most`; returns how
// many. Pixels beside each other read what lies beside each other where the stride is 1.
size_t BinaryDepthwise::compute(const uint32_t* bits, size_t pixel, size_t most, float* out) const {
  const size_t column = pixel % columns_.output, row = pixel / columns_.output % rows_.output;
  const uint32_t* image = bits + pixel / columns_.output / rows_.output * rows_.input * columns_.input * words_;
  const TapRange& down = row_taps_.range(row_taps_.of(static_cast<int>(row)));
  const int column_class = column_taps_.of(static_cast<int>(column));
  const TapRange& across = column_taps_.range(column_class);
  size_t count = 1;
  const size_t room = columns_.output - column < most ? columns_.output - column : most;
  while (width_.stride == 1 && count < room && count < static_cast<size_t>(copies_) &&
         column_taps_.of(static_cast<int>(column + count)) == column_class) {
    ++count;
  }
  const int64_t top = static_cast<int64_t>(row) * height_.stride - rows_.padding;
  const int64_t left = static_cast<int64_t>(column) * width_.stride - columns_.padding;
  const uint32_t *pixels[kMostTaps], *weights[kMostTaps];
  int taps = 0;
  for (int y = down.first; y < down.last; ++y) {
    const uint32_t* line = image + (top + int64_t{y} * height_.dilation) * columns_.input * words_;
    for (int x = across.first; x < across.last; ++x, ++taps) {
      pixels[taps] = line + (left + int64_t{x} * width_.dilation) * words_;
      weights[taps] = filter_.data() + (static_cast<size_t>(y) * width_.size + x) * copies_ * words_;
    }
  }
  const int words = static_cast<int>(count) * words_;
  kernel_.depthwise({pixels, weights, taps, words, scale_.data(), bias_.data()}, out);
  return count;
}

}  // namespace larq_el
