// What every convolution knows before it sees an image: filters in a kernel's format, in blocks of output channels, and
// the output transform.
#pragma once

#include "kernels/kernel.h"
#include "memory.h"

namespace larq_el {

// Up to kBlock output channels of one group, which a kernel computes together.
struct ChannelBlock {
  int channel;   // the first one
  int channels;  // their number
  int word;      // the first input word of their group
};

// A word is what a kernel reads of a pixel at once: 32 channels of bits, or four bytes.
class ConvWeights {
 public:
  int taps() const { return height_ * width_; }
  int height() const { return height_; }
  int width() const { return width_; }
  int words_in() const { return words_in_; }  // of a pixel
  int words() const { return words_; }        // of a group of a pixel
  int channels_out() const { return channels_out_; }
  size_t blocks() const { return blocks_.size(); }
  size_t padded_channels() const { return blocks() * kBlock; }
  const ChannelBlock& block(size_t index) const { return blocks_[index]; }
  const void* packed(size_t index) const { return packed_.data() + index * block_bytes_; }
  OutputTransform transform(size_t index) const;

  // Whether every block starts at a word of bitpacked outputs, so that no two blocks share one.
  bool whole_words() const { return whole_words_; }

 protected:
  ConvWeights() = default;
  ~ConvWeights() = default;

  // Divides the output channels into blocks, each of one group, and makes room for what belongs to them; false where
  // memory is short.
  bool make_blocks(int groups, size_t block_bytes);

  void* packed(size_t index) { return packed_.data() + index * block_bytes_; }

  int height_ = 0;
  int width_ = 0;
  int channels_out_ = 0;
  int words_in_ = 0;
  int words_ = 0;
  OutputTransform transform_ = {};  // but for the arrays
  Array<float> multiplier_;         // these three have padded_channels() entries
  Array<float> bias_;
  Array<int32_t> threshold_;

 private:
  bool whole_words_ = true;
  size_t block_bytes_ = 0;
  Array<ChannelBlock> blocks_;
  Array<uint8_t> packed_;
};

}  // namespace larq_el
