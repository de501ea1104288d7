// Binary matrix products by table lookup, for instruction sets that have a byte shuffle and no vector popcount.
//
// A nibble of an activation selects one of 16 table rows; the row, broadcast, is looked up with a vector of weight
// nibbles, one channel a byte, and gives the number of differing bits of every channel at once: 2 instructions for
// 4 bits of as many channels as a vector has bytes. Everything has internal linkage (see kernel.h).
#pragma once

#include <cstring>

#include "kernel.h"

namespace larq_el {
namespace {

constexpr int kNibbles = 8;  // of a word
// Counts of up to 7 words, 7 * 32 bits, fit into the bytes that accumulate them; up to 256 times as many into 16 bits.
constexpr int kByteWords = 7;
constexpr int kFlushes = 256;

#define LARQ_EL_ROW(a)                                                                                              \
  __builtin_popcount(a ^ 0), __builtin_popcount(a ^ 1), __builtin_popcount(a ^ 2), __builtin_popcount(a ^ 3),       \
      __builtin_popcount(a ^ 4), __builtin_popcount(a ^ 5), __builtin_popcount(a ^ 6), __builtin_popcount(a ^ 7),   \
      __builtin_popcount(a ^ 8), __builtin_popcount(a ^ 9), __builtin_popcount(a ^ 10), __builtin_popcount(a ^ 11), \
      __builtin_popcount(a ^ 12), __builtin_popcount(a ^ 13), __builtin_popcount(a ^ 14), __builtin_popcount(a ^ 15)

// Differing[16 * a + w]: in how many bits the nibbles a and w differ.
alignas(64) constexpr uint8_t kDiffering[256] = {LARQ_EL_ROW(0),  LARQ_EL_ROW(1),  LARQ_EL_ROW(2),  LARQ_EL_ROW(3),
                                                 LARQ_EL_ROW(4),  LARQ_EL_ROW(5),  LARQ_EL_ROW(6),  LARQ_EL_ROW(7),
                                                 LARQ_EL_ROW(8),  LARQ_EL_ROW(9),  LARQ_EL_ROW(10), LARQ_EL_ROW(11),
                                                 LARQ_EL_ROW(12), LARQ_EL_ROW(13), LARQ_EL_ROW(14), LARQ_EL_ROW(15)};
#undef LARQ_EL_ROW

// Each nibble of a word becomes a byte, the offset of its row in the table.
inline void expand_nibbles(const uint32_t* bits, size_t count, void* expanded) {
  const uint8_t* in = reinterpret_cast<const uint8_t*>(bits);
  uint8_t* out = static_cast<uint8_t*>(expanded);
  for (size_t i = 0; i < 4 * count; ++i) {
    out[2 * i] = static_cast<uint8_t>(in[i] << 4);
    out[2 * i + 1] = in[i] & 0xf0;
  }
}

// [word][nibble][channel], a nibble a byte.
inline void pack_nibbles(const uint32_t* filters, size_t stride, int channels, size_t words, int, void* packed) {
  uint8_t* out = static_cast<uint8_t*>(packed);
  for (size_t i = 0; i < words; ++i) {
    for (int nibble = 0; nibble < kNibbles; ++nibble, out += kBlock) {
      for (int c = 0; c < kBlock; ++c) {
        out[c] = c < channels ? (filters[c * stride + i] >> (4 * nibble)) & 15 : 0;
      }
    }
  }
}

// The counts of a tile on their way from bytes by way of 16 bits to 32 bits. `Isa` names a type of vectors of bytes,
// `kVectors` of which hold the channels of a pixel, and the number of pixels kMr. Isa::widen(bytes, wide, add) writes
// the bytes of a pixel as 16-bit counts, or adds them to those there.
template <class Isa>
struct Counts {
  typename Isa::Vector bytes[Isa::kMr][Isa::kVectors] = {};
  alignas(64) uint16_t wide[Isa::kMr][kBlock];
  int room = kByteWords;  // words whose counts still fit into the bytes
  int flushes = 0;        // of bytes into `wide`, since it was emptied
  bool spilt = false;     // whether `acc` holds counts

  void flush() {
    for (int m = 0; m < Isa::kMr; ++m) {
      Isa::widen(bytes[m], wide[m], flushes > 0);
      for (int v = 0; v < Isa::kVectors; ++v) bytes[m][v] = typename Isa::Vector{};
    }
    room = kByteWords;
    ++flushes;
  }

  void spill(int32_t* acc) {
    const uint16_t* counts = wide[0];
    if (spilt) {
      for (int i = 0; i < Isa::kMr * kBlock; ++i) acc[i] += counts[i];
    } else {
      for (int i = 0; i < Isa::kMr * kBlock; ++i) acc[i] = counts[i];
    }
    flushes = 0;
    spilt = true;
  }
};

// Isa::count(weights, pixels, nibbles, bytes) adds the counts of `nibbles` nibbles.
template <class Isa>
void run_nibbles(const Tile& tile, int32_t* acc) {
  Counts<Isa> counts;
  const uint8_t* weights = static_cast<const uint8_t*>(tile.weights);
  for (int tap = 0; tap < tile.taps; ++tap) {
    const uint8_t* pixels[Isa::kMr];
    for (int m = 0; m < Isa::kMr; ++m) {
      pixels[m] = static_cast<const uint8_t*>(tile.pixels[tap * Isa::kMr + m]) + tile.offset;
    }
    for (int left = tile.words; left > 0;) {
      const int words = left < counts.room ? left : counts.room;
      Isa::count(weights, pixels, words * kNibbles, counts.bytes);
      weights += words * kNibbles * kBlock;
      for (int m = 0; m < Isa::kMr; ++m) pixels[m] += words * kNibbles;
      left -= words;
      counts.room -= words;
      if (counts.room > 0) continue;
      counts.flush();
      if (counts.flushes == kFlushes) counts.spill(acc);
    }
  }
  counts.flush();
  counts.spill(acc);
}

}  // namespace
}  // namespace larq_el
