// What the NEON kernels share: tiles of 4 pixels by 16 channels, whose 16 vectors of sums, 4 of weights and 4 of pixels
// fit into the 32 registers, and comparisons to bits. Everything has internal linkage (see kernel.h).
#pragma once

#include <arm_neon.h>

#include "kernel.h"

namespace larq_el {
namespace {

constexpr int kMr = 4;
constexpr int kLanes = 4;
constexpr int kVectors = 4;
constexpr int kStrip = kLanes * kVectors;  // channels that are computed together

struct Neon {
  typedef float Vector __attribute__((vector_size(16)));

  static uint64_t greater(const int32_t* x, const int32_t* threshold) {
    uint32x4_t masks[2][8];
    for (int i = 0; i < 16; ++i) {
      masks[i / 8][i % 8] = vcgtq_s32(vld1q_s32(x + i * kLanes), vld1q_s32(threshold + i * kLanes));
    }
    return gather(masks[0]) | static_cast<uint64_t>(gather(masks[1])) << 32;
  }
  static uint32_t negative(const float* values) {
    uint32x4_t masks[8];
    for (int i = 0; i < 8; ++i) masks[i] = vcltzq_f32(vld1q_f32(values + i * kLanes));
    return gather(masks);
  }

 private:
  // One bit for each of 32 lanes, all ones or zero.
  static uint32_t gather(const uint32x4_t* masks) {
    const uint8x16_t weights = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
    const uint8x16_t low = vandq_u8(narrow(masks), weights), high = vandq_u8(narrow(masks + 4), weights);
    uint8x16_t sums = vpaddq_u8(low, high);
    sums = vpaddq_u8(sums, sums);
    return vgetq_lane_u32(vreinterpretq_u32_u8(vpaddq_u8(sums, sums)), 0);
  }
  static uint8x16_t narrow(const uint32x4_t* masks) {
    const uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_u32(masks[0]), vreinterpretq_u16_u32(masks[1]));
    const uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_u32(masks[2]), vreinterpretq_u16_u32(masks[3]));
    return vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
  }
};

// [strip][word][channel of the strip]: a strip's weights follow each other.
inline void pack_strips(const uint32_t* filters, size_t stride, int channels, size_t words, void* packed) {
  uint32_t* out = static_cast<uint32_t*>(packed);
  for (int strip = 0; strip < kBlock; strip += kStrip) {
    for (size_t i = 0; i < words; ++i) {
      for (int c = strip; c < strip + kStrip; ++c) *out++ = c < channels ? filters[c * stride + i] : 0;
    }
  }
}

inline void find_pixels(const Tile& tile, int tap, const uint32_t** pixels) {
  for (int m = 0; m < kMr; ++m) {
    const char* pixel = static_cast<const char*>(tile.pixels[tap * kMr + m]) + tile.offset;
    pixels[m] = reinterpret_cast<const uint32_t*>(pixel);
  }
}

// Counts the bits in which a word of every pixel of a tile differs from one of every channel of a strip, and adds them
// to the sums: Isa::add(sums, counts of bytes).
template <class Isa>
inline void count_word(const uint32_t* const* pixels, int k, const uint32_t* weights,
                       typename Isa::Sums (*sums)[kVectors]) {
  uint32x4_t w[kVectors];
  for (int v = 0; v < kVectors; ++v) w[v] = vld1q_u32(weights + v * kLanes);
  for (int m = 0; m < kMr; ++m) {
    uint32x4_t pixel = vld1q_dup_u32(pixels[m] + k);
    // One pixel after another: the compiler otherwise begins with all exclusive ors and runs out of registers.
    const typename Isa::Sums* before = sums[(m + kMr - 1) % kMr];
    asm("" : "+w"(pixel) : "w"(before[0]), "w"(before[1]), "w"(before[2]), "w"(before[3]));
    for (int v = 0; v < kVectors; ++v) {
      sums[m][v] = Isa::add(sums[m][v], vcntq_u8(vreinterpretq_u8_u32(veorq_u32(pixel, w[v]))));
    }
  }
}

}  // namespace
}  // namespace larq_el
