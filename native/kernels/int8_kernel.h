// What an int8 convolution kernel of one instruction set provides. As for binary kernels (kernel.h), only plain
// structures and function pointers stand here, and everything that is compiled for several instruction sets has
// internal linkage.
#pragma once

#include "kernel.h"

namespace larq_el {

constexpr int kWordChannels = 4;  // input channels of a word; the last one of a tap is filled up with anything finite

// How reals become int8: q = value * inverse_scale, rounded half to even, + zero_point.
struct Int8Scale {
  float inverse_scale;
  float scale;
  int32_t zero_point;
};

struct Int8Kernel {
  const char* name;
  bool is_level;         // was measured to be as fast as the stock runtime's on processors of this instruction set
  int mr;                // output pixels of a tile
  int activation_bytes;  // of a word of a pixel, as `run` reads it
  int weight_bytes;      // of a word of a block, packed
  int offset;            // that activations are stored with: `run` multiplies q + offset

  // Packs the filters of a block: weight `i` of output channel `c` is `filters[c * stride + i]`, `channels_in` of which
  // belong to each of `taps`. Writes taps * words * weight_bytes bytes, with zeros for what there is not.
  void (*pack)(const int8_t* filters, size_t stride, int channels, int taps, int channels_in, void* packed);

  // acc[i * kBlock + c] = the sum of (q + offset) * weight under the window of pixel `i`, for channel `c`.
  void (*run)(const Tile& tile, int32_t* acc);

  // Lowers *lowest and raises *highest to what `count` reals reach. NaN is passed over.
  void (*range)(const float* values, size_t count, float* lowest, float* highest);

  // The scale for values from `lowest`, at most 0, to `highest`, at least 0.
  Int8Scale (*choose)(float lowest, float highest);

  // Stores q + offset of `count` values, saturated, where NaN becomes the largest, then anything finite to a whole
  // word.
  void (*quantize)(const float* values, size_t count, float inverse_scale, int zero_point, void* quantized);

  // The same of values by their own range; returns the scale.
  Int8Scale (*quantize_row)(const float* values, size_t count, void* quantized);

  // out[c] = ((rows[0][c] + rows[1][c]) + (rows[2][c] + rows[3][c])) * factor, rounded each time. What lies `ahead`
  // floats behind each is asked for.
  void (*average)(const float* const* rows, size_t channels, size_t ahead, float factor, float* out);
};

#define LARQ_EL_INT8_KERNEL(name, beside, supported) extern const Int8Kernel int8_kernel_##name;
#include "int8_kernels.inc"
#undef LARQ_EL_INT8_KERNEL

}  // namespace larq_el
