// LceBconv2d: the convolution of bits with bits.
//
// No image is unfolded. For a tile of output pixels the kernel gets, tap by tap, pointers to the input pixels, and
// where a tap falls outside the image a pixel of +1. Where padding is with zeros instead, the difference depends on
// nothing but which taps are outside: it is a vector for each class of border, added to the accumulators.
#pragma once

#include "attributes.h"
#include "bconv_weights.h"
#include "finisher.h"
#include "kernels/kernel.h"
#include "plan.h"
#include "taps.h"

namespace larq_el {

class Bconv final : public Op {
 public:
  // Null, with a message, where the operands do not fit together or memory is short. Copies what it needs of the
  // constants.
  static Bconv* create(const BconvAttributes& attributes, const BconvConstants& constants, const BinaryKernel& kernel,
                       const Reporter& report);

  // What follows a convolution to float32: input 0 are the bits, the others its operands. To be set up before prepare;
  // without it, output 0 is the convolution's.
  Finisher& finisher() {
    finished_ = true;
    return finisher_;
  }

  // Whether the signs of a float32 output can be stored block by block.
  bool stores_signs() const { return weights_.whole_words(); }
  int channels() const { return weights_.channels_out(); }

  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;
  size_t scratch_bytes() const override { return expanded_bytes_ + threads_ * worker_bytes_; }
  void run(const Run& run) const override;

 private:
  struct Worker;  // the working memory of one thread
  struct Pixel;   // a position in the output
  struct Target;  // where results go

  Bconv(const BconvAttributes& attributes, tfl::Type output_type, const BinaryKernel& kernel)
      : attributes_(attributes), output_type_(output_type), kernel_(kernel) {}

  bool check(const Value& input, const Value& output, const Reporter& report) const;
  bool correct_borders();
  bool place_taps();
  void size_chunks(int threads);

  const void* expand(const Run& run) const;
  Worker worker(const Run& run, int index) const;
  Target target(const Run& run, RowStep* steps) const;
  void run_chunk(const void* activations, Target target, size_t first, const Worker& worker) const;
  void gather(const char* activations, size_t first, size_t last, const Worker& worker) const;
  void gather_pixel(const char* activations, const Pixel& pixel, const void** taps) const;
  Rows run_group(size_t block, size_t first, int pixels, const Worker& worker) const;
  void store(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const;
  void finish(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const;
  void store_bits(const ChannelBlock& block, const uint64_t* masks, int pixels, uint32_t* out) const;

  BconvAttributes attributes_;
  tfl::Type output_type_;
  const BinaryKernel& kernel_;
  BconvWeights weights_;
  bool finished_ = false;
  Finisher finisher_;

  // What follows depends on the input's shape and is set by prepare.
  int batch_ = 0;
  Span rows_;
  Span columns_;
  size_t pixels_ = 0;       // of the output
  size_t pixel_bytes_ = 0;  // of an input pixel as the kernel reads it
  size_t out_stride_ = 0;   // elements of an output pixel
  size_t words_out_ = 0;    // of its signs
  TapClasses row_classes_;
  TapClasses column_classes_;
  Array<int64_t> tap_offsets_;  // from the window's origin, in bytes
  Array<uint8_t> outside_;      // the pixel that stands outside the image
  Array<int32_t> corrections_;  // [row class][column class][padded channel]; empty where nothing is corrected
  int threads_ = 1;
  int chunk_tiles_ = 1;  // of which a thread gets the taps at once
  size_t expanded_bytes_ = 0;
  size_t worker_bytes_ = 0;
};

}  // namespace larq_el
