// LceBconv2d: the convolution of bits with bits.
//
// Outside of an image stand pixels of +1. Where padding is with zeros instead, the difference depends on nothing but
// which taps are outside: it is a vector for each class of border, added to the accumulators.
#pragma once

#include "attributes.h"
#include "bconv_weights.h"
#include "conv.h"

namespace larq_el {

class Bconv final : public Conv {
 public:
  // Null, with a message, where the operands do not fit together or memory is short. Copies what it needs of the
  // constants.
  static Bconv* create(const BconvAttributes& attributes, const BconvConstants& constants, const BinaryKernel& kernel,
                       const Reporter& report);

  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;

 private:
  Bconv(const BconvAttributes& attributes, tfl::Type output_type, const BinaryKernel& kernel);

  bool check(const Value& input, const Value& output, const Reporter& report) const;
  bool fill_outside();
  bool correct_borders();
  const void* expand(const Run& run) const;

  Activations activate(const Run& run) const override;
  void correct(const Pixel& pixel, size_t slot, const Worker& worker) const override;
  void begin(const Target& target, size_t first, size_t last) const override;
  void store(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const override;

  BconvAttributes attributes_;
  tfl::Type output_type_;
  BconvWeights weights_;

  // What follows depends on the input's shape and is set by prepare.
  size_t out_stride_ = 0;       // elements of an output pixel
  Array<uint8_t> outside_;      // the pixel that stands outside the image
  Array<int32_t> corrections_;  // [row class][column class][padded channel]; empty where nothing is corrected
};

}  // namespace larq_el
