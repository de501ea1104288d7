// What happens to rows of reals on their way to memory, written once and compiled for every instruction set. A row of a
// whole block stays in registers from the first step to the last store. Everything has internal linkage (see kernel.h).
#pragma once

#include <cstring>

#include "epilogue.h"
#include "kernel.h"

namespace larq_el {
namespace {

// `kChannels` channels of a pixel, in vectors.
template <class Isa, int kChannels = kBlock>
struct Row {
  using Vector = typename Isa::Vector;
  static constexpr int kWidth = sizeof(Vector) / sizeof(float);
  static constexpr int kVectors = kChannels / kWidth;
  Vector v[kVectors];

  typedef int32_t Integers __attribute__((vector_size(sizeof(Vector))));

  template <class V = Vector, class T>
  static inline V load(const T* from) {
    V vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
  }
  inline void transform(const Rows& rows, int pixel, const OutputTransform& transform) {
    const int32_t* acc = rows.acc + pixel * kBlock;
    if (rows.scales == nullptr) return transform_signs(acc, correction_of(rows, pixel), transform);
    transform_bytes(acc, rows.scales[pixel], transform);
  }
  inline void transform_signs(const int32_t* acc, const int32_t* correction, const OutputTransform& transform) {
    for (int i = 0; i < kVectors; ++i) {
      const int at = i * kWidth;
      Integers x = load<Integers>(acc + at);
      x += x;
      if (correction != nullptr) x += load<Integers>(correction + at);
      x = x < transform.clamp_max ? x : Integers{} + transform.clamp_max;
      x = x > transform.clamp_min ? x : Integers{} + transform.clamp_min;
      v[i] = __builtin_convertvector(x, Vector) * load(transform.multiplier + at) + load(transform.bias + at);
    }
  }
  inline void transform_bytes(const int32_t* acc, const SumScale& scale, const OutputTransform& transform) {
    for (int i = 0; i < kVectors; ++i) {
      const int at = i * kWidth;
      const Integers sums = load<Integers>(acc + at) + load<Integers>(transform.sums + at) * scale.zero;
      const Vector x = __builtin_convertvector(sums, Vector);
      if (transform.step == 0.0f) {
        v[i] = Isa::multiply_add(x * scale.scale, load(transform.multiplier + at), load(transform.bias + at));
      } else {
        v[i] = quantized(x * load(transform.multiplier + at), transform);
      }
    }
  }
  // Adding and taking away 1.5 * 2^23 rounds to an integer, half to even, within the bounds.
  static inline Vector quantized(Vector y, const OutputTransform& transform) {
    constexpr float kRound = 12582912.0f;
    y = y < transform.highest ? y : Vector{} + transform.highest;
    y = y > transform.lowest ? y : Vector{} + transform.lowest;
    return ((y + kRound) - kRound) * transform.step;
  }
  inline void read(const float* from) {
    for (int i = 0; i < kVectors; ++i) v[i] = load(from + i * kWidth);
  }
  inline void write(float* to) const {
    for (int i = 0; i < kVectors; ++i) memcpy(to + i * kWidth, &v[i], sizeof v[i]);
  }

  // `operand` is that of the row's first channel.
  inline void apply(const RowStep& step, const float* operand) {
    switch (step.kind) {
      case RowStep::kScale:
        for (int i = 0; i < kVectors; ++i) v[i] *= load(operand + i * kWidth);
        return;
      case RowStep::kShift:
        for (int i = 0; i < kVectors; ++i) v[i] += load(operand + i * kWidth);
        return;
      case RowStep::kScalePixel:
        for (int i = 0; i < kVectors; ++i) v[i] *= *operand;
        return;
      case RowStep::kAdd:
        if (step.channels < kChannels) {
          for (int i = 0; i < kVectors; ++i) v[i] += load(operand + i * kWidth % step.channels) * step.scale;
        } else if (step.scale == 1.0f) {
          for (int i = 0; i < kVectors; ++i) v[i] += load(operand + i * kWidth);
        } else {
          for (int i = 0; i < kVectors; ++i) v[i] += load(operand + i * kWidth) * step.scale;
        }
        return;
      case RowStep::kRelu:
        for (int i = 0; i < kVectors; ++i) v[i] = v[i] > 0.0f ? v[i] : Vector{};
        return;
      case RowStep::kClamp:
        for (int i = 0; i < kVectors; ++i) {
          v[i] = v[i] > operand[0] ? v[i] : Vector{} + operand[0];
          v[i] = v[i] < operand[1] ? v[i] : Vector{} + operand[1];
        }
        return;
      case RowStep::kPrelu:
        for (int i = 0; i < kVectors; ++i) v[i] = v[i] < 0.0f ? v[i] * load(operand + i * kWidth) : v[i];
        return;
    }
  }

