// AVX-512 with VPOPCNTDQ (Ice Lake, Zen 4 and later): a word of a pixel is compared with 16 channels an instruction.
// Exclusive or, popcount and addition for 512 bits each; the tile is large enough that loads do not limit it.
#include <immintrin.h>

#include "avx512.h"
#include "depthwise.h"
#include "epilogue.h"
#include "finish.h"

namespace larq_el {
namespace {

constexpr int kMr = 4;
constexpr int kVectors = kBlock / 16;

void run(const Tile& tile, int32_t* acc) {
  __m512i sums[kMr][kVectors];
  for (int m = 0; m < kMr; ++m) {
    for (int v = 0; v < kVectors; ++v) sums[m][v] = _mm512_setzero_si512();
  }
  const uint32_t* weights = static_cast<const uint32_t*>(tile.weights);
  for (int tap = 0; tap < tile.taps; ++tap) {
    const int32_t* pixels[kMr];
    for (int m = 0; m < kMr; ++m) {
      pixels[m] = reinterpret_cast<const int32_t*>(static_cast<const char*>(tile.pixels[tap * kMr + m]) + tile.offset);
    }
    for (int k = 0; k < tile.words; ++k, weights += kBlock) {
      __m512i w[kVectors];
      for (int v = 0; v < kVectors; ++v) w[v] = _mm512_load_si512(weights + 16 * v);
      for (int m = 0; m < kMr; ++m) {
        const __m512i word = _mm512_set1_epi32(pixels[m][k]);
        for (int v = 0; v < kVectors; ++v) {
          sums[m][v] = _mm512_add_epi32(sums[m][v], _mm512_popcnt_epi32(_mm512_xor_si512(w[v], word)));
        }
      }
    }
  }
  for (int m = 0; m < kMr; ++m) {
    for (int v = 0; v < kVectors; ++v) _mm512_store_si512(acc + m * kBlock + 16 * v, sums[m][v]);
  }
}

}  // namespace

extern const BinaryKernel kernel_avx512vpopcnt = {"avx512vpopcnt",
                                                  kMr,
                                                  4,
                                                  4 * kBlock,
                                                  nullptr,
                                                  pack_words,
                                                  run,
                                                  store_float,
                                                  store_int8,
                                                  store_bits<Avx512>,
                                                  finish<Avx512>,
                                                  maximum<Avx512>,
                                                  signs<Avx512>,
                                                  depthwise<Avx512>};

}  // namespace larq_el
