// ARMv8-A: a register holds 128 channels of one pixel, so that nothing is broadcast; the popcounts of its bytes are
// added pairwise until there are two for each of eight channels, and then to 16-bit sums. Three instructions for 128
// bits.
//
// The order of a step is written by hand: cores that issue in order wait where instructions of one latency do not stand
// together, and compilers spread them. benchmarks/neon_models.py shows what models of such cores make of it.
#include <arm_neon.h>

#include "depthwise.h"
#include "epilogue.h"
#include "finish.h"
#include "kernel.h"

namespace larq_el {
namespace {

constexpr int kMr = 4;
constexpr int kStrip = 8;         // channels that are counted together
constexpr int kMostWords = 2044;  // whose bits a 16-bit sum can hold, a multiple of 4
constexpr int kVectorLanes = 4;

struct Neon {
  typedef float Vector __attribute__((vector_size(16)));
  typedef uint32_t Bits __attribute__((vector_size(16)));

  static uint64_t greater(const int32_t* x, const int32_t* threshold) {
    uint32x4_t masks[2][8];
    for (int i = 0; i < 16; ++i) {
      masks[i / 8][i % 8] = vcgtq_s32(vld1q_s32(x + i * kVectorLanes), vld1q_s32(threshold + i * kVectorLanes));
    }
    return gather(masks[0]) | static_cast<uint64_t>(gather(masks[1])) << 32;
  }
  static Vector multiply_add(Vector a, Vector b, Vector c) {
    return (Vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
  }
  static uint32_t negative(const float* values) {
    uint32x4_t masks[8];
    for (int i = 0; i < 8; ++i) masks[i] = vcltzq_f32(vld1q_f32(values + i * kVectorLanes));
    return gather(masks);
  }

  static Bits majority(Bits a, Bits b, Bits c) {
    return (Bits)vbslq_u32((uint32x4_t)(a ^ b), (uint32x4_t)c, (uint32x4_t)a);
  }
  template <int kPlanes>
  static void spread(const uint32_t* planes, size_t stride, int taps, int8_t* sums) {
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
    // bytes 0 and 1 of a word to bytes 0 and behind, and 8 and behind
    const uint8x16_t low = vcombine_u8(vdup_n_u8(0), vdup_n_u8(1)), high = vcombine_u8(vdup_n_u8(2), vdup_n_u8(3));
    const int8x16_t all = vdupq_n_s8(static_cast<int8_t>(taps));
    for (int half = 0; half < 2; ++half) {
      uint8x16_t counts[2] = {vdupq_n_u8(0), vdupq_n_u8(0)};
      for (int k = kPlanes - 1; k >= 0; --k) {
        const uint8x16_t word = vreinterpretq_u8_u32(vdupq_n_u32(planes[k * stride + half]));
        counts[0] = vsubq_u8(vaddq_u8(counts[0], counts[0]), vtstq_u8(vqtbl1q_u8(word, low), bit));
        counts[1] = vsubq_u8(vaddq_u8(counts[1], counts[1]), vtstq_u8(vqtbl1q_u8(word, high), bit));
      }
      for (int i = 0; i < 2; ++i) {
        const int8x16_t twice = vreinterpretq_s8_u8(vaddq_u8(counts[i], counts[i]));
        vst1q_s8(sums + 32 * half + 16 * i, vsubq_s8(all, twice));
      }
    }
  }

 private:
  // One bit for each of 32 lanes, all ones or zero.
  static uint32_t gather(const uint32x4_t* masks) {
    const uint8x16_t weights = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
    const uint8x16_t low = vandq_u8(narrow(masks), weights), high = vandq_u8(narrow(masks + 4), weights);
    uint8x16_t sums = vpaddq_u8(low, high);
    sums = vpaddq_u8(sums, sums);
    return vgetq_lane_u32(vreinterpretq_u32_u8(vpaddq_u8(sums, sums)), 0);
  }
  static uint8x16_t narrow(const uint32x4_t* masks) {
    const uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_u32(masks[0]), vreinterpretq_u16_u32(masks[1]));
    const uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_u32(masks[2]), vreinterpretq_u16_u32(masks[3]));
    return vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
  }
};

// The largest group of words that is counted at once.
inline int group_of(int words) { return words >= 4 ? 4 : words >= 2 ? 2 : 1; }

// [strip][tap][group][channel of the strip][word of the group], of groups of 4 words, then of 2 and of 1.
void pack_strips(const uint32_t* filters, size_t stride, int channels, size_t words, int tap_words, void* packed) {
  uint32_t* out = static_cast<uint32_t*>(packed);
  for (int strip = 0; strip < kBlock; strip += kStrip) {
    for (size_t tap = 0; tap < words; tap += tap_words) {
      for (int k = 0, size = 0; k < tap_words; k += size) {
        size = group_of(tap_words - k);
        for (int c = strip; c < strip + kStrip; ++c) {
          for (int i = 0; i < size; ++i) *out++ = c < channels ? filters[c * stride + tap + k + i] : 0;
        }
      }
    }
  }
}

struct Sums {
  uint16x8_t pixel[kMr];
};

#define EOR(to, a, b) "eor v" #to ".16b, v" #a ".16b, v" #b ".16b\n"
#define EOR4(w, to0, to1, to2, to3) EOR(to0, 0, w) EOR(to1, 1, w) EOR(to2, 2, w) EOR(to3, 3, w)
#define CNT(v) "cnt v" #v ".16b, v" #v ".16b\n"
#define CNT4(a, b, c, d) CNT(a) CNT(b) CNT(c) CNT(d)
#define ADDP(to, a, b) "addp v" #to ".16b, v" #a ".16b, v" #b ".16b\n"
#define UADALP(sum, v) "uadalp %[" #sum "].8h, v" #v ".16b\n"
#define LDR(q, from) "ldr q" #q ", [" from "]\n"
#define SUMS [s0] "+w"(sums.pixel[0]), [s1] "+w"(sums.pixel[1]), [s2] "+w"(sums.pixel[2]), [s3] "+w"(sums.pixel[3])
#define PIXELS [p0] "r"(pixels[0]), [p1] "r"(pixels[1]), [p2] "r"(pixels[2]), [p3] "r"(pixels[3])

// Adds the bits in which 4 words of each pixel, `at` bytes behind its pointer, and of each channel differ.
// Pixels are v0 to v3, weights v4 to v7; the products of pixel i and channels 0 to 3 stand in v(8 + 4 i) and behind.
inline void count_4(const char* const* pixels, size_t at, const uint32_t* weights, Sums& sums) {
  asm volatile(LDR(0, "%[p0], %[at]") LDR(4, "%[w]")                                                 //
               LDR(1, "%[p1], %[at]") LDR(2, "%[p2], %[at]") LDR(3, "%[p3], %[at]")                  //
               LDR(5, "%[w], #16") LDR(6, "%[w], #32") LDR(7, "%[w], #48")                           //
               EOR4(4, 8, 12, 16, 20) EOR4(5, 9, 13, 17, 21)                                         //
               EOR4(6, 10, 14, 18, 22) EOR4(7, 11, 15, 19, 23)                                       //
               CNT4(8, 12, 16, 20) CNT4(9, 13, 17, 21) CNT4(10, 14, 18, 22) CNT4(11, 15, 19, 23)     //
               ADDP(8, 8, 9) ADDP(12, 12, 13) LDR(4, "%[w], #64") ADDP(16, 16, 17) ADDP(20, 20, 21)  //
               LDR(5, "%[w], #80") ADDP(10, 10, 11) ADDP(14, 14, 15) LDR(6, "%[w], #96")             //
               ADDP(18, 18, 19) ADDP(22, 22, 23) LDR(7, "%[w], #112")                                //
               EOR4(4, 9, 15, 21, 25) EOR4(5, 11, 17, 23, 26) EOR4(6, 13, 19, 24, 27)                //
               EOR4(7, 0, 1, 2, 3)                                                                   //
               CNT4(9, 15, 21, 25) CNT4(11, 17, 23, 26) CNT4(13, 19, 24, 27) CNT4(0, 1, 2, 3)        //
               ADDP(9, 9, 11) ADDP(15, 15, 17) ADDP(21, 21, 23) ADDP(25, 25, 26)                     //
               ADDP(13, 13, 0) ADDP(19, 19, 1) ADDP(24, 24, 2) ADDP(27, 27, 3)                       //
               ADDP(8, 8, 10) ADDP(12, 12, 14) ADDP(16, 16, 18) ADDP(20, 20, 22)                     //
               ADDP(9, 9, 13) ADDP(15, 15, 19) ADDP(21, 21, 24) ADDP(25, 25, 27)                     //
               ADDP(8, 8, 9) ADDP(12, 12, 15) ADDP(16, 16, 21) ADDP(20, 20, 25)                      //
               UADALP(s0, 8) UADALP(s1, 12) UADALP(s2, 16) UADALP(s3, 20)
               : SUMS
               : PIXELS, [at] "r"(at), [w] "r"(weights)
               : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
                 "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27");
}

// The same for 2 words: a register of weights holds two channels.
inline void count_2(const char* const* pixels, const uint32_t* weights, Sums& sums) {
  asm volatile(
      "ld1r {v0.2d}, [%[p0]]\n" LDR(4, "%[w]") "ld1r {v1.2d}, [%[p1]]\n"                    //
      "ld1r {v2.2d}, [%[p2]]\n" "ld1r {v3.2d}, [%[p3]]\n"                                   //
      LDR(5, "%[w], #16") LDR(6, "%[w], #32") LDR(7, "%[w], #48")                            //
      EOR4(4, 8, 12, 16, 20) EOR4(5, 9, 13, 17, 21)                                          //
      EOR4(6, 10, 14, 18, 22) EOR4(7, 11, 15, 19, 23)                                        //
      CNT4(8, 12, 16, 20) CNT4(9, 13, 17, 21) CNT4(10, 14, 18, 22) CNT4(11, 15, 19, 23)      //
      ADDP(8, 8, 9) ADDP(12, 12, 13) ADDP(16, 16, 17) ADDP(20, 20, 21)                       //
      ADDP(10, 10, 11) ADDP(14, 14, 15) ADDP(18, 18, 19) ADDP(22, 22, 23)                    //
      ADDP(8, 8, 10) ADDP(12, 12, 14) ADDP(16, 16, 18) ADDP(20, 20, 22)                      //
      UADALP(s0, 8) UADALP(s1, 12) UADALP(s2, 16) UADALP(s3, 20)
      : SUMS
      : PIXELS, [w] "r"(weights)
      : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
        "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23");
}

// The same for one word: a register of weights holds four channels.
inline void count_1(const char* const* pixels, const uint32_t* weights, Sums& sums) {
  asm volatile(
      "ld1r {v0.4s}, [%[p0]]\n" LDR(4, "%[w]") "ld1r {v1.4s}, [%[p1]]\n"                    //
      "ld1r {v2.4s}, [%[p2]]\n" "ld1r {v3.4s}, [%[p3]]\n" LDR(5, "%[w], #16")               //
      EOR4(4, 8, 12, 16, 20) EOR4(5, 9, 13, 17, 21)                                          //
      CNT4(8, 12, 16, 20) CNT4(9, 13, 17, 21)                                                //
      ADDP(8, 8, 9) ADDP(12, 12, 13) ADDP(16, 16, 17) ADDP(20, 20, 21)                       //
      UADALP(s0, 8) UADALP(s1, 12) UADALP(s2, 16) UADALP(s3, 20)
      : SUMS
      : PIXELS, [w] "r"(weights)
      : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v8", "v9", "v12", "v13", "v16", "v17", "v20", "v21");
}

// Counts `words` words of a tap from word `from` on.
inline void count_tap(const Tile& tile, int tap, int from, int words, const uint32_t* weights, Sums& sums) {
  const char* pixels[kMr];
  for (int m = 0; m < kMr; ++m) {
    pixels[m] = static_cast<const char*>(tile.pixels[tap * kMr + m]) + tile.offset + from * sizeof(uint32_t);
  }
  const size_t whole = (words & ~3) * sizeof(uint32_t);
  for (size_t at = 0; at < whole; at += 16, weights += 4 * kStrip) count_4(pixels, at, weights, sums);
  if ((words & 3) == 0) return;
  for (int m = 0; m < kMr; ++m) pixels[m] += whole;
  if (words & 2) {
    count_2(pixels, weights, sums);
    for (int m = 0; m < kMr; ++m) pixels[m] += 2 * sizeof(uint32_t);
    weights += 2 * kStrip;
  }
  if (words & 1) count_1(pixels, weights, sums);
}

// Moves the sums of a strip to its 32-bit sums.
inline void flush(const Sums& sums, bool add, int32_t* acc) {
  for (int m = 0; m < kMr; ++m, acc += kBlock) {
    uint32_t* to = reinterpret_cast<uint32_t*>(acc);
    const uint16x4_t low = vget_low_u16(sums.pixel[m]), high = vget_high_u16(sums.pixel[m]);
    vst1q_u32(to, add ? vaddw_u16(vld1q_u32(to), low) : vmovl_u16(low));
    vst1q_u32(to + 4, add ? vaddw_u16(vld1q_u32(to + 4), high) : vmovl_u16(high));
  }
}

// Windows of more bits than a 16-bit sum can hold, in parts.
void run_in_parts(const Tile& tile, const uint32_t* weights, int32_t* acc) {
  bool add = false;
  for (int tap = 0; tap < tile.taps; ++tap) {
    for (int from = 0; from < tile.words; from += kMostWords, add = true) {
      const int words = tile.words - from < kMostWords ? tile.words - from : kMostWords;
      Sums sums = {};
      count_tap(tile, tap, from, words, weights, sums);
      flush(sums, add, acc);
      weights += words * kStrip;
    }
  }
}

// The windows of a strip, where a tap is one step of a size that is known: the loop has nothing but the step in it.
template <void (*kCount)(const char* const*, const uint32_t*, Sums&), int kWords, bool kOffset>
inline const uint32_t* count_taps_from(const Tile& tile, const uint32_t* weights, Sums& sums) {
  const char* const* pixel = reinterpret_cast<const char* const*>(tile.pixels);
  const size_t offset = kOffset ? tile.offset : 0;
  for (const char* const* end = pixel + tile.taps * kMr; pixel != end; pixel += kMr, weights += kWords * kStrip) {
    const char* const pixels[kMr] = {pixel[0] + offset, pixel[1] + offset, pixel[2] + offset, pixel[3] + offset};
    kCount(pixels, weights, sums);
  }
  return weights;
}

template <void (*kCount)(const char* const*, const uint32_t*, Sums&), int kWords>
inline const uint32_t* count_taps(const Tile& tile, const uint32_t* weights, Sums& sums) {
  if (tile.offset == 0) return count_taps_from<kCount, kWords, false>(tile, weights, sums);
  return count_taps_from<kCount, kWords, true>(tile, weights, sums);
}

void run(const Tile& tile, int32_t* acc) {
  const uint32_t* weights = static_cast<const uint32_t*>(tile.weights);
  const int taps = tile.taps, words = tile.words;
  const bool fits = static_cast<int64_t>(taps) * words <= kMostWords;
  for (int strip = 0; strip < kBlock; strip += kStrip, acc += kStrip) {
    Sums sums = {};
    if (!fits) {
      run_in_parts(tile, weights, acc);
      weights += static_cast<size_t>(taps) * words * kStrip;
      continue;
    }
    if (words == 1) {
      weights = count_taps<count_1, 1>(tile, weights, sums);
    } else if (words == 2) {
      weights = count_taps<count_2, 2>(tile, weights, sums);
    } else {
      for (int tap = 0; tap < taps; ++tap, weights += words * kStrip) count_tap(tile, tap, 0, words, weights, sums);
    }
    flush(sums, false, acc);
  }
}

}  // namespace

extern const BinaryKernel kernel_neon = {"neon",       kMr,           4,           4 * kBlock,     nullptr,
                                         pack_strips,  run,           store_float, store_int8,     store_bits<Neon>,
                                         finish<Neon>, maximum<Neon>, signs<Neon>, depthwise<Neon>};

}  // namespace larq_el
