#include "conv_weights.h"

#include "shape.h"

namespace larq_el {

bool ConvWeights::make_blocks(int groups, size_t block_bytes) {
  const int per_group = channels_out_ / groups;
  for (int group = 0; group < groups; ++group) {
    for (int first = 0; first < per_group; first += kBlock) {
      const int channels = per_group - first < kBlock ? per_group - first : kBlock;
      const ChannelBlock block = {group * per_group + first, channels, group * words_};
      whole_words_ = whole_words_ && block.channel % kBitsPerWord == 0;
      if (!blocks_.push_back(block)) return false;
    }
  }
  size_t bytes = 0;
  block_bytes_ = align_up(block_bytes);
  return multiply(block_bytes_, blocks(), &bytes) && packed_.assign_zeros(bytes) &&
         multiplier_.assign_zeros(padded_channels()) && bias_.assign_zeros(padded_channels()) &&
         threshold_.assign_zeros(padded_channels());
}

OutputTransform ConvWeights::transform(size_t index) const {
  const size_t first = index * kBlock;
  OutputTransform transform = transform_;
  transform.multiplier = multiplier_.data() + first;
  transform.bias = bias_.data() + first;
  transform.threshold = threshold_.data() + first;
  if (transform.sums != nullptr) transform.sums += first;
  return transform;
}

}  // namespace larq_el
