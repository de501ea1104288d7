// What convolutions share, whatever they multiply: where their windows lie, pointers to the pixels under each, chunks
// of output pixels for threads, and what becomes of the accumulators.
//
// No image is unfolded. For a tile of output pixels the kernel gets, tap by tap, pointers to the input pixels, and
// where a tap falls outside the image a pixel that stands for what is there.
#pragma once

#include "conv_weights.h"
#include "finisher.h"
#include "plan.h"
#include "taps.h"

namespace larq_el {

class Conv : public Op {
 public:
  ~Conv() override { delete beside_; }

  // What follows a convolution to float32: input 0 is the convolution's, the others are operands. To be set up before
  // prepare; without it, output 0 is the convolution's.
  Finisher& finisher() {
    finished_ = true;
    return finisher_;
  }

  // Computes another convolution to the same pixels and channels beside this one, which then owns it: what its finisher
  // makes of a tile is added by the finisher's `add_beside`, and nobody stores it. The other reads input number
  // `input`. False, and nothing changes, where the two divide their channels otherwise.
  bool set_beside(Conv* other, int input);

  // Whether the signs of a float32 output can be stored block by block.
  bool stores_signs() const { return weights_.whole_words(); }
  int channels() const { return weights_.channels_out(); }

  size_t scratch_bytes() const override { return own_bytes() + (beside_ == nullptr ? 0 : beside_->scratch_bytes()); }
  void run(const Run& run) const override { walk(run, activate(run)); }

 protected:
  // The kernel, and the order in which it goes through the output.
  struct Walk {
    int mr;  // output pixels of a tile
    void (*run)(const Tile& tile, int32_t* acc);
    int word_bytes;       // of a word of a pixel, as `run` reads it
    int word_work;        // multiply-accumulates that a word stands for
    int chunk_pixels;     // for which a thread computes all output channels
    bool blocks_outside;  // a block for all pixels of a chunk, so that its weights stay in the first-level cache; or
                          // all blocks for a few pixels, so that reals stream through memory in order
    bool has_scales;      // whether sums have a scale
  };

  struct Pixel {  // a position in the output
    int image;
    int row;
    int column;
  };

  // The pixels that a kernel reads.
  struct Activations {
    const char* pixels;
    const char* outside;    // what stands outside of an image
    size_t outside_stride;  // bytes from that of an image to that of the next
  };

  struct Worker {                 // the working memory of one thread
    const void* front;            // front_bytes_, of all threads
    const void** pointers;        // [tile][tap][pixel of the tile]
    const int32_t** corrections;  // [tile][pixel of the tile], of the first block
    const int32_t** shifted;      // the same for one tile and any block
    SumScale* scales;             // [tile][pixel of the tile], of kernels whose sums have them
    int32_t* acc;
    float* lanes;  // of magnitudes
    uint64_t* masks;
  };

  struct Target {  // where results go
    char* out;     // of the convolution's own type
    RowFinish finish;
    uint32_t* bits;  // signs of what is finished, or null
  };

  Conv(const char* name, const ConvWeights& weights, const BinaryKernel& kernel, const Walk& walk)
      : name_(name), weights_(weights), kernel_(kernel), walk_(walk) {}

  // Lays out windows over images of this shape (N, H, W); sets the output's, and what follows here. False, with a
  // message, where they do not fit.
  bool place(const Shape& input, const Window& height, const Window& width, bool same, int threads,
             const Reporter& report);

  // Prepares what follows the convolution, and the one beside it; the last step of `prepare`.
  bool prepare_finish(const Value* const* inputs, Value* const* outputs, const Reporter& report);

  // Makes of input 0 what the kernel reads, in the front of `run.scratch`, of front_bytes_.
  virtual Activations activate(const Run& run) const = 0;

  // Stores the correction of a pixel where there are any (`is_corrected_`), and its scale where sums have one.
  virtual void correct(const Pixel& pixel, size_t slot, const Worker& worker) const = 0;

  // Before and for each block of the pixels [first, last); without anything of their own these finish rows.
  virtual void begin(const Target&, size_t, size_t) const {}
  virtual void store(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const {
    finish(block, rows, worker, target, pixel);
  }
  void finish(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const;
  void store_bits(const ChannelBlock& block, const uint64_t* masks, int pixels, uint32_t* out) const;

  const char* name_;
  const ConvWeights& weights_;
  const BinaryKernel& kernel_;
  bool finished_ = false;
  Finisher finisher_;

  // What follows depends on the input's shape and is set by `place`, or by the operator before a run.
  Shape output_;
  int batch_ = 0;
  Span rows_;
  Span columns_;
  size_t pixels_ = 0;       // of the output
  size_t pixel_bytes_ = 0;  // of an input pixel as the kernel reads it
  size_t words_out_ = 0;    // of an output pixel's signs
  TapClasses row_classes_;
  TapClasses column_classes_;
  int threads_ = 1;
  size_t front_bytes_ = 0;
  bool is_corrected_ = false;  // whether `correct` ever says anything

 private:
  struct Passage {  // a run, in one thread
    Activations activations;
    Target target;
    Worker worker;
  };

  bool place_taps(const Window& height, const Window& width);
  void size_chunks(int threads);
  void set_chunk(size_t pixels, size_t unit);
  size_t own_bytes() const { return front_bytes_ + threads_ * worker_bytes_; }
  void walk(const Run& run, const Activations& activations) const;
  Worker worker(const Run& run, int index) const;
  Target target(const Run& run, RowStep* steps) const;
  void run_chunk(Passage own, const Passage* beside, size_t first) const;
  const float* compute(const Passage& passage, size_t block, size_t first, int pixels) const;
  void gather(const Activations& activations, size_t first, size_t last, const Worker& worker) const;
  void gather_pixel(const Activations& activations, const Pixel& pixel, const void** taps) const;
  Rows run_group(size_t block, size_t first, int pixels, const Worker& worker) const;

  Walk walk_;
  Window height_;
  Window width_;
  Array<int64_t> tap_offsets_;  // from the window's origin, in bytes
  size_t chunk_pixels_ = 1;     // of which a thread gets the taps at once
  size_t group_pixels_ = 1;     // for which a block is computed before they are finished
  Conv* beside_ = nullptr;
  int beside_input_ = 0;
  bool is_beside_ = false;  // another
  size_t worker_bytes_ = 0;
};

}  // namespace larq_el
