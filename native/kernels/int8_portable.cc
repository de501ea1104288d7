// Any CPU, on 128-bit vectors of the compiler: one channel of a pixel with a vector of output channels.
#include "int8.h"

namespace larq_el {
namespace {

typedef int16_t Products __attribute__((vector_size(16)));
typedef int32_t Vector __attribute__((vector_size(16)));
typedef uint32_t Lanes __attribute__((vector_size(16)));

constexpr int kMr = 2;
constexpr int kStrip = 8;  // channels that are computed together

// Of a pixel, for the channels of a strip: a byte by a byte fits into 16 bits, two of which stand in a lane, the even
// channel's below the odd one's as on little-endian machines.
struct Sums {
  Vector even;
  Vector odd;

  inline void add(Products products) {
    even += (Vector)((Lanes)products << 16) >> 16;
    odd += (Vector)products >> 16;
  }
  inline void store(int32_t* acc) const {
    for (int c = 0; c < kStrip; c += 2) {
      acc[c] = even[c / 2];
      acc[c + 1] = odd[c / 2];
    }
  }
};

void run(const Tile& tile, int32_t* acc) {
  for (int first = 0; first < kBlock; first += kStrip) {
    Sums sums[kMr] = {};
    const int16_t* weights = static_cast<const int16_t*>(tile.weights) + first;
    for (int tap = 0; tap < tile.taps; ++tap) {
      const int16_t* pixels[kMr];
      for (int m = 0; m < kMr; ++m) pixels[m] = pixel_of<int16_t>(tile, kMr, tap, m);
      for (int k = 0; k < kWordChannels * tile.words; ++k, weights += kBlock) {
        Products w;
        memcpy(&w, weights, sizeof w);
        for (int m = 0; m < kMr; ++m) sums[m].add(w * pixels[m][k]);
      }
    }
    for (int m = 0; m < kMr; ++m) sums[m].store(acc + m * kBlock + first);
  }
}

}  // namespace

extern const Int8Kernel int8_kernel_portable = kernel_of<16, int16_t, 0, int16_t, 1>("portable", false, kMr, run);

}  // namespace larq_el
