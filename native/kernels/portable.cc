// Any CPU: popcounts by adding neighbouring fields, on 128-bit vectors of the compiler, which every 64-bit machine has.
#include "depthwise.h"
#include "epilogue.h"
#include "finish.h"

namespace larq_el {
namespace {

typedef uint32_t Vector __attribute__((vector_size(16)));

constexpr int kMr = 2;
constexpr int kLanes = 4;
constexpr int kStrip = 2;       // vectors of channels that are computed together
constexpr int kByteWords = 31;  // words whose counts, at most 8 a byte, fit into bytes

struct Portable {
  typedef float Vector __attribute__((vector_size(16)));
  typedef uint32_t Bits __attribute__((vector_size(16)));

  static uint64_t greater(const int32_t* x, const int32_t* threshold) {
    uint64_t bits = 0;
    for (int c = 0; c < kBlock; ++c) bits |= static_cast<uint64_t>(x[c] > threshold[c]) << c;
    return bits;
  }
  // Rounded once, by the C library where the CPU cannot.
  static Vector multiply_add(Vector a, Vector b, Vector c) {
    for (int i = 0; i < 4; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
  }
  static uint32_t negative(const float* values) {
    uint32_t bits = 0;
    for (int c = 0; c < 32; ++c) bits |= static_cast<uint32_t>(values[c] < 0) << c;
    return bits;
  }

  static Bits majority(Bits a, Bits b, Bits c) { return (a & b) | (c & (a ^ b)); }
  // Eight channels to the bytes of a word of 64 bits, which no carry crosses; bytes stand as on little-endian machines.
  template <int kPlanes>
  static void spread(const uint32_t* planes, size_t stride, int taps, int8_t* sums) {
    constexpr uint64_t kOnes = 0x0101010101010101u, kBitOfByte = 0x8040201008040201u, kTops = kOnes << 7;
    for (int c = 0; c < kBlock; c += 8) {
      uint64_t counts = 0;
      for (int k = kPlanes - 1; k >= 0; --k) {
        const uint64_t byte = planes[k * stride + c / 32] >> (c % 32) & 0xff;
        counts += counts + ((((byte * kOnes & kBitOfByte) + kOnes * 0x7f) >> 7) & kOnes);
      }
      // taps - 2 counts, with the top bit set in between so that nothing is borrowed
      const uint64_t bytes = (static_cast<uint64_t>(taps) * kOnes + kTops - 2 * counts) ^ kTops;
      memcpy(sums + c, &bytes, sizeof bytes);
    }
  }
};

// Set bits of each byte.
inline Vector byte_counts(Vector x) {
  x -= (x >> 1) & 0x55555555u;
  x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
  return (x + (x >> 4)) & 0x0f0f0f0fu;
}

// Sum of the bytes of each lane.
inline Vector sum_bytes(Vector x) {
  x = (x & 0x00ff00ffu) + ((x >> 8) & 0x00ff00ffu);
  return (x + (x >> 16)) & 0xffffu;
}

inline Vector load(const uint32_t* words) {
  Vector vector;
  memcpy(&vector, words, sizeof vector);
  return vector;
}

// Up to kByteWords words of one tap, for kMr pixels by kStrip vectors of channels.
inline void count(const uint32_t* const* pixels, const uint32_t* weights, int words, Vector (*sums)[kStrip]) {
  Vector bytes[kMr][kStrip] = {};
  for (int k = 0; k < words; ++k, weights += kBlock) {
    for (int m = 0; m < kMr; ++m) {
      for (int s = 0; s < kStrip; ++s) bytes[m][s] += byte_counts(load(weights + s * kLanes) ^ pixels[m][k]);
    }
  }
  for (int m = 0; m < kMr; ++m) {
    for (int s = 0; s < kStrip; ++s) sums[m][s] += sum_bytes(bytes[m][s]);
  }
}

void run(const Tile& tile, int32_t* acc) {
  for (int strip = 0; strip < kBlock; strip += kStrip * kLanes) {
    Vector sums[kMr][kStrip] = {};
    const uint32_t* weights = static_cast<const uint32_t*>(tile.weights) + strip;
    for (int tap = 0; tap < tile.taps; ++tap) {
      const uint32_t* pixels[kMr];
      for (int m = 0; m < kMr; ++m) {
        const char* pixel = static_cast<const char*>(tile.pixels[tap * kMr + m]) + tile.offset;
        pixels[m] = reinterpret_cast<const uint32_t*>(pixel);
      }
      for (int left = tile.words; left > 0; left -= kByteWords) {
        const int words = left < kByteWords ? left : kByteWords;
        count(pixels, weights, words, sums);
        weights += words * kBlock;
        for (int m = 0; m < kMr; ++m) pixels[m] += words;
      }
    }
    for (int m = 0; m < kMr; ++m) memcpy(acc + m * kBlock + strip, sums[m], sizeof sums[m]);
  }
}

}  // namespace

extern const BinaryKernel kernel_portable = {"portable",
                                             kMr,
                                             4,
                                             4 * kBlock,
                                             nullptr,
                                             pack_words,
                                             run,
                                             store_float,
                                             store_int8,
                                             store_bits<Portable>,
                                             finish<Portable>,
                                             maximum<Portable>,
                                             signs<Portable>,
                                             depthwise<Portable>};

}  // namespace larq_el
