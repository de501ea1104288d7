// What int8 kernels share, written once and compiled for every instruction set. Everything has internal linkage (see
// kernel.h).
#pragma once

#include <cstring>

#include "int8_kernel.h"

namespace larq_el {
namespace {

// Vectors of the compiler's, of `kBytes` bytes.
template <int kBytes>
struct Reals {
  typedef float Vector __attribute__((vector_size(kBytes)));
  typedef int32_t Integers __attribute__((vector_size(kBytes)));
  static constexpr size_t kWidth = kBytes / sizeof(float);

  static inline Vector load(const float* from) {
    Vector vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
  }
};

template <int kBytes>
void range(const float* values, size_t count, float* lowest, float* highest) {
  using V = typename Reals<kBytes>::Vector;
  constexpr size_t kWidth = Reals<kBytes>::kWidth;
  constexpr int kChains = 4;  // comparisons wait for each other
  V low[kChains], high[kChains];
  for (int j = 0; j < kChains; ++j) {
    low[j] = V{} + *lowest;
    high[j] = V{} + *highest;
  }
  size_t i = 0;
  const auto add = [&](int j, V v) {
    low[j] = v < low[j] ? v : low[j];
    high[j] = v > high[j] ? v : high[j];
  };
  for (; i + kChains * kWidth <= count; i += kChains * kWidth) {
    for (int j = 0; j < kChains; ++j) add(j, Reals<kBytes>::load(values + i + j * kWidth));
  }
  for (; i + kWidth <= count; i += kWidth) add(0, Reals<kBytes>::load(values + i));
  for (; i < count; ++i) add(0, V{} + values[i]);
  for (int j = 1; j < kChains; ++j) {
    low[0] = low[j] < low[0] ? low[j] : low[0];
    high[0] = high[j] > high[0] ? high[j] : high[0];
  }
  float least[kWidth], most[kWidth];
  memcpy(least, &low[0], sizeof least);
  memcpy(most, &high[0], sizeof most);
  for (size_t half = kWidth / 2; half > 0; half /= 2) {
    for (size_t k = 0; k < half; ++k) least[k] = least[k] < least[k + half] ? least[k] : least[k + half];
    for (size_t k = 0; k < half; ++k) most[k] = most[k] > most[k + half] ? most[k] : most[k + half];
  }
  *lowest = least[0];
  *highest = most[0];
}

// Vectors of T, of the same number of elements. Beyond the bounds everything saturates, whatever the zero point; adding
// and taking away 1.5 * 2^23 rounds to an integer, half to even.
template <int kBytes, class T>
struct Quantizer {
  using V = typename Reals<kBytes>::Vector;
  using I = typename Reals<kBytes>::Integers;
  typedef T Narrow __attribute__((vector_size(kBytes / sizeof(float) * sizeof(T))));
  float inverse_scale;
  int zero_point;
  int offset;

  inline Narrow operator()(V x) const {
    constexpr float kBound = 512.0f, kRound = 12582912.0f;
    x *= inverse_scale;
    x = x < kBound ? x : V{} + kBound;
    x = x > -kBound ? x : V{} - kBound;
    I q = __builtin_convertvector((x + kRound) - kRound, I) + zero_point;
    q = q < 127 ? q : I{} + 127;
    q = q > -128 ? q : I{} - 128;
    return __builtin_convertvector(q + offset, Narrow);
  }
};

template <int kBytes, class T, int kOffset>
void quantize(const float* values, size_t count, float inverse_scale, int zero_point, void* quantized) {
  constexpr size_t kWidth = Reals<kBytes>::kWidth;
  const Quantizer<kBytes, T> quantizer = {inverse_scale, zero_point, kOffset};
  T* out = static_cast<T*>(quantized);
  size_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    const auto q = quantizer(Reals<kBytes>::load(values + i));
    memcpy(out + i, &q, sizeof q);
  }
  if (i == count) return;
  float rest[kWidth] = {};
  memcpy(rest, values + i, sizeof(float) * (count - i));
  const auto q = quantizer(Reals<kBytes>::load(rest));
  const size_t words = (count - i + kWordChannels - 1) / kWordChannels;
  memcpy(out + i, &q, words * kWordChannels * sizeof(T));
}

template <int kBytes>
void average(const float* const* rows, size_t channels, float factor, float* out) {
  constexpr size_t kWidth = Reals<kBytes>::kWidth;
  size_t c = 0;
  for (; c + kWidth <= channels; c += kWidth) {
    const auto at = [&](int i) { return Reals<kBytes>::load(rows[i] + c); };
    const auto mean = ((at(0) + at(1)) + (at(2) + at(3))) * factor;
    memcpy(out + c, &mean, sizeof mean);
  }
  for (; c < channels; ++c) out[c] = ((rows[0][c] + rows[1][c]) + (rows[2][c] + rows[3][c])) * factor;
}

// [tap][channels / kGroup][output channel][kGroup] of W: what kernels read that multiply kGroup channels of a pixel
// with those of every output channel.
template <class W, int kGroup>
void pack(const int8_t* filters, size_t stride, int channels, int taps, int channels_in, void* packed) {
  W* out = static_cast<W*>(packed);
  const int padded = (channels_in + kWordChannels - 1) / kWordChannels * kWordChannels;
  for (int tap = 0; tap < taps; ++tap, filters += channels_in) {
    for (int first = 0; first < padded; first += kGroup) {
      for (int c = 0; c < kBlock; ++c) {
        for (int i = first; i < first + kGroup; ++i) {
          *out++ = c < channels && i < channels_in ? filters[c * stride + i] : 0;
        }
      }
    }
  }
}

// The pixel `m` of a tap, as words.
template <class T>
inline const T* pixel_of(const Tile& tile, int mr, int tap, int m) {
  return reinterpret_cast<const T*>(static_cast<const char*>(tile.pixels[tap * mr + m]) + tile.offset);
}

}  // namespace
}  // namespace larq_el
