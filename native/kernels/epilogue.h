// What happens to accumulators, written once and compiled with the flags of every instruction set, so that the compiler
// vectorises it for each. Everything has internal linkage (see kernel.h).
//
// The products and sums are never contracted to fused multiply-adds (-ffp-contract=off): LCE rounds both, and signs of
// values near zero depend on it.
#pragma once

#include <cstring>

#include "kernel.h"

namespace larq_el {
namespace {

inline const int32_t* correction_of(const Rows& rows, int pixel) {
  return rows.correction == nullptr ? nullptr : rows.correction[pixel];
}

template <class T>
inline T* aligned(T* pointer) {
  return static_cast<T*>(__builtin_assume_aligned(pointer, 64));
}

// y[c] = the real of each channel, from accumulators and, where `kCorrected`, corrections.
template <bool kCorrected>
inline void transform_row(const int32_t* acc, const int32_t* correction, const OutputTransform& transform, float* y) {
  const int32_t lowest = transform.clamp_min, highest = transform.clamp_max;
  const float* multiplier = aligned(transform.multiplier);
  const float* bias = aligned(transform.bias);
  for (int c = 0; c < kBlock; ++c) {
    const int32_t x = 2 * aligned(acc)[c] + (kCorrected ? aligned(correction)[c] : 0);
    const int32_t below = x < highest ? x : highest;
    const int32_t clamped = below > lowest ? below : lowest;
    y[c] = static_cast<float>(clamped) * multiplier[c] + bias[c];
  }
}

inline void transform_row(const Rows& rows, int pixel, const OutputTransform& transform, float* y) {
  const int32_t* acc = rows.acc + pixel * kBlock;
  const int32_t* correction = correction_of(rows, pixel);
  if (correction == nullptr) {
    transform_row<false>(acc, nullptr, transform, y);
  } else {
    transform_row<true>(acc, correction, transform, y);
  }
}

inline void store_float(const Rows& rows, const OutputTransform& transform, float* out, size_t stride) {
  alignas(64) float y[kBlock];
  for (int i = 0; i < rows.pixels; ++i, out += stride) {
    if (rows.channels == kBlock) {
      transform_row(rows, i, transform, out);
    } else {
      transform_row(rows, i, transform, y);
      memcpy(out, y, sizeof(float) * rows.channels);
    }
  }
}

// Rounds half away from zero, as std::round does, and saturates; a NaN becomes 0. Adding the largest float below one
// half keeps 0.49999997 from being rounded up.
inline int8_t to_int8(float y) {
  y = y < 127.0f ? y : y >= 127.0f ? 127.0f : 0.0f;
  y = y > -128.0f ? y : -128.0f;
  return static_cast<int8_t>(static_cast<int32_t>(y + __builtin_copysignf(0.49999997f, y)));
}

inline void store_int8(const Rows& rows, const OutputTransform& transform, int8_t* out, size_t stride) {
  alignas(64) float y[kBlock];
  alignas(64) int8_t z[kBlock];
  for (int i = 0; i < rows.pixels; ++i, out += stride) {
    transform_row(rows, i, transform, y);
    for (int c = 0; c < kBlock; ++c) z[c] = to_int8(y[c]);
    memcpy(out, z, rows.channels);
  }
}

// Isa::greater(x, threshold) compares kBlock integers, one bit for each.
template <class Isa>
void store_bits(const Rows& rows, const OutputTransform& transform, uint64_t* bits) {
  alignas(64) int32_t x[kBlock];
  const uint64_t stored = rows.channels == kBlock ? ~uint64_t{0} : (uint64_t{1} << rows.channels) - 1;
  for (int i = 0; i < rows.pixels; ++i) {
    const int32_t* acc = aligned(rows.acc) + i * kBlock;
    const int32_t* correction = correction_of(rows, i);
    for (int c = 0; c < kBlock; ++c) x[c] = 2 * acc[c] + (correction == nullptr ? 0 : correction[c]);
    bits[i] = Isa::greater(x, transform.threshold) & stored;
  }
}

// Isa::negative(values) gives the bits of 32 reals.
template <class Isa>
void signs(const float* values, size_t count, uint32_t* bits) {
  size_t i = 0;
  for (; i + 32 <= count; i += 32) *bits++ = Isa::negative(values + i);
  if (i == count) return;
  float rest[32] = {};
  memcpy(rest, values + i, sizeof(float) * (count - i));
  *bits = Isa::negative(rest);
}

// [word][channel] of 32-bit words: what kernels read that compare a word of a pixel with one of every channel.
inline void pack_words(const uint32_t* filters, size_t stride, int channels, size_t words, int, void* packed) {
  uint32_t* out = static_cast<uint32_t*>(packed);
  for (size_t i = 0; i < words; ++i, out += kBlock) {
    for (int c = 0; c < kBlock; ++c) out[c] = c < channels ? filters[c * stride + i] : 0;
  }
}

}  // namespace
}  // namespace larq_el
