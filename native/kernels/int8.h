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

constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, half to even
constexpr int kRoundBits = 0x4b400000;

struct Lower {
  template <class V>
  static inline V of(V a, V b) {
    return b < a ? b : a;
  }
};
struct Higher {
  template <class V>
  static inline V of(V a, V b) {
    return b > a ? b : a;
  }
};

// The lowest or the highest element of a vector, by halves.
template <class Extreme, int kBytes>
inline float extreme(typename Reals<kBytes>::Vector v) {
  if constexpr (kBytes == 16) {
    return Extreme::of(Extreme::of(v[0], v[1]), Extreme::of(v[2], v[3]));
  } else {
    float values[Reals<kBytes>::kWidth];
    memcpy(values, &v, sizeof v);
    using Half = Reals<kBytes / 2>;
    return extreme<Extreme, kBytes / 2>(Extreme::of(Half::load(values), Half::load(values + Half::kWidth)));
  }
}

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
  const auto add = [&](int j, V v) {
    low[j] = Lower::of(low[j], v);
    high[j] = Higher::of(high[j], v);
  };
  size_t i = 0;
  for (; i + kChains * kWidth <= count; i += kChains * kWidth) {
    for (int j = 0; j < kChains; ++j) add(j, Reals<kBytes>::load(values + i + j * kWidth));
  }
  for (; i + kWidth <= count; i += kWidth) add(0, Reals<kBytes>::load(values + i));
  for (; i < count; ++i) add(0, V{} + values[i]);
  *lowest = extreme<Lower, kBytes>(Lower::of(Lower::of(low[0], low[1]), Lower::of(low[2], low[3])));
  *highest = extreme<Higher, kBytes>(Higher::of(Higher::of(high[0], high[1]), Higher::of(high[2], high[3])));
}

// The scale and the zero point of values from `lowest` to `highest`, which are not above and not below 0, as XNNPACK
// chooses them. On vectors, which have no branches that could be foreseen wrongly.
inline Int8Scale choose_scale(float lowest, float highest) {
  using V = Reals<16>::Vector;
  const float inverse_scale = lowest < highest ? 255.0f / (highest - lowest) : 1.0f;
  const float least = lowest * inverse_scale, most = highest * inverse_scale;
  // the end that lies nearer to an integer keeps its place
  const V apart = V{} + ((-128.0f + least) + (127.0f + most));
  V zero = apart > 0.0f ? V{} + (-128.0f - least) : V{} + (127.0f - most);
  zero = Lower::of(V{} + 127.0f, Higher::of(V{} - 128.0f, zero));
  const V rounded = (zero + kRound) - kRound;
  return {inverse_scale, 1.0f / inverse_scale, static_cast<int>(rounded[0])};
}

// Vectors of T, of the same number of elements. The bounds are those of int8, less the zero point. The lowest bits of a
// number behind kRound are an integer.
template <int kBytes, class T>
struct Quantizer {
  using V = typename Reals<kBytes>::Vector;
  using I = typename Reals<kBytes>::Integers;
  typedef T Narrow __attribute__((vector_size(kBytes / sizeof(float) * sizeof(T))));
  float inverse_scale;
  float lowest;
  float highest;
  int added;

  Quantizer(float inverse, int zero_point, int offset)
      : inverse_scale(inverse),
        lowest(static_cast<float>(-128 - zero_point)),
        highest(static_cast<float>(127 - zero_point)),
        added(zero_point + offset - kRoundBits) {}

  inline Narrow operator()(V x) const {
    x = Lower::of(V{} + highest, x * inverse_scale);
    x = Higher::of(V{} + lowest, x) + kRound;
    return __builtin_convertvector((I)x + added, Narrow);
  }
};

template <int kBytes, class T, int kOffset>
void quantize(const float* values, size_t count, float inverse_scale, int zero_point, void* quantized) {
  constexpr size_t kWidth = Reals<kBytes>::kWidth;
  const Quantizer<kBytes, T> quantizer(inverse_scale, zero_point, kOffset);
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

template <int kBytes, class T, int kOffset>
Int8Scale quantize_row(const float* values, size_t count, void* quantized) {
  float lowest = 0.0f, highest = 0.0f;
  range<kBytes>(values, count, &lowest, &highest);
  const Int8Scale scale = choose_scale(lowest, highest);
  quantize<kBytes, T, kOffset>(values, count, scale.inverse_scale, scale.zero_point, quantized);
  return scale;
}

template <int kBytes>
void average(const float* const* rows, size_t channels, size_t ahead, float factor, float* out) {
  constexpr size_t kWidth = Reals<kBytes>::kWidth;
  size_t c = 0;
  for (; c + kWidth <= channels; c += kWidth) {
    const auto at = [&](int i) {
      __builtin_prefetch(rows[i] + c + ahead);
      return Reals<kBytes>::load(rows[i] + c);
    };
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

// A kernel on vectors of `kBytes`, whose `run` takes activations q + kOffset of type A, and weights of type W of kGroup
// channels side by side.
template <int kBytes, class A, int kOffset, class W, int kGroup>
constexpr Int8Kernel kernel_of(const char* name, bool is_level, int mr, void (*run)(const Tile& tile, int32_t* acc)) {
  return {name,
          is_level,
          mr,
          kWordChannels * int{sizeof(A)},
          kWordChannels * kBlock * int{sizeof(W)},
          kOffset,
          pack<W, kGroup>,
          run,
          range<kBytes>,
          choose_scale,
          quantize<kBytes, A, kOffset>,
          quantize_row<kBytes, A, kOffset>,
          average<kBytes>};
}

}  // namespace
}  // namespace larq_el
