// AVX2 (Haswell, Zen and later). Its products of bytes saturate at 16 bits, so that both operands are stored with 16
// bits: two products are added to a sum by two instructions, 16 of them for 8 output channels.
#include <immintrin.h>

#include "int8.h"

namespace larq_el {
namespace {

constexpr int kMr = 4;
constexpr int kStrip = 2;  // vectors of channels that are computed together: eight sums, two weights and a pixel
constexpr int kPairs = 2;  // of channels, in a word

void run(const Tile& tile, int32_t* acc) {
  for (int strip = 0; strip < kBlock / 8; strip += kStrip) {
    __m256i sums[kMr][kStrip];
    for (int m = 0; m < kMr; ++m) {
      for (int v = 0; v < kStrip; ++v) sums[m][v] = _mm256_setzero_si256();
    }
    const int16_t* weights = static_cast<const int16_t*>(tile.weights) + 16 * strip;
    for (int tap = 0; tap < tile.taps; ++tap) {
      const int32_t* pixels[kMr];
      for (int m = 0; m < kMr; ++m) pixels[m] = pixel_of<int32_t>(tile, kMr, tap, m);
      for (int k = 0; k < kPairs * tile.words; ++k, weights += 2 * kBlock) {
        __m256i w[kStrip];
        for (int v = 0; v < kStrip; ++v) w[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(weights) + v);
        for (int m = 0; m < kMr; ++m) {
          const __m256i pair = _mm256_set1_epi32(pixels[m][k]);
          for (int v = 0; v < kStrip; ++v) {
            sums[m][v] = _mm256_add_epi32(sums[m][v], _mm256_madd_epi16(pair, w[v]));
          }
        }
      }
    }
    for (int m = 0; m < kMr; ++m) {
      __m256i* out = reinterpret_cast<__m256i*>(acc + m * kBlock) + strip;
      for (int v = 0; v < kStrip; ++v) _mm256_store_si256(out + v, sums[m][v]);
    }
  }
}

}  // namespace

extern const Int8Kernel int8_kernel_avx2 = kernel_of<32, int16_t, 0, int16_t, 2>("avx2", false, kMr, run);

}  // namespace larq_el
