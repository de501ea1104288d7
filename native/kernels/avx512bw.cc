// AVX-512 without a vector popcount (Skylake-X, Cascade Lake): table lookup, 64 channels an instruction.
#include <immintrin.h>

#include "avx512.h"
#include "depthwise.h"
#include "epilogue.h"
#include "finish.h"
#include "nibble_table.h"

namespace larq_el {
namespace {

struct Isa {
  using Vector = __m512i;
  static constexpr int kMr = 6;
  static constexpr int kVectors = 1;

  static void count(const uint8_t* weights, const uint8_t* const* pixels, int nibbles, Vector (*bytes)[kVectors]) {
    Vector sums[kMr];  // a copy, which the compiler keeps in registers
    for (int m = 0; m < kMr; ++m) sums[m] = bytes[m][0];
    for (int k = 0; k < nibbles; ++k, weights += kBlock) {
      const __m512i w = _mm512_load_si512(weights);
      for (int m = 0; m < kMr; ++m) {
        const __m128i* row = reinterpret_cast<const __m128i*>(kDiffering + pixels[m][k]);
        __m512i counts = _mm512_broadcast_i32x4(_mm_load_si128(row));
        // In assembly because the compiler otherwise re-associates the sums and runs out of registers.
        asm("vpshufb %[w], %[counts], %[counts]\n\tvpaddb %[counts], %[sum], %[sum]"
            : [counts] "+v"(counts), [sum] "+v"(sums[m])
            : [w] "v"(w));
      }
    }
    for (int m = 0; m < kMr; ++m) bytes[m][0] = sums[m];
  }

  static void widen(const Vector* bytes, uint16_t* wide, bool add) {
    __m512i* out = reinterpret_cast<__m512i*>(wide);
    __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes[0]));
    __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes[0], 1));
    if (add) {
      low = _mm512_add_epi16(_mm512_load_si512(out), low);
      high = _mm512_add_epi16(_mm512_load_si512(out + 1), high);
    }
    _mm512_store_si512(out, low);
    _mm512_store_si512(out + 1, high);
  }
};

}  // namespace

extern const BinaryKernel kernel_avx512bw = {
    "avx512bw",  Isa::kMr,   kNibbles,           kNibbles * kBlock, expand_nibbles,  pack_nibbles,  run_nibbles<Isa>,
    store_float, store_int8, store_bits<Avx512>, finish<Avx512>,    maximum<Avx512>, signs<Avx512>, depthwise<Avx512>};

}  // namespace larq_el
