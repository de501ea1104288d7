// AVX2 (Haswell, Zen and later): table lookup, 32 channels an instruction.
#include <immintrin.h>

#include "depthwise.h"
#include "epilogue.h"
#include "finish.h"
#include "nibble_table.h"

namespace larq_el {
namespace {

struct Isa {
  using Vector = __m256i;
  static constexpr int kMr = 5;  // 10 sums, 2 weights, a row and its counts: the 16 registers hold no more
  static constexpr int kVectors = 2;

  static void count(const uint8_t* weights, const uint8_t* const* pixels, int nibbles, Vector (*bytes)[kVectors]) {
    Vector sums[kMr][kVectors];  // a copy, which the compiler keeps in registers
    for (int m = 0; m < kMr; ++m) {
      for (int v = 0; v < kVectors; ++v) sums[m][v] = bytes[m][v];
    }
    for (int k = 0; k < nibbles; ++k, weights += kBlock) {
      const __m256i* w = reinterpret_cast<const __m256i*>(weights);
      const __m256i low = _mm256_load_si256(w), high = _mm256_load_si256(w + 1);
      for (int m = 0; m < kMr; ++m) {
        const __m128i* address = reinterpret_cast<const __m128i*>(kDiffering + pixels[m][k]);
        const __m256i row = _mm256_broadcastsi128_si256(_mm_load_si128(address));
        add_counts(row, low, &sums[m][0]);
        add_counts(row, high, &sums[m][1]);
      }
    }
    for (int m = 0; m < kMr; ++m) {
      for (int v = 0; v < kVectors; ++v) bytes[m][v] = sums[m][v];
    }
  }

  // In assembly because the compiler otherwise re-associates the sums and runs out of registers.
  static void add_counts(__m256i row, __m256i weights, Vector* sum) {
    __m256i counts;
    asm("vpshufb %[weights], %[row], %[counts]\n\tvpaddb %[counts], %[sum], %[sum]"
        : [counts] "=&x"(counts), [sum] "+x"(*sum)
        : [row] "x"(row), [weights] "x"(weights));
  }

  static void widen(const Vector* bytes, uint16_t* wide, bool add) {
    __m256i* out = reinterpret_cast<__m256i*>(wide);
    for (int v = 0; v < kVectors; ++v, out += 2) {
      __m256i low = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(bytes[v]));
      __m256i high = _mm256_cvtepu8_epi16(_mm256_extracti128_si256(bytes[v], 1));
      if (add) {
        low = _mm256_add_epi16(_mm256_load_si256(out), low);
        high = _mm256_add_epi16(_mm256_load_si256(out + 1), high);
      }
      _mm256_store_si256(out, low);
      _mm256_store_si256(out + 1, high);
    }
  }
};

struct Avx2 {
  typedef float Vector __attribute__((vector_size(32)));
  typedef uint32_t Bits __attribute__((vector_size(32)));

  static uint64_t greater(const int32_t* x, const int32_t* threshold) {
    uint64_t bits = 0;
    for (int c = 0; c < kBlock; c += 8) {
      const __m256i a = _mm256_load_si256(reinterpret_cast<const __m256i*>(x + c));
      const __m256i b = _mm256_load_si256(reinterpret_cast<const __m256i*>(threshold + c));
      const int mask = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b)));
      bits |= static_cast<uint64_t>(static_cast<uint32_t>(mask)) << c;
    }
    return bits;
  }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static uint32_t negative(const float* values) {
    uint32_t bits = 0;
    for (int c = 0; c < 32; c += 8) {
      const __m256 below = _mm256_cmp_ps(_mm256_loadu_ps(values + c), _mm256_setzero_ps(), _CMP_LT_OQ);
      bits |= static_cast<uint32_t>(_mm256_movemask_ps(below)) << c;
    }
    return bits;
  }

  static Bits majority(Bits a, Bits b, Bits c) { return (a & b) | (c & (a ^ b)); }
  template <int kPlanes>
  static void spread(const uint32_t* planes, size_t stride, int taps, int8_t* sums) {
    const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
    // byte i of a word to bytes 8 i and behind
    const __m256i eight = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    for (int half = 0; half < 2; ++half) {
      __m256i counts = _mm256_setzero_si256();
      for (int k = kPlanes - 1; k >= 0; --k) {
        const __m256i word = _mm256_set1_epi32(static_cast<int>(planes[k * stride + half]));
        const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(word, eight), bit), bit);
        counts = _mm256_sub_epi8(_mm256_add_epi8(counts, counts), set);
      }
      const __m256i all = _mm256_set1_epi8(static_cast<char>(taps));
      _mm256_store_si256(reinterpret_cast<__m256i*>(sums) + half,
                         _mm256_sub_epi8(all, _mm256_add_epi8(counts, counts)));
    }
  }
};

}  // namespace

extern const BinaryKernel kernel_avx2 = {
    "avx2",      Isa::kMr,   kNibbles,         kNibbles * kBlock, expand_nibbles, pack_nibbles, run_nibbles<Isa>,
    store_float, store_int8, store_bits<Avx2>, finish<Avx2>,      maximum<Avx2>,  signs<Avx2>,  depthwise<Avx2>};

}  // namespace larq_el
