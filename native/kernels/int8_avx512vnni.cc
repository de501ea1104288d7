// AVX-512 with VNNI (Cascade Lake, Ice Lake, Zen 4 and later): four products of unsigned by signed bytes are added to a
// sum by one instruction, 64 of them for 16 output channels.
#include <immintrin.h>

#include "int8.h"

namespace larq_el {
namespace {

constexpr int kMr = 4;  // sixteen sums, enough for two units that each take four cycles or five
constexpr int kVectors = kBlock / 16;

void run(const Tile& tile, int32_t* acc) {
  __m512i sums[kMr][kVectors];
  for (int m = 0; m < kMr; ++m) {
    for (int v = 0; v < kVectors; ++v) sums[m][v] = _mm512_setzero_si512();
  }
  const uint8_t* weights = static_cast<const uint8_t*>(tile.weights);
  for (int tap = 0; tap < tile.taps; ++tap) {
    const int32_t* pixels[kMr];
    for (int m = 0; m < kMr; ++m) pixels[m] = pixel_of<int32_t>(tile, kMr, tap, m);
    for (int k = 0; k < tile.words; ++k, weights += kWordChannels * kBlock) {
      __m512i w[kVectors];
      for (int v = 0; v < kVectors; ++v) w[v] = _mm512_load_si512(weights + 64 * v);
      for (int m = 0; m < kMr; ++m) {
        const __m512i word = _mm512_set1_epi32(pixels[m][k]);
        for (int v = 0; v < kVectors; ++v) sums[m][v] = _mm512_dpbusd_epi32(sums[m][v], word, w[v]);
      }
    }
  }
  for (int m = 0; m < kMr; ++m) {
    for (int v = 0; v < kVectors; ++v) _mm512_store_si512(acc + m * kBlock + 16 * v, sums[m][v]);
  }
}

}  // namespace

extern const Int8Kernel int8_kernel_avx512vnni =
    kernel_of<64, uint8_t, 128, int8_t, kWordChannels>("avx512vnni", true, kMr, run);

}  // namespace larq_el