  // Adds the magnitudes to as many lanes as a vector has.
  inline void add_magnitudes(float* lanes) const {
    Vector sums = load(lanes);
    for (int i = 0; i < kVectors; ++i) sums += v[i] < 0.0f ? -v[i] : v[i];
    memcpy(lanes, &sums, sizeof sums);
  }
};

// The address of a step's operand for a pixel and a channel, before any repetition within the block.
inline const float* operand_of(const RowStep& step, size_t pixel, int channel) {
  switch (step.kind) {
    case RowStep::kScalePixel:
      return step.operand + pixel;
    case RowStep::kAdd:
      return step.operand + pixel * step.channels + channel % step.channels;
    case RowStep::kRelu:
      return nullptr;
    case RowStep::kClamp:
      return step.operand;
    default:
      return step.operand + channel;
  }
}

inline float* lanes_of(const RowFinish& finish, size_t pixel) {
  return finish.magnitude == nullptr ? nullptr : finish.lanes + (pixel - finish.lanes_pixel) * kLanes;
}

// Whether a row of `channels` that repeats does not begin anew within the block.
inline bool is_within(const RowTile& tile, int channels) { return tile.channel % channels + tile.channels <= channels; }

// Whether what is added to a block is its copies, each of whole vectors.
inline bool is_repeated(const RowTile& tile, int channels) {
  return (channels == kBlock / 2 || channels == kBlock / 4) && tile.channel % channels == 0;
}

// Half a block, as images of 32 channels have, is whole too.
inline bool is_whole(const RowTile& tile, const RowFinish& finish) {
  if (tile.channels != kBlock && tile.channels != kBlock / 2) return false;
  for (int i = 0; i < finish.count; ++i) {
    const RowStep& step = finish.steps[i];
    if (step.kind != RowStep::kAdd || is_within(tile, step.channels) || is_repeated(tile, step.channels)) continue;
    return false;
  }
  return finish.groups == nullptr || is_within(tile, finish.group_channels);
}

// Asks for the cache lines of a block's row. Rows of one block lie apart, which the processor's own prefetching does
// not follow; asking beyond the end of a buffer is harmless.
template <int kWrite, int kChannels>
inline void prefetch(const float* row) {
  for (int i = 0; i < kChannels; i += 16) __builtin_prefetch(row + i, kWrite);
}

template <class Isa, int kChannels>
inline uint64_t signs_of(const float* values) {
  uint64_t bits = Isa::negative(values);
  if (kChannels > 32) bits |= static_cast<uint64_t>(Isa::negative(values + 32)) << 32;
  return bits;
}

template <class Isa, int kChannels>
inline void finish_whole(const RowTile& tile, const RowFinish& finish, uint64_t* bits) {
  const float* operands[kMaxSteps];
  size_t strides[kMaxSteps];
  for (int i = 0; i < finish.count; ++i) {
    operands[i] = operand_of(finish.steps[i], tile.pixel, tile.channel);
    strides[i] = finish.steps[i].kind == RowStep::kAdd          ? finish.steps[i].channels
                 : finish.steps[i].kind == RowStep::kScalePixel ? 1
                                                                : 0;
  }
  const float* values = tile.values;
  float* out = finish.values == nullptr ? nullptr : finish.values + tile.pixel * finish.stride + tile.channel;
  float* lanes = lanes_of(finish, tile.pixel);
  float* groups = nullptr;
  if (finish.groups != nullptr) {
    groups = finish.groups + tile.pixel * finish.group_channels + tile.channel % finish.group_channels;
  }
  for (int p = 0; p < tile.pixels; ++p) {
    Row<Isa, kChannels> row;
    if (tile.acc != nullptr) {
      row.transform(*tile.acc, p, *tile.transform);
    } else {
      row.read(values + p * tile.stride);
    }
    for (int i = 0; i < finish.count; ++i) {
      const float* operand = operands[i] + p * strides[i];
      // of copies, the first one brings the lines
      if (tile.channel < finish.steps[i].channels && finish.steps[i].kind == RowStep::kAdd) {
        prefetch<0, kChannels>(operand + tile.pixels * strides[i]);
      }
      row.apply(finish.steps[i], operand);
    }
    if (out != nullptr) prefetch<1, kChannels>(out + (p + tile.pixels) * finish.stride);
    alignas(64) float copy[kChannels];
    float* to = out == nullptr ? copy : out + p * finish.stride;
    row.write(to);
    if (bits != nullptr) bits[p] = signs_of<Isa, kChannels>(to);
    if (lanes != nullptr) row.add_magnitudes(lanes + p * kLanes);
    if (groups == nullptr) continue;
    float* group = groups + static_cast<size_t>(p) * finish.group_channels;
    if (tile.channel < finish.group_channels) {
      prefetch<1, kChannels>(group + static_cast<size_t>(tile.pixels) * finish.group_channels);
    } else {
      for (int i = 0; i < Row<Isa, kChannels>::kVectors; ++i)
        row.v[i] = Row<Isa, kChannels>::load(group + i * Row<Isa, kChannels>::kWidth) + row.v[i];
    }
    row.write(group);
  }
}

// Calls `each(channel of the row, channel of the block, count)` for the parts of a block between which a row of
// `channels` begins anew.
template <class Each>
inline void for_each_part(const RowTile& tile, int channels, const Each& each) {
  int at = tile.channel % channels;
  for (int done = 0; done < tile.channels; at = 0) {
    const int left = tile.channels - done, count = channels - at < left ? channels - at : left;
    each(at, done, count);
    done += count;
  }
}

// A step's operand for a pixel, as a whole block: with zeros behind the last channel.
inline const float* whole_operand(const RowStep& step, const RowTile& tile, int pixel, float* block) {
  const size_t at = tile.pixel + pixel;
  if (step.kind == RowStep::kAdd) {
    const float* row = step.operand + at * step.channels;
    for_each_part(tile, step.channels,
                  [&](int from, int to, int count) { memcpy(block + to, row + from, sizeof(float) * count); });
    return block;
  }
  if (step.kind == RowStep::kScalePixel || step.kind == RowStep::kRelu || step.kind == RowStep::kClamp)
    return operand_of(step, at, tile.channel);
  // the same for all pixels
  if (pixel == 0) memcpy(block, step.operand + tile.channel, sizeof(float) * tile.channels);
  return block;
}

// Blocks that are not whole: what they lack is filled up on the stack.
template <class Isa>
inline void finish_part(const RowTile& tile, const RowFinish& finish, uint64_t* bits) {
  alignas(64) float operands[kMaxSteps][kBlock] = {};
  const uint64_t stored = tile.channels == kBlock ? ~uint64_t{0} : (uint64_t{1} << tile.channels) - 1;
  for (int p = 0; p < tile.pixels; ++p) {
    alignas(64) float y[kBlock] = {};
    const size_t pixel = tile.pixel + p;
    Row<Isa> row;
    if (tile.acc != nullptr) {
      row.transform(*tile.acc, p, *tile.transform);
    } else {
      memcpy(y, tile.values + p * tile.stride, sizeof(float) * tile.channels);
      row.read(y);
    }
    for (int i = 0; i < finish.count; ++i) {
      row.apply(finish.steps[i], whole_operand(finish.steps[i], tile, p, operands[i]));
    }
    row.write(y);
    if (finish.values != nullptr) {
      memcpy(finish.values + pixel * finish.stride + tile.channel, y, sizeof(float) * tile.channels);
    }
    if (bits != nullptr) bits[p] = (Isa::negative(y) | static_cast<uint64_t>(Isa::negative(y + 32)) << 32) & stored;
    if (finish.magnitude != nullptr) {
      memset(y + tile.channels, 0, sizeof(float) * (kBlock - tile.channels));
      row.read(y);
      row.add_magnitudes(lanes_of(finish, pixel));
    }
    if (finish.groups == nullptr) continue;
    float* group = finish.groups + pixel * finish.group_channels;
    for_each_part(tile, finish.group_channels, [&](int to, int from, int count) {
      const bool first = tile.channel + from < finish.group_channels;
      for (int c = 0; c < count; ++c) group[to + c] = first ? y[from + c] : group[to + c] + y[from + c];
    });
  }
}

template <class Isa>
void finish(const RowTile& tile, const RowFinish& finish, uint64_t* bits) {
  if (!is_whole(tile, finish)) return finish_part<Isa>(tile, finish, bits);
  if (tile.channels == kBlock) return finish_whole<Isa, kBlock>(tile, finish, bits);
  finish_whole<Isa, kBlock / 2>(tile, finish, bits);
}

template <class Isa>
void maximum(const float* const* rows, int count, size_t channels, size_t ahead, float* out) {
  using Vector = typename Isa::Vector;
  constexpr size_t kWidth = sizeof(Vector) / sizeof(float);
  size_t c = 0;
  for (; c + kWidth <= channels; c += kWidth) {
    Vector most = Row<Isa>::load(rows[0] + c);
    __builtin_prefetch(rows[0] + c + ahead);
    for (int i = 1; i < count; ++i) {
      __builtin_prefetch(rows[i] + c + ahead);
      const Vector next = Row<Isa>::load(rows[i] + c);
      most = most < next ? next : most;
    }
    memcpy(out + c, &most, sizeof most);
  }
  for (; c < channels; ++c) {
    out[c] = rows[0][c];
    for (int i = 1; i < count; ++i) out[c] = out[c] < rows[i][c] ? rows[i][c] : out[c];
  }
}

}  // namespace
}  // namespace larq_el
