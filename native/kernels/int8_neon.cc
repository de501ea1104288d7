// NEON: products of 16 bits by a lane of a pixel, added to sums of 32 bits by one instruction, four of them.
#include <arm_neon.h>

#include "int8.h"

namespace larq_el {
namespace {

constexpr int kMr = 4;
constexpr int kStrip = 16;  // channels that are computed together: sixteen sums, two weights, four pixels

struct Sums {
  int32x4_t v[kMr][kStrip / 4];
};

// One channel of the pixels' word, with all output channels.
template <int kLane>
inline void add_channel(const int16_t* weights, const int16x4_t* words, Sums* sums) {
  const int16x8_t low = vld1q_s16(weights + kLane * kBlock), high = vld1q_s16(weights + kLane * kBlock + 8);
  for (int m = 0; m < kMr; ++m) {
    int32x4_t* to = sums->v[m];
    to[0] = vmlal_lane_s16(to[0], vget_low_s16(low), words[m], kLane);
    to[1] = vmlal_lane_s16(to[1], vget_high_s16(low), words[m], kLane);
    to[2] = vmlal_lane_s16(to[2], vget_low_s16(high), words[m], kLane);
    to[3] = vmlal_lane_s16(to[3], vget_high_s16(high), words[m], kLane);
  }
}

void run(const Tile& tile, int32_t* acc) {
  for (int first = 0; first < kBlock; first += kStrip) {
    Sums sums;
    for (int m = 0; m < kMr; ++m) {
      for (int v = 0; v < kStrip / 4; ++v) sums.v[m][v] = vdupq_n_s32(0);
    }
    const int16_t* weights = static_cast<const int16_t*>(tile.weights) + first;
    for (int tap = 0; tap < tile.taps; ++tap) {
      const int16_t* pixels[kMr];
      for (int m = 0; m < kMr; ++m) pixels[m] = pixel_of<int16_t>(tile, kMr, tap, m);
      for (int k = 0; k < kWordChannels * tile.words; k += kWordChannels, weights += kWordChannels * kBlock) {
        int16x4_t words[kMr];
        for (int m = 0; m < kMr; ++m) words[m] = vld1_s16(pixels[m] + k);
        add_channel<0>(weights, words, &sums);
        add_channel<1>(weights, words, &sums);
        add_channel<2>(weights, words, &sums);
        add_channel<3>(weights, words, &sums);
      }
    }
    for (int m = 0; m < kMr; ++m) {
      for (int v = 0; v < kStrip / 4; ++v) vst1q_s32(acc + m * kBlock + first + 4 * v, sums.v[m][v]);
    }
  }
}

}  // namespace

extern const Int8Kernel int8_kernel_neon = kernel_of<16, int16_t, 0, int16_t, 1>("neon", false, kMr, run);

}  // namespace larq_el
