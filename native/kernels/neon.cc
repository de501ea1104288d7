// ARMv8-A: popcounts of bytes, added up in bytes for as long as they fit. 3 instructions for 128 bits.
#include "epilogue.h"
#include "finish.h"
#include "neon.h"

namespace larq_el {
namespace {

constexpr int kByteWords = 31;  // words whose counts, at most 8 a byte, fit into bytes

struct Bytes {
  using Sums = uint8x16_t;
  static Sums add(Sums sums, uint8x16_t counts) { return vaddq_u8(sums, counts); }
};

// Moves the counts of bytes to the 32-bit sums of their channels.
inline void flush(uint8x16_t (*bytes)[kVectors], bool add, int32_t* acc) {
  for (int m = 0; m < kMr; ++m) {
    for (int v = 0; v < kVectors; ++v) {
      uint32_t* sums = reinterpret_cast<uint32_t*>(acc + m * kBlock + v * kLanes);
      const uint16x8_t pairs = vpaddlq_u8(bytes[m][v]);
      vst1q_u32(sums, add ? vpadalq_u16(vld1q_u32(sums), pairs) : vpaddlq_u16(pairs));
      bytes[m][v] = vdupq_n_u8(0);
    }
  }
}

void run(const Tile& tile, int32_t* acc) {
  const uint32_t* weights = static_cast<const uint32_t*>(tile.weights);
  for (int strip = 0; strip < kBlock; strip += kStrip) {
    uint8x16_t bytes[kMr][kVectors] = {};
    int room = kByteWords;  // words whose counts still fit
    bool flushed = false;
    for (int tap = 0; tap < tile.taps; ++tap) {
      const uint32_t* pixels[kMr];
      find_pixels(tile, tap, pixels);
      for (int k = 0; k < tile.words;) {
        if (room == 0) {
          flush(bytes, flushed, acc + strip);
          room = kByteWords;
          flushed = true;
        }
        const int end = k + room < tile.words ? k + room : tile.words;
        room -= end - k;
        for (; k < end; ++k, weights += kStrip) count_word<Bytes>(pixels, k, weights, bytes);
      }
    }
    flush(bytes, flushed, acc + strip);
  }
}

}  // namespace

extern const BinaryKernel kernel_neon = {"neon",       kMr,           4,           4 * kBlock, nullptr,
                                         pack_strips,  run,           store_float, store_int8, store_bits<Neon>,
                                         finish<Neon>, maximum<Neon>, signs<Neon>};

}  // namespace larq_el
