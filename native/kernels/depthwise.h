// Binary depthwise convolutions, written once and compiled for every instruction set: all channels of a word are
// counted at once, in bit planes, by the logic of an adder. Everything has internal linkage (see kernel.h).
#pragma once

#include "kernel.h"

namespace larq_el {
namespace {

alignas(64) constexpr uint32_t kBits[32] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,  1u << 8,  1u << 9,  1u << 10,
    1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15, 1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21,
    1u << 22, 1u << 23, 1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31};

// planes[k][i] = bit k of the number of taps in which each channel of word `i` differs.
template <int kPlanes>
inline void count_taps(const DepthwisePixel& pixel, int first, int words, uint32_t (*planes)[kDepthwiseWords]) {
  for (int k = 0; k < kPlanes; ++k) {
    for (int i = 0; i < kDepthwiseWords; ++i) planes[k][i] = 0;
  }
  for (int tap = 0; tap < pixel.taps; ++tap) {
    const uint32_t* bits = pixel.pixels[tap] + first;
    const uint32_t* weights = pixel.weights[tap] + first;
    for (int i = 0; i < words; ++i) {
      uint32_t carry = bits[i] ^ weights[i];
      for (int k = 0; k < kPlanes; ++k) {
        const uint32_t next = planes[k][i] & carry;
        planes[k][i] ^= carry;
        carry = next;
      }
    }
  }
}

template <int kPlanes>
void depthwise_planes(const DepthwisePixel& pixel, float* out) {
  alignas(64) uint32_t planes[kPlanes][kDepthwiseWords];
  for (int first = 0; first < pixel.words; first += kDepthwiseWords) {
    const int left = pixel.words - first;
    if (left >= kDepthwiseWords) {
      count_taps<kPlanes>(pixel, first, kDepthwiseWords, planes);
    } else {
      count_taps<kPlanes>(pixel, first, left, planes);
    }
    for (int i = 0; i < kDepthwiseWords && i < left; ++i) {
      const float* scale = pixel.scale + (first + i) * 32;
      const float* bias = pixel.bias + (first + i) * 32;
      float* to = out + (first + i) * 32;
      for (int c = 0; c < 32; ++c) {
        int32_t sum = pixel.taps;
        for (int k = 0; k < kPlanes; ++k) sum -= (planes[k][i] & kBits[c]) != 0 ? 2 << k : 0;
        to[c] = static_cast<float>(sum) * scale[c] + bias[c];
      }
    }
  }
}

inline void depthwise(const DepthwisePixel& pixel, float* out) {
  if (pixel.taps < 4) return depthwise_planes<2>(pixel, out);
  if (pixel.taps < 8) return depthwise_planes<3>(pixel, out);
  if (pixel.taps < 16) return depthwise_planes<4>(pixel, out);
  depthwise_planes<6>(pixel, out);
}

}  // namespace
}  // namespace larq_el
