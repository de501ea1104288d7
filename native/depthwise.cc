#include "depthwise.h"

#include <cmath>

#include "conv_options.h"
#include "row_pass.h"

namespace larq_el {
namespace {

constexpr size_t kChunkPixels = 16;
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

// Where windows lie in an image that is padded, with ones by `padding` in front and behind, or with zeros where `same`.
Span padded_span(const Window& window, int input, bool same, const int* padding) {
  Span span = span_of(window, input + padding[0] + padding[1], same);
  span.input = input;
  span.padding += padding[0];
  return span;
}

bool read_options(const FusionNode& node, DepthwiseMatch* match) {
  const tfl::DepthwiseConvParams* params = static_cast<const tfl::DepthwiseConvParams*>(node.params);
  return node.kind == Kind::kDepthwise && read_conv_options(params, match) && params->depth_multiplier == 1;
}

bool read_constants(const FusionGraph& graph, const FusionNode& node, DepthwiseMatch* match) {
  if (node.inputs_count < 2 || node.inputs_count > 3 || !graph.is_image(node.output)) return false;
  const int tensor = node.inputs[1], height = graph.dim(tensor, 1), width = graph.dim(tensor, 2);
  if (graph.rank(tensor) != 4 || graph.dim(tensor, 0) != 1 || height < 1 || width < 1) return false;
  if (height > kMostTaps || width > kMostTaps || height * width > kMostTaps) return false;
  match->height.size = height;
  match->width.size = width;
  match->channels = graph.dim(tensor, 3);
  if (match->channels != graph.channels(node.output)) return false;
  int count = 0;
  match->filter = graph.constant<float>(tensor, tfl::kFloat32, &count);
  if (match->filter == nullptr || count != height * width * match->channels) return false;
  if (node.inputs_count == 3 && node.inputs[2] >= 0) {
    match->bias = graph.constant<float>(node.inputs[2], tfl::kFloat32, &count);
    if (match->bias == nullptr || count != match->channels) return false;
  }
  return is_signs(match->filter, height * width, match->channels);
}

// Follows a PADV2 with ones of the image's borders back to what it pads; false where it is another one.
bool follow_pad(const FusionGraph& graph, int position, int* tensor, DepthwiseMatch* match) {
  const FusionNode& node = graph.node(position);
  if (node.inputs_count != 3 || match->same || graph.only_reader(*tensor) < 0) return false;
  int count = 0;
  const float* value = graph.constant<float>(node.inputs[2], tfl::kFloat32, &count);
  if (value == nullptr || count != 1 || *value != 1.0f) return false;
  const int* padding = graph.constant<int>(node.inputs[1], tfl::kInt32, &count);
  if (padding == nullptr || count != 8) return false;
  for (int i = 0; i < 8; ++i) {
    const bool is_border = i >= 2 && i < 6;
    if (padding[i] < 0 || padding[i] > (is_border ? kMostStride : 0)) return false;
    if (is_border) match->padding[i - 2] = padding[i];
  }
  match->pad = position;
  *tensor = node.inputs[0];
  return true;
}

}  // namespace

bool match_depthwise(const FusionGraph& graph, const FusionNode& node, DepthwiseMatch* match) {
  DepthwiseMatch found;
  if (!read_options(node, &found) || !read_constants(graph, node, &found)) return false;
  int tensor = node.inputs[0], position = graph.producer(tensor);
  if (position >= 0 && graph.node(position).kind == Kind::kPad) {
    if (!follow_pad(graph, position, &tensor, &found)) return false;
    position = graph.producer(tensor);
  }
  if (position < 0 || graph.node(position).kind != Kind::kDequantize) return false;
  if (!graph.is_image(tensor) || graph.channels(tensor) != found.channels) return false;
  if (graph.node(position).inputs_count != 1) return false;
  found.bits = graph.node(position).inputs[0];
  // the bits are there, whoever else reads the signs
  if (graph.only_reader(tensor) >= 0) found.dequantize = position;
  *match = found;
  return true;
}

BinaryDepthwise* make_depthwise(const DepthwiseMatch& match, const BinaryKernel& kernel, const Reporter& report) {
  Owned<BinaryDepthwise> op(new BinaryDepthwise(kernel, match));
  if (op && op->assign()) return op.release();
  report.error("DEPTHWISE_CONV_2D: there is not enough memory for the weights.");
  return nullptr;
}

bool BinaryDepthwise::assign() {
  const float *filter = match_.filter, *bias = match_.bias;
  const int channels = match_.channels, taps = match_.height.size * match_.width.size;
  words_ = static_cast<int>(words_for(channels));
  copies_ = words_ < kDepthwiseWords ? kDepthwiseWords / words_ : 1;
  const size_t padded = static_cast<size_t>(copies_) * words_ * kBitsPerWord;
  if (!filter_.assign_zeros(static_cast<size_t>(taps) * copies_ * words_) || !scale_.assign_zeros(padded) ||
      !bias_.assign_zeros(padded) || !ones_.assign_zeros(static_cast<size_t>(copies_) * words_)) {
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
                        match_.channels);
  }
  rows_ = padded_span(match_.height, bits.dims[1], match_.same, match_.padding);
  columns_ = padded_span(match_.width, bits.dims[2], match_.same, match_.padding + 2);
  if (rows_.output < 1 || columns_.output < 1) {
    return report.error("DEPTHWISE_CONV_2D: the window is larger than the image.");
  }
  if (!row_taps_.assign(match_.height, rows_) || !column_taps_.assign(match_.width, columns_)) {
    return report.error("DEPTHWISE_CONV_2D: there is not enough memory for an image of this size.");
  }
  Shape shape = bits;
  shape.dims[1] = rows_.output;
  shape.dims[2] = columns_.output;
  shape.dims[3] = match_.channels;
  if (!shape.volume(3, &pixels_)) return report.error("DEPTHWISE_CONV_2D: the output is too large.");
  threads_ = pixels_ * match_.channels < kSerialValues ? 1 : threads;
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
    finish_rows(kernel_, finisher_, run, finish, {values, stride, match_.channels, first, last});
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
  while (match_.width.stride == 1 && count < room && count < static_cast<size_t>(copies_) &&
         column_taps_.of(static_cast<int>(column + count)) == column_class) {
    ++count;
  }
  const int64_t top = static_cast<int64_t>(row) * match_.height.stride - rows_.padding;
  const int64_t left = static_cast<int64_t>(column) * match_.width.stride - columns_.padding;
  const uint32_t *pixels[kMostTaps], *weights[kMostTaps];
  int taps = 0;
  for (int y = 0; y < match_.height.size; ++y) {
    const bool within = y >= down.first && y < down.last;
    for (int x = 0; x < match_.width.size; ++x) {
      const bool inside = within && x >= across.first && x < across.last;
      if (!inside && match_.pad < 0) continue;  // a zero
      const int64_t at =
          (top + int64_t{y} * match_.height.dilation) * columns_.input + left + x * match_.width.dilation;
      pixels[taps] = inside ? image + at * words_ : ones_.data();
      weights[taps++] = filter_.data() + (static_cast<size_t>(y) * match_.width.size + x) * copies_ * words_;
    }
  }
  const int words = static_cast<int>(count) * words_;
  kernel_.depthwise({pixels, weights, taps, words, scale_.data(), bias_.data()}, out);
  return count;
}

}  // namespace larq_el
