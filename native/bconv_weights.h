// What a binary convolution knows before it sees an image: filters in the kernel's format, and the output transform.
#pragma once

#include "attributes.h"
#include "kernels/kernel.h"
#include "memory.h"
#include "report.h"
#include "tfl_abi.h"

namespace larq_el {

// The constant operands, as they stand in the flatbuffer.
struct BconvConstants {
  const uint32_t* filter = nullptr;  // [channels_out][height][width][words of a group]
  int filter_dims[4] = {};
  const float* multiplier = nullptr;   // [channels_out]; of float32 and int8 outputs
  const float* bias = nullptr;         // the same
  const int32_t* threshold = nullptr;  // [channels_out]; of bitpacked outputs
  tfl::Type output_type = tfl::kFloat32;
  tfl::Quantization output_quantization = {};  // of int8 outputs
};

// Up to kBlock output channels of one group, which a kernel computes together.
struct ChannelBlock {
  int channel;   // the first one
  int channels;  // their number
  int word;      // the first input word of their group
};

class BconvWeights {
 public:
  // False, with a message, where the operands do not fit together or memory is short.
  bool assign(const BconvAttributes& attributes, const BconvConstants& constants, const BinaryKernel& kernel,
              const Reporter& report);

  int taps() const { return height_ * width_; }
  int height() const { return height_; }
  int width() const { return width_; }
  int words_in() const { return words_in_; }  // of a pixel
  int words() const { return words_; }        // of a group of a pixel
  int channels_out() const { return channels_out_; }
  size_t blocks() const { return blocks_.size(); }
  size_t packed_bytes() const { return packed_.size(); }
  size_t padded_channels() const { return blocks() * kBlock; }
  const ChannelBlock& block(size_t index) const { return blocks_[index]; }
  const void* packed(size_t index) const { return packed_.data() + index * block_bytes_; }
  OutputTransform transform(size_t index) const;

  // Whether every block starts at a word of bitpacked outputs, so that no two blocks share one.
  bool whole_words() const { return whole_words_; }

  // What must be added to twice the accumulators where taps outside of the ranges count as 0 and not as +1:
  // padded_channels() entries.
  void zero_padding_correction(int first_row, int last_row, int first_column, int last_column, int32_t* sums) const;

 private:
  bool check(const BconvAttributes& attributes, const BconvConstants& constants, const Reporter& report);
  bool make_blocks();
  bool pack(const uint32_t* filter, const BinaryKernel& kernel);
  bool make_transform(const BconvAttributes& attributes, const BconvConstants& constants);
  bool sum_taps(const uint32_t* filter);
  const int32_t* sums_before(int row, int column) const;

  int height_ = 0;
  int width_ = 0;
  int groups_ = 0;
  int channels_in_ = 0;  // of a group
  int channels_out_ = 0;
  int words_in_ = 0;
  int words_ = 0;
  bool whole_words_ = true;
  int32_t clamp_min_ = INT32_MIN;
  int32_t clamp_max_ = INT32_MAX;
  size_t block_bytes_ = 0;
  Array<ChannelBlock> blocks_;
  Array<uint8_t> packed_;
  Array<float> multiplier_;  // these three have padded_channels() entries
  Array<float> bias_;
  Array<int32_t> threshold_;
  // [row][column][padded channel]: sums, over the taps above and to the left, of what a tap adds to the convolution of
  // an image of +1. Empty where padding is not with zeros.
  Array<int32_t> sums_;
};

}  // namespace larq_el
