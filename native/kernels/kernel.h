// What a binary convolution kernel of one instruction set provides.
//
// Only plain structures and function pointers stand here: this header is compiled with the flags of every instruction
// set, and a shared inline function could be linked from the file of an instruction set that the CPU lacks. For the
// same reason everything in epilogue.h, and every helper of a kernel's file, has internal linkage.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larq_el {

constexpr int kBlock = 64;  // output channels that a kernel computes together

// Input of one call of `run`: a tile of `mr` output pixels by one block of output channels.
//
// Activations are bits, bit c % 32 of word c / 32, 0 for +1 and 1 for -1, in the form that `expand` makes of them.
// `pixels[tap * mr + i]` points to the input pixel that tap `tap` of the window of output pixel `i` falls on; a pixel
// outside the image is a buffer of the caller's. From there plus `offset` bytes, `words * activation_bytes` bytes are
// readable. Weights are a block packed by `pack`, aligned to 64 bytes.
struct Tile {
  const void* const* pixels;
  size_t offset;
  int taps;
  int words;  // of 32 channels, for each tap
  const void* weights;
};

// Parameters of one block of output channels. The arrays have kBlock entries and are aligned to 64 bytes.
// With `x = 2 * acc + correction`, outputs are
//     float  float(clamp(x)) * multiplier + bias, rounded after the product and after the sum
//     int8   the same, rounded half away from zero and saturated
//     bits   x > threshold
//
// Where rows have scales, `x = acc + zero * sums`, and outputs are
//     float  float(x) * scale * multiplier + bias, rounded after the first product and after the sum
//     with a step: float(x) * multiplier, rounded half to even, clamped to [lowest, highest], * step
struct OutputTransform {
  int32_t clamp_min;
  int32_t clamp_max;
  const float* multiplier;
  const float* bias;
  const int32_t* threshold;
  const int32_t* sums = nullptr;
  float step = 0.0f;
  float lowest = 0.0f;
  float highest = 0.0f;
};

// Of the sums of bytes of a pixel.
struct SumScale {
  float scale;
  int32_t zero;
};

// Accumulators of a tile, to be transformed and stored. `correction[i]` has kBlock aligned entries for pixel `i`, or is
// null where nothing is added; `correction` itself is null where that is so for all pixels.
struct Rows {
  const int32_t* acc;  // [pixels][kBlock], aligned to 64 bytes
  const int32_t* const* correction;
  int pixels;
  int channels;                      // that are stored, at most kBlock
  const SumScale* scales = nullptr;  // of the pixels, sums of bytes; null for sums of signs
};

// One step of what a row, the channels of a pixel, goes through before it is stored. Every product and every sum is
// rounded, in the order of the steps.
struct RowStep {
  enum Kind : int {
    kScale,       // y *= operand[channel]
    kShift,       // y += operand[channel]
    kScalePixel,  // y *= operand[pixel]
    kAdd,         // y += operand[pixel][channel % channels] * scale
    kRelu,        // y = max(y, 0)
    kPrelu,       // y *= operand[channel], where y < 0
    kClamp,       // y = min(max(y, operand[0]), operand[1])
  };
  Kind kind;
  const float* operand;
  int channels;  // of a pixel of kAdd's operand
  float scale;   // of kAdd's operand; 1 changes nothing
};

// Rows of one block of channels, for the pixels from `pixel` on: the transform of accumulators, or without any
// (`acc` is null) `values + i * stride` for pixel `pixel + i`.
struct RowTile {
  const Rows* acc;
  const OutputTransform* transform;
  const float* values;
  size_t stride;
  size_t pixel;
  int pixels;
  int channel;   // the first of the block
  int channels;  // of the block, at most kBlock
};

// What happens to rows, and where they go; operands and outputs are of pixel 0. An output that is null is not wanted.
constexpr int kMaxSteps = 12;
constexpr int kLanes = 16;  // partial sums of a magnitude
struct RowFinish {
  const RowStep* steps;
  int count;  // at most kMaxSteps
  float* values;
  size_t stride;     // floats of a pixel of `values`
  float* magnitude;  // not null where the sums of |y| are wanted, which are gathered in `lanes`
  float* lanes;      // [pixel - lanes_pixel][kLanes], aligned to 64 bytes: added to
  size_t lanes_pixel;
  float* groups;  // [pixel][group_channels]: sums of the channels c, c + group_channels, ... in that order; a block
  int group_channels;  // below group_channels overwrites, the others add
};

constexpr int kMostTaps = 127;       // of a depthwise convolution, whose sums fit into bytes
constexpr int kDepthwiseWords = 16;  // that the widest vectors count together, 512 channels

// An output pixel of a binary depthwise convolution, or several beside each other: the taps of the window that lie
// inside the image, `words` words of bits for each, and the weights beside them. Constants have 32 entries for each
// word.
struct DepthwisePixel {
  const uint32_t* const* pixels;
  const uint32_t* const* weights;
  int taps;  // at most kMostTaps
  int words;
  const float* scale;
  const float* bias;
};

// All functions are pure: they keep no state, and any number of threads may call them at once on distinct outputs.
struct BinaryKernel {
  const char* name;
  int mr;                // output pixels of a tile
  int activation_bytes;  // of a word of 32 channels of a pixel, as `run` reads it
  int weight_bytes;      // of a word of 32 input channels of a block, packed

  // Brings `count` words of bits into the form that `run` reads; null where that is the bits themselves.
  void (*expand)(const uint32_t* bits, size_t count, void* expanded);

  // Packs the filters of a block: `filters[c * stride + i]` is word `i` of output channel `c`, `tap_words` of which
  // belong to each tap. Writes `words * weight_bytes` bytes; channels from `channels` to kBlock become zeros, so that
  // their accumulators are harmless.
  void (*pack)(const uint32_t* filters, size_t stride, int channels, size_t words, int tap_words, void* packed);

  // acc[i * kBlock + c] = number of bits in which the window of pixel `i` and the filter of channel `c` differ.
  void (*run)(const Tile& tile, int32_t* acc);

  // Transform and store a tile, pixel `i` at `out + i * stride`. `store_bits` gives one mask of kBlock bits a pixel,
  // whose bits from `channels` on are zero.
  void (*store_float)(const Rows& rows, const OutputTransform& transform, float* out, size_t stride);
  void (*store_int8)(const Rows& rows, const OutputTransform& transform, int8_t* out, size_t stride);
  void (*store_bits)(const Rows& rows, const OutputTransform& transform, uint64_t* bits);

  // Finishes a tile of rows. Where `bits` is not null it gets a mask of the channels with y < 0 for each pixel of the
  // tile, zero from `channels` on.
  void (*finish)(const RowTile& tile, const RowFinish& finish, uint64_t* bits);

  // out[c] = the largest of rows[0][c], rows[1][c], ...; there is at least one row. What lies `ahead` floats behind
  // each is asked for.
  void (*maximum)(const float* const* rows, int count, size_t channels, size_t ahead, float* out);

  // Bits of `count` reals, bit set where x < 0 (clear for -0.0 and NaN). Writes ceil(count / 32) words; the bits beyond
  // the last real are zero.
  void (*signs)(const float* values, size_t count, uint32_t* bits);

  // out[c] = (taps - 2 * the number of taps that differ) * scale[c] + bias[c], rounded after the product and the sum,
  // for 32 channels of each word.
  void (*depthwise)(const DepthwisePixel& pixel, float* out);
};

#define LARQ_EL_KERNEL(name, supported) extern const BinaryKernel kernel_##name;
#include "kernels.inc"
#undef LARQ_EL_KERNEL

}  // namespace larq_el
