// Any CPU, on 128-bit vectors of the compiler: one channel of a pixel with a vector of output channels.
#include "int8.h"

namespace larq_el {
namespace {

typedef int16_t Products __attribute__((vector_size(16)));
typedef int32_t Sums __attribute__((vector_size(32)));

constexpr int kMr = 2;
constexpr int kStrip = 8;  // channels that are computed together

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
        // a byte by a byte fits into 16 bits
        for (int m = 0; m < kMr; ++m) sums[m] += __builtin_convertvector(w * pixels[m][k], Sums);
      }
    }
    for (int m = 0; m < kMr; ++m) memcpy(acc + m * kBlock + first, &sums[m], sizeof sums[m]);
  }
}

}  // namespace

extern const Int8Kernel int8_kernel_portable = {
    "portable",       false, kMr,       2 * kWordChannels, 2 * kWordChannels * kBlock, 0,
    pack<int16_t, 1>, run,   range<16>, choose_scale,      quantize<16, int16_t, 0>,   quantize_row<16, int16_t, 0>,
    average<16>};

}  // namespace larq_el
