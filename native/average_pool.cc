#include "average_pool.h"

namespace larq_el {
namespace {

constexpr Window kWindow = {2, 2, 1};      // along both axes
constexpr size_t kAhead = 2;               // windows
constexpr size_t kSerialValues = 1 << 15;  // below which waking a thread takes longer than it saves

}  // namespace

bool is_average_pool(const tfl::PoolParams* params) {
  return params != nullptr && params->activation == tfl::kNone && params->filter_height == kWindow.size &&
         params->filter_width == kWindow.size && params->stride_height == kWindow.stride &&
         params->stride_width == kWindow.stride && (params->padding == tfl::kSame || params->padding == tfl::kValid);
}

bool Averages::place(const Shape& input, bool same, Shape* output, const Reporter& report) {
  rows_ = span_of(kWindow, input.dims[1], same);
  columns_ = span_of(kWindow, input.dims[2], same);
  channels_ = input.last();
  *output = input;
  output->dims[1] = rows_.output;
  output->dims[2] = columns_.output;
  if (rows_.output < 1 || columns_.output < 1) {
    return report.error("AVERAGE_POOL_2D: the window is larger than the image.");
  }
  return zeros_.assign_zeros(channels_) || report.error("AVERAGE_POOL_2D: there is not enough memory.");
}

void Averages::write(const float* images, size_t image, size_t pixel, float* average) const {
  images += image * rows_.input * columns_.input * channels_;
  const int top = static_cast<int>(pixel / columns_.output) * kWindow.stride - rows_.padding;
  const int left = static_cast<int>(pixel % columns_.output) * kWindow.stride - columns_.padding;
  const float* rows[4];  // the left ones first, which are added first
  int inside = 0;
  for (int i = 0; i < 4; ++i) {
    const int y = top + i % 2, x = left + i / 2;
    const bool is_inside = y >= 0 && y < rows_.input && x >= 0 && x < columns_.input;
    rows[i] = is_inside ? images + (static_cast<size_t>(y) * columns_.input + x) * channels_ : zeros_.data();
    inside += is_inside;
  }
  kernel_.average(rows, channels_, kAhead * kWindow.stride * channels_, 1.0f / static_cast<float>(inside), average);
}

bool AveragePool::prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) {
  const Value& input = *inputs[0];
  if (input.type != tfl::kFloat32 || outputs[0]->type != tfl::kFloat32 || input.shape.rank != 4) {
    return report.error("AVERAGE_POOL_2D: tensor %d must be float32 with 4 dimensions.", input.tensor);
  }
  Shape& shape = outputs[0]->shape;
  if (!averages_.place(input.shape, same_, &shape, report)) return false;
  batch_ = shape.dims[0];
  pixels_ = static_cast<size_t>(shape.dims[1]) * shape.dims[2];
  channels_ = shape.last();
  threads_ = batch_ * pixels_ * channels_ < kSerialValues ? 1 : threads;
  return true;
}

void AveragePool::run(const Run& run) const {
  const float* in = static_cast<const float*>(run.inputs[0]);
  float* out = static_cast<float*>(run.outputs[0]);
  run.pool->for_each(batch_ * pixels_, threads_,
                     [&](int, size_t i) { averages_.write(in, i / pixels_, i % pixels_, out + i * channels_); });
}

}  // namespace larq_el
