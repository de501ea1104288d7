#include "bconv_weights.h"

#include <cmath>

namespace larq_el {
namespace {

// Twice the largest accumulator, plus as much for a correction, must fit into int32.
constexpr int64_t kMaxDepth = INT32_MAX / 8;

}  // namespace

bool BconvWeights::check(const BconvAttributes& attributes, const BconvConstants& constants, const Reporter& report) {
  for (const int dim : constants.filter_dims) {
    if (dim < 1) return report.error("LceBconv2d: the filter has no elements.");
  }
  channels_out_ = constants.filter_dims[0];
  height_ = constants.filter_dims[1];
  width_ = constants.filter_dims[2];
  words_ = constants.filter_dims[3];
  words_in_ = static_cast<int>(words_for(attributes.channels_in));
  const int64_t depth = int64_t{height_} * width_;
  if (depth > kMaxDepth || depth * words_ > kMaxDepth / kBitsPerWord || channels_out_ > kMaxDepth) {
    return report.error("LceBconv2d: the filter is too large.");
  }
  groups_ = words_in_ / words_;
  if (groups_ < 1 || words_in_ % words_ != 0 || channels_out_ % groups_ != 0 ||
      (groups_ > 1 && attributes.channels_in != int64_t{groups_} * words_ * kBitsPerWord)) {
    return report.error("LceBconv2d: a filter of %d words does not fit %d input and %d output channels.", words_,
                        attributes.channels_in, channels_out_);
  }
  channels_in_ = attributes.channels_in / groups_;
  return true;
}

bool BconvWeights::assign(const BconvAttributes& attributes, const BconvConstants& constants,
                          const BinaryKernel& kernel, const Reporter& report) {
  if (!check(attributes, constants, report)) return false;
  const bool zero_padded = attributes.same && !attributes.pad_one && taps() > 1;
  const size_t words = static_cast<size_t>(taps()) * words_;
  if (!make_blocks(groups_, words * kernel.weight_bytes) || (zero_padded && !sum_taps(constants.filter))) {
    return report.error("LceBconv2d: there is not enough memory for the weights.");
  }
  pack(constants.filter, kernel);
  make_transform(attributes, constants);
  return true;
}

void BconvWeights::pack(const uint32_t* filter, const BinaryKernel& kernel) {
  const size_t words = static_cast<size_t>(taps()) * words_;
  for (size_t i = 0; i < blocks(); ++i) {
    const ChannelBlock& one = block(i);
    kernel.pack(filter + one.channel * words, words, one.channels, words, words_, packed(i));
  }
}

// With K inputs a filter, an accumulator `acc` stands for the sum K - 2 * acc. The constants of the transform are
// computed in double and rounded once, and sums are clamped as K - sum, both as in LCE.
void BconvWeights::make_transform(const BconvAttributes& attributes, const BconvConstants& constants) {
  const int depth = taps() * channels_in_;
  const bool bits = constants.output_type == tfl::kInt32;
  const bool quantized = constants.output_type == tfl::kInt8;
  const double scale = quantized ? constants.output_quantization.scale : 1.0;
  const double zero_point = quantized ? constants.output_quantization.zero_point : 0.0;
  for (size_t i = 0; i < blocks(); ++i) {
    for (int c = 0; c < block(i).channels; ++c) {
      const size_t to = i * kBlock + c;
      const int from = block(i).channel + c;
      if (bits) {
        // Thresholds of channels that are constant may be any number; twice that must not overflow.
        const int32_t highest = taps() * words_ * kBitsPerWord;
        const int32_t threshold = constants.threshold[from];
        threshold_[to] = 2 * (threshold < -1 ? -1 : threshold > highest ? highest : threshold);
        continue;
      }
      const double multiplier = constants.multiplier[from];
      const double bias = constants.bias[from];
      multiplier_[to] = static_cast<float>(-multiplier / scale);
      bias_[to] = static_cast<float>((bias + depth * multiplier) / scale + zero_point);
    }
  }
  int lowest = 0, highest = 0;
  activation_range(attributes.activation, &lowest, &highest);
  transform_.clamp_min = depth - (highest < depth ? highest : depth);
  transform_.clamp_max = depth - (lowest > -depth ? lowest : -depth);
}

bool BconvWeights::sum_taps(const uint32_t* filter) {
  size_t count = 0;
  if (!multiply(static_cast<size_t>(height_ + 1) * (width_ + 1), padded_channels(), &count) ||
      !sums_.assign_zeros(count)) {
    return false;
  }
  const size_t next_row = (width_ + 1) * padded_channels();
  for (size_t i = 0; i < blocks(); ++i) {
    for (int c = 0; c < block(i).channels; ++c) {
      const uint32_t* words = filter + static_cast<size_t>(block(i).channel + c) * taps() * words_;
      int32_t* sums = sums_.data() + i * kBlock + c;
      for (int y = 0; y < height_; ++y) {
        for (int x = 0; x < width_; ++x, words += words_) {
          int minus = 0;
          for (int w = 0; w < words_; ++w) minus += __builtin_popcount(words[w]);
          int32_t* corner = sums + y * next_row + x * padded_channels();
          corner[next_row + padded_channels()] =
              channels_in_ - 2 * minus + corner[next_row] + corner[padded_channels()] - corner[0];
        }
      }
    }
  }
  return true;
}

const int32_t* BconvWeights::sums_before(int row, int column) const {
  return sums_.data() + (static_cast<size_t>(row) * (width_ + 1) + column) * padded_channels();
}

void BconvWeights::zero_padding_correction(int first_row, int last_row, int first_column, int last_column,
                                           int32_t* sums) const {
  const int32_t* all = sums_before(height_, width_);
  const int32_t* end = sums_before(last_row, last_column);
  const int32_t* above = sums_before(first_row, last_column);
  const int32_t* left = sums_before(last_row, first_column);
  const int32_t* corner = sums_before(first_row, first_column);
  for (size_t c = 0; c < padded_channels(); ++c) sums[c] = all[c] - (end[c] - above[c] - left[c] + corner[c]);
}

}  // namespace larq_el
