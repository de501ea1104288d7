// What a binary convolution knows before it sees an image: filters in the kernel's format, and the output transform.
#pragma once

#include "attributes.h"
#include "conv_weights.h"
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

class BconvWeights final : public ConvWeights {
 public:
  // False, with a message, where the operands do not fit together or memory is short.
  bool assign(const BconvAttributes& attributes, const BconvConstants& constants, const BinaryKernel& kernel,
              const Reporter& report);

  // What must be added to twice the accumulators where taps outside of the ranges count as 0 and not as +1:
  // padded_channels() entries.
  void zero_padding_correction(int first_row, int last_row, int first_column, int last_column, int32_t* sums) const;

 private:
  bool check(const BconvAttributes& attributes, const BconvConstants& constants, const Reporter& report);
  void pack(const uint32_t* filter, const BinaryKernel& kernel);
  void make_transform(const BconvAttributes& attributes, const BconvConstants& constants);
  bool sum_taps(const uint32_t* filter);
  const int32_t* sums_before(int row, int column) const;

  int groups_ = 0;
  int channels_in_ = 0;  // of a group
  // [row][column][padded channel]: sums, over the taps above and to the left, of what a tap adds to the convolution of
  // an image of +1. Empty where padding is not with zeros.
  Array<int32_t> sums_;
};

}  // namespace larq_el
