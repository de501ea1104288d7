#include "float_ops.h"

namespace larq_el {
namespace {

constexpr int kMost = 16;                  // pixels of a window that are compared at once
constexpr size_t kSerialValues = 1 << 15;  // below which waking a thread takes longer than it saves

bool is_float(const Value& value, const Reporter& report) {
  return value.type == tfl::kFloat32 || report.error("tensor %d must be float32.", value.tensor);
}

bool is_float_image(const Value& value, const Reporter& report) {
  return (value.type == tfl::kFloat32 && value.shape.rank == 4) ||
         report.error("tensor %d must be float32 with 4 dimensions.", value.tensor);
}

// The mean of |x|, in sums of eight lanes.
float mean_magnitude(const float* x, size_t count) {
  float sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += __builtin_fabsf(x[i + lane]);
  }
  for (; i < count; ++i) sums[0] += __builtin_fabsf(x[i]);
  float total = 0.0f;
  for (const float sum : sums) total += sum;
  return total / static_cast<float>(count);
}

}  // namespace

bool MaxPool::prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) {
  const Value& input = *inputs[0];
  if (!is_float_image(input, report) || !is_float(*outputs[0], report)) return false;
  batch_ = input.shape.dims[0];
  rows_ = span_of(height_, input.shape.dims[1], same_);
  columns_ = span_of(width_, input.shape.dims[2], same_);
  channels_ = input.shape.last();
  threads_ = input.bytes / sizeof(float) < kSerialValues ? 1 : threads;
  if (rows_.output < 1 || columns_.output < 1) return report.error("MAX_POOL_2D: the window is larger than the image.");
  Shape& shape = outputs[0]->shape;
  shape = input.shape;
  shape.dims[1] = rows_.output;
  shape.dims[2] = columns_.output;
  return true;
}

void MaxPool::run(const Run& run) const {
  const float* in = static_cast<const float*>(run.inputs[0]);
  float* out = static_cast<float*>(run.outputs[0]);
  const size_t image = static_cast<size_t>(rows_.input) * columns_.input * channels_;
  const size_t row_size = static_cast<size_t>(columns_.output) * channels_;
  run.pool->for_each(static_cast<size_t>(batch_) * rows_.output, threads_, [&](int, size_t i) {
    pool_row(in + i / rows_.output * image, static_cast<int>(i % rows_.output), out + i * row_size);
  });
}

void MaxPool::pool_row(const float* image, int row, float* out) const {
  const int top = row * height_.stride - rows_.padding;
  for (int column = 0; column < columns_.output; ++column, out += channels_) {
    const int left = column * width_.stride - columns_.padding;
    const float* pixels[kMost];
    int count = 0;
    bool any = false;
    for (int y = top < 0 ? 0 : top; y < top + height_.size && y < rows_.input; ++y) {
      for (int x = left < 0 ? 0 : left; x < left + width_.size && x < columns_.input; ++x) {
        pixels[count++] = image + (static_cast<size_t>(y) * columns_.input + x) * channels_;
        if (count < kMost) continue;
        kernel_.maximum(pixels, count, channels_, width_.stride * channels_, out);
        // the result so far, beside the next pixels
        pixels[0] = out;
        count = 1;
        any = true;
      }
    }
    if (count > (any ? 1 : 0)) kernel_.maximum(pixels, count, channels_, width_.stride * channels_, out);
  }
}

bool StridedMagnitude::prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) {
  const Value& input = *inputs[0];
  if (!is_float_image(input, report) || !is_float(*outputs[0], report)) return false;
  batch_ = input.shape.dims[0];
  rows_ = span_of({1, row_stride_, 1}, input.shape.dims[1], true);
  columns_ = span_of({1, column_stride_, 1}, input.shape.dims[2], true);
  channels_ = input.shape.last();
  threads_ = input.bytes / sizeof(float) < kSerialValues ? 1 : threads;
  Shape& shape = outputs[0]->shape;
  shape = input.shape;
  shape.dims[1] = rows_.output;
  shape.dims[2] = columns_.output;
  shape.dims[3] = 1;
  return true;
}

void StridedMagnitude::run(const Run& run) const {
  const float* in = static_cast<const float*>(run.inputs[0]);
  float* out = static_cast<float*>(run.outputs[0]);
  run.pool->for_each(static_cast<size_t>(batch_) * rows_.output, threads_, [&](int, size_t i) {
    const size_t row = i / rows_.output * rows_.input + i % rows_.output * row_stride_;
    const float* pixel = in + row * columns_.input * channels_;
    for (int column = 0; column < columns_.output; ++column, pixel += column_stride_ * channels_) {
      out[i * columns_.output + column] = mean_magnitude(pixel, channels_);
    }
  });
}

}  // namespace larq_el
