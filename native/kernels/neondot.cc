// ARMv8.2 with dot products (Cortex-A55, A75 and later): popcounts of bytes, which a dot product with ones sums to 32
// bits. 3 instructions for 128 bits, and nothing to be done at the end.
#include "epilogue.h"
#include "finish.h"
#include "neon.h"

namespace larq_el {
namespace {

struct Dot {
  using Sums = uint32x4_t;
  static Sums add(Sums sums, uint8x16_t counts) { return vdotq_u32(sums, counts, vdupq_n_u8(1)); }
};

void run(const Tile& tile, int32_t* acc) {
  const uint32_t* weights = static_cast<const uint32_t*>(tile.weights);
  for (int strip = 0; strip < kBlock; strip += kStrip) {
    uint32x4_t sums[kMr][kVectors] = {};
    for (int tap = 0; tap < tile.taps; ++tap) {
      const uint32_t* pixels[kMr];
      find_pixels(tile, tap, pixels);
      for (int k = 0; k < tile.words; ++k, weights += kStrip) count_word<Dot>(pixels, k, weights, sums);
    }
    for (int m = 0; m < kMr; ++m) {
      for (int v = 0; v < kVectors; ++v) {
        vst1q_s32(acc + m * kBlock + strip + v * kLanes, vreinterpretq_s32_u32(sums[m][v]));
      }
    }
  }
}

}  // namespace

extern const BinaryKernel kernel_neondot = {"neondot",    kMr,           4,           4 * kBlock, nullptr,
                                            pack_strips,  run,           store_float, store_int8, store_bits<Neon>,
                                            finish<Neon>, maximum<Neon>, signs<Neon>};

}  // namespace larq_el
