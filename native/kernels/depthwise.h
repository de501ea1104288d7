// Binary depthwise convolutions, written once and compiled for every instruction set: all channels of a vector are
// counted at once, in bit planes, by the logic of an adder. Everything has internal linkage (see kernel.h).
//
// An instruction set gives two functions: `majority` of three vectors of bits, and `spread`, which turns planes into a
// byte for each channel.
#pragma once

#include <cstring>

#include "kernel.h"

namespace larq_el {
namespace {

constexpr int kMostPlanes = 7;
static_assert(kMostTaps < 1 << kMostPlanes, "the sums of all taps must fit into signed bytes");

// TapCounts of channels: bit `k` of each in `planes[k]`.
template <class Isa>
struct TapCounts {
  using Vector = typename Isa::Bits;
  static constexpr int kWords = sizeof(Vector) / sizeof(uint32_t);

  Vector planes[kMostPlanes];

  // The bits in which a tap of `words` words and its weights differ; of a whole vector, `words` is known to be kWords.
  static inline Vector differing(const DepthwisePixel& pixel, int tap, int first, int words) {
    Vector bits = {}, weights = {};
    memcpy(&bits, pixel.pixels[tap] + first, sizeof(uint32_t) * words);
    memcpy(&weights, pixel.weights[tap] + first, sizeof(uint32_t) * words);
    return bits ^ weights;
  }

  // The sum of three bits; returns its upper one.
  static inline Vector add(Vector* sum, Vector a, Vector b) {
    const Vector carry = Isa::majority(*sum, a, b);
    *sum ^= a ^ b;
    return carry;
  }
  static inline Vector add(Vector* sum, Vector a) {
    const Vector carry = *sum & a;
    *sum ^= a;
    return carry;
  }

  // 3x3: a tree with the fewest additions.
  inline void count_nine(const DepthwisePixel& pixel, int first, int words) {
    Vector taps[9], twos[4];
    for (int tap = 0; tap < 9; ++tap) taps[tap] = differing(pixel, tap, first, words);
    planes[0] = taps[0];
    for (int i = 0; i < 4; ++i) twos[i] = add(&planes[0], taps[2 * i + 1], taps[2 * i + 2]);
    planes[1] = twos[0];
    planes[2] = add(&planes[1], twos[1], twos[2]);
    planes[3] = add(&planes[2], add(&planes[1], twos[3]));
  }

  // Any taps that `kPlanes` bits can count: two at a time, whose carry ripples upwards.
  template <int kPlanes>
  inline void count_any(const DepthwisePixel& pixel, int first, int words) {
    for (int k = 0; k < kPlanes; ++k) planes[k] = Vector{};
    int tap = 0;
    for (; tap + 1 < pixel.taps; tap += 2) {
      Vector carry = add(&planes[0], differing(pixel, tap, first, words), differing(pixel, tap + 1, first, words));
      for (int k = 1; k < kPlanes; ++k) carry = add(&planes[k], carry);
    }
    if (tap == pixel.taps) return;
    Vector carry = differing(pixel, tap, first, words);
    for (int k = 0; k < kPlanes; ++k) carry = add(&planes[k], carry);
  }
};

// Sums from counts, scaled and shifted: two words at a time, the last one alone where their number is odd.
template <class Isa, int kPlanes>
inline void store_sums(const DepthwisePixel& pixel, const TapCounts<Isa>& counts, int first, int words, float* out) {
  alignas(64) uint32_t planes[kPlanes][TapCounts<Isa>::kWords];
  memcpy(planes, counts.planes, sizeof planes);
  for (int i = 0; i < words; i += 2) {
    alignas(64) int8_t sums[kBlock];
    Isa::template spread<kPlanes>(&planes[0][i], TapCounts<Isa>::kWords, pixel.taps, sums);
    const int at = (first + i) * 32;
    const auto transform = [&](int channels) {
      for (int c = 0; c < channels; ++c) {
        out[at + c] = static_cast<float>(sums[c]) * pixel.scale[at + c] + pixel.bias[at + c];
      }
    };
    if (i + 1 < words) {
      transform(kBlock);
    } else {
      transform(kBlock / 2);
    }
  }
}

template <class Isa, int kPlanes>
inline void depthwise_vector(const DepthwisePixel& pixel, int first, int words, float* out) {
  TapCounts<Isa> counts;
  if (kPlanes == 4 && pixel.taps == 9) {
    counts.count_nine(pixel, first, words);
  } else {
    counts.template count_any<kPlanes>(pixel, first, words);
  }
  store_sums<Isa, kPlanes>(pixel, counts, first, words, out);
}

template <class Isa, int kPlanes>
inline void depthwise_planes(const DepthwisePixel& pixel, float* out) {
  constexpr int kWords = TapCounts<Isa>::kWords;
  int first = 0;
  for (; first + kWords <= pixel.words; first += kWords) depthwise_vector<Isa, kPlanes>(pixel, first, kWords, out);
  if (first < pixel.words) depthwise_vector<Isa, kPlanes>(pixel, first, pixel.words - first, out);
}

template <class Isa>
void depthwise(const DepthwisePixel& pixel, float* out) {
  if (pixel.taps < 4) return depthwise_planes<Isa, 2>(pixel, out);
  if (pixel.taps < 16) return depthwise_planes<Isa, 4>(pixel, out);
  if (pixel.taps < 32) return depthwise_planes<Isa, 5>(pixel, out);
  depthwise_planes<Isa, kMostPlanes>(pixel, out);
}

}  // namespace
}  // namespace larq_el
