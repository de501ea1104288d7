// Comparisons to bits, which AVX-512 has instructions for. Everything has internal linkage (see kernel.h).
#pragma once

#include <immintrin.h>

#include <cstring>

#include "kernel.h"

namespace larq_el {
namespace {

struct Avx512 {
  typedef float Vector __attribute__((vector_size(64)));
  typedef uint32_t Bits __attribute__((vector_size(64)));

  static uint64_t greater(const int32_t* x, const int32_t* threshold) {
    uint64_t bits = 0;
    for (int c = 0; c < kBlock; c += 16) {
      const __mmask16 mask = _mm512_cmpgt_epi32_mask(_mm512_load_si512(x + c), _mm512_load_si512(threshold + c));
      bits |= static_cast<uint64_t>(mask) << c;
    }
    return bits;
  }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static uint32_t negative(const float* values) {
    const __m512 zero = _mm512_setzero_ps();
    const __mmask16 low = _mm512_cmp_ps_mask(_mm512_loadu_ps(values), zero, _CMP_LT_OQ);
    const __mmask16 high = _mm512_cmp_ps_mask(_mm512_loadu_ps(values + 16), zero, _CMP_LT_OQ);
    return static_cast<uint32_t>(low) | static_cast<uint32_t>(high) << 16;
  }

  static Bits majority(Bits a, Bits b, Bits c) {
    return (Bits)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0xe8);
  }
  template <int kPlanes>
  static void spread(const uint32_t* planes, size_t stride, int taps, int8_t* sums) {
    __m512i bytes = _mm512_set1_epi8(static_cast<char>(taps));
    for (int k = 0; k < kPlanes; ++k, planes += stride) {
      uint64_t mask;
      memcpy(&mask, planes, sizeof mask);
      bytes = _mm512_mask_sub_epi8(bytes, mask, bytes, _mm512_set1_epi8(static_cast<char>(2 << k)));
    }
    _mm512_store_si512(sums, bytes);
  }
};

}  // namespace
}  // namespace larq_el
