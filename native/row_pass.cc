#include "row_pass.h"

namespace larq_el {
namespace {

constexpr size_t kChunkPixels = 64;
constexpr size_t kSerialValues = 1 << 15;  // below which waking a thread takes longer than it saves

}  // namespace

bool RowPass::prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) {
  const Shape& shape = inputs[0]->shape;
  if (inputs[0]->type != tfl::kFloat32 || shape.rank != 4 || !shape.volume(3, &pixels_)) {
    return report.error("tensor %d must be float32 with 4 dimensions.", inputs[0]->tensor);
  }
  channels_ = shape.last();
  threads_ = pixels_ * channels_ < kSerialValues ? 1 : threads;
  return finisher_.prepare(inputs, outputs, shape, report);
}

void RowPass::run(const Run& run) const {
  RowStep steps[kMaxSteps];
  const RowFinish finish = finisher_.bind(run, steps);
  run.pool->for_each((pixels_ + kChunkPixels - 1) / kChunkPixels, threads_, [&](int, size_t i) {
    const size_t first = i * kChunkPixels;
    const size_t last = pixels_ - first < kChunkPixels ? pixels_ : first + kChunkPixels;
    const float* values = static_cast<const float*>(run.inputs[0]) + first * channels_;
    finish_rows(kernel_, finisher_, run, finish, {values, static_cast<size_t>(channels_), channels_, first, last});
  });
}

void finish_rows(const BinaryKernel& kernel, const Finisher& finisher, const Run& run, RowFinish finish,
                 const RowValues& rows) {
  const int output = finisher.outputs().bits;
  uint32_t* bits = output < 0 ? nullptr : static_cast<uint32_t*>(run.outputs[output]);
  const size_t words = words_for(rows.channels);
  alignas(kAlignment) float lanes[kChunkPixels * kLanes];
  finisher.begin(&finish, lanes, rows.first, rows.last);
  for (int channel = 0; channel < rows.channels; channel += kBlock) {
    const int channels = rows.channels - channel < kBlock ? rows.channels - channel : kBlock;
    const int pixels = static_cast<int>(rows.last - rows.first);
    const RowTile tile = {nullptr, nullptr, rows.values + channel, rows.stride, rows.first, pixels, channel, channels};
    uint64_t masks[kChunkPixels];
    kernel.finish(tile, finish, bits == nullptr ? nullptr : masks);
    for (size_t p = rows.first; bits != nullptr && p < rows.last; ++p) {
      uint32_t* to = bits + p * words + channel / kBitsPerWord;
      to[0] = static_cast<uint32_t>(masks[p - rows.first]);
      if (channels > kBitsPerWord) to[1] = static_cast<uint32_t>(masks[p - rows.first] >> kBitsPerWord);
    }
  }
  finisher.end(finish, rows.first, rows.last);
}

}  // namespace larq_el
