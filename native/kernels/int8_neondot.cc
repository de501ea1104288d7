// NEON with dot products (Cortex-A55, A76 and later): four products of signed bytes are added to a sum by one
// instruction, 16 of them for 4 output channels.
#if !defined(__clang__)
#pragma GCC target("arch=armv8.2-a+dotprod")  // GCC does not take the extension alone
#endif
#include <arm_neon.h>

#include "int8.h"

namespace larq_el {
namespace {

constexpr int kMr = 4;
constexpr int kStrip = 4;  // vectors of channels that are computed together: sixteen sums, four weights, four pixels

void run(const Tile& tile, int32_t* acc) {
  for (int strip = 0; strip < kBlock / 4; strip += kStrip) {
    int32x4_t sums[kMr][kStrip];
    for (int m = 0; m < kMr; ++m) {
      for (int v = 0; v < kStrip; ++v) sums[m][v] = vdupq_n_s32(0);
    }
    const int8_t* weights = static_cast<const int8_t*>(tile.weights) + 16 * strip;
    for (int tap = 0; tap < tile.taps; ++tap) {
      const int32_t* pixels[kMr];
      for (int m = 0; m < kMr; ++m) pixels[m] = pixel_of<int32_t>(tile, kMr, tap, m);
      for (int k = 0; k < tile.words; ++k, weights += kWordChannels * kBlock) {
        int8x16_t w[kStrip];
        for (int v = 0; v < kStrip; ++v) w[v] = vld1q_s8(weights + 16 * v);
        for (int m = 0; m < kMr; ++m) {
          const int8x16_t word = vreinterpretq_s8_s32(vld1q_dup_s32(pixels[m] + k));
          for (int v = 0; v < kStrip; ++v) sums[m][v] = vdotq_s32(sums[m][v], w[v], word);
        }
      }
    }
    for (int m = 0; m < kMr; ++m) {
      for (int v = 0; v < kStrip; ++v) vst1q_s32(acc + m * kBlock + 4 * (strip + v), sums[m][v]);
    }
  }
}

}  // namespace

extern const Int8Kernel int8_kernel_neondot =
    kernel_of<16, int8_t, 0, int8_t, kWordChannels>("neondot", false, kMr, run);

}  // namespace larq_el
