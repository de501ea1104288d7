#include "ops.h"

#include <cmath>

namespace larq_el {
namespace {

constexpr size_t kElementsPerTask = 1 << 14;  // a few microseconds
constexpr size_t kSerialElements = 1 << 16;   // below it, waking another thread takes longer than it saves

int threads_for(size_t elements, int threads) { return elements < kSerialElements ? 1 : threads; }

size_t rows_per_task(size_t channels) { return channels >= kElementsPerTask ? 1 : kElementsPerTask / channels; }

// Calls body(first_row, rows) for pieces of `rows` rows of `channels` elements, in several threads.
template <class Body>
void for_rows(const Run& run, size_t rows, size_t channels, const Body& body) {
  const size_t step = rows_per_task(channels);
  run.pool->for_each((rows + step - 1) / step, threads_for(rows * channels, run.threads), [&](int, size_t task) {
    const size_t first = task * step;
    body(first, rows - first < step ? rows - first : step);
  });
}

void quantize_int8(const int8_t* values, size_t count, int zero_point, uint32_t* bits) {
  for (size_t start = 0; start < count; start += kBitsPerWord, ++bits) {
    const size_t end = count - start < kBitsPerWord ? count - start : kBitsPerWord;
    *bits = 0;
    for (size_t i = 0; i < end; ++i) *bits |= static_cast<uint32_t>(values[start + i] < zero_point) << i;
  }
}

void quantize_bool(const uint8_t* values, size_t count, uint32_t* bits) {
  for (size_t start = 0; start < count; start += kBitsPerWord, ++bits) {
    const size_t end = count - start < kBitsPerWord ? count - start : kBitsPerWord;
    *bits = 0;
    for (size_t i = 0; i < end; ++i) *bits |= static_cast<uint32_t>(values[start + i] == 0) << i;
  }
}

template <class T>
void dequantize(const uint32_t* bits, size_t count, T plus, T minus, T* out) {
  for (size_t i = 0; i < count; ++i) out[i] = bits[i / kBitsPerWord] >> (i % kBitsPerWord) & 1 ? minus : plus;
}

// The number of elements of all dims but the last; false, with a message, where the shape has no dims.
bool leading_rows(const char* name, const Value& value, size_t* rows, const Reporter& report) {
  if (value.shape.rank < 1) return report.error("%s: the input has no dimensions.", name);
  return value.shape.volume(value.shape.rank - 1, rows) || report.error("%s: the input has no elements.", name);
}

}  // namespace

bool Quantize::prepare(const Value* const* inputs, Value* const* outputs, int, const Reporter& report) {
  const Value& input = *inputs[0];
  if (input.type != tfl::kFloat32 && input.type != tfl::kInt8 && input.type != tfl::kBool) {
    return report.error("LceQuantize: the input must be float32, int8 or bool.");
  }
  if (outputs[0]->type != tfl::kInt32) return report.error("LceQuantize: the output must be int32.");
  if (!leading_rows("LceQuantize", input, &rows_, report)) return false;
  type_ = input.type;
  zero_point_ = input.quantization.zero_point;
  channels_ = input.shape.last();
  outputs[0]->shape = input.shape;
  outputs[0]->shape.dims[input.shape.rank - 1] = static_cast<int>(words_for(input.shape.last()));
  // Without bits to spare at the end of each row, all rows are one.
  if (channels_ % kBitsPerWord == 0) {
    rows_ *= channels_ / kBitsPerWord;
    channels_ = kBitsPerWord;
  }
  return true;
}

void Quantize::run(const Run& run) const {
  const size_t words = words_for(channels_);
  const char* input = static_cast<const char*>(run.inputs[0]);
  uint32_t* output = static_cast<uint32_t*>(run.outputs[0]);
  for_rows(run, rows_, channels_, [&](size_t first, size_t rows) {
    // A whole number of words a row: one call for all of them.
    const size_t count = words * kBitsPerWord == channels_ ? rows * channels_ : channels_;
    const size_t calls = count == channels_ ? rows : 1;
    for (size_t i = 0; i < calls; ++i) {
      const size_t start = (first + i) * channels_;
      uint32_t* bits = output + (first + i) * words;
      if (type_ == tfl::kFloat32) kernel_.signs(reinterpret_cast<const float*>(input) + start, count, bits);
      if (type_ == tfl::kInt8) quantize_int8(reinterpret_cast<const int8_t*>(input) + start, count, zero_point_, bits);
      if (type_ == tfl::kBool) quantize_bool(reinterpret_cast<const uint8_t*>(input) + start, count, bits);
    }
  });
}

bool Dequantize::prepare(const Value* const* inputs, Value* const* outputs, int, const Reporter& report) {
  const Value& input = *inputs[0];
  Value& output = *outputs[0];
  if (input.type != tfl::kInt32) return report.error("LceDequantize: the input must be int32.");
  if (output.type != tfl::kFloat32 && output.type != tfl::kInt8 && output.type != tfl::kBool) {
    return report.error("LceDequantize: the output must be float32, int8 or bool.");
  }
  if (!leading_rows("LceDequantize", input, &rows_, report)) return false;
  if (input.shape.last() != words_for(channels_)) {
    return report.error("LceDequantize: %d words do not hold %zu channels.", input.shape.last(), channels_);
  }
  type_ = output.type;
  output.shape = input.shape;
  output.shape.dims[input.shape.rank - 1] = static_cast<int>(channels_);
  if (type_ == tfl::kBool) {
    plus_ = 1;
    minus_ = 0;
  } else if (type_ == tfl::kInt8) {
    const float scale = output.quantization.scale;
    if (!(scale > 0.0f)) return report.error("LceDequantize: the output's scale must be positive.");
    const double offset = std::round(1.0f / scale);
    const double zero_point = output.quantization.zero_point;
    plus_ = static_cast<int8_t>(std::fmax(-128.0, std::fmin(127.0, zero_point + offset)));
    minus_ = static_cast<int8_t>(std::fmin(127.0, std::fmax(-128.0, zero_point - offset)));
  }
  return true;
}

void Dequantize::run(const Run& run) const {
  const size_t words = words_for(channels_);
  const uint32_t* input = static_cast<const uint32_t*>(run.inputs[0]);
  for_rows(run, rows_, channels_, [&](size_t first, size_t rows) {
    for (size_t row = first; row < first + rows; ++row) {
      const uint32_t* bits = input + row * words;
      if (type_ == tfl::kFloat32) {
        dequantize(bits, channels_, 1.0f, -1.0f, static_cast<float*>(run.outputs[0]) + row * channels_);
      } else {
        dequantize(bits, channels_, plus_, minus_, static_cast<int8_t*>(run.outputs[0]) + row * channels_);
      }
    }
  });
}

bool BMaxPool::prepare(const Value* const* inputs, Value* const* outputs, int, const Reporter& report) {
  const Value& input = *inputs[0];
  if (input.type != tfl::kInt32 || outputs[0]->type != tfl::kInt32) {
    return report.error("LceBMaxPool2d: the input and the output must be int32.");
  }
  if (input.shape.rank != 4) return report.error("LceBMaxPool2d: the input must have 4 dimensions.");
  rows_ = span_of(attributes_.height, input.shape.dims[1], attributes_.same);
  columns_ = span_of(attributes_.width, input.shape.dims[2], attributes_.same);
  if (rows_.output < 1 || columns_.output < 1) {
    return report.error("LceBMaxPool2d: the window is larger than the image.");
  }
  batch_ = input.shape.dims[0];
  words_ = input.shape.dims[3];
  outputs[0]->shape = input.shape;
  outputs[0]->shape.dims[1] = rows_.output;
  outputs[0]->shape.dims[2] = columns_.output;
  return true;
}

void BMaxPool::pool_row(const uint32_t* image, int row, uint32_t* out) const {
  const auto first = [](const Span& span, const Window& window, int o) {
    const int start = o * window.stride - span.padding;
    return start > 0 ? start : 0;
  };
  const auto last = [](const Span& span, const Window& window, int o) {
    const int end = o * window.stride - span.padding + window.size;
    return end < span.input ? end : span.input;
  };
  const int top = first(rows_, attributes_.height, row), bottom = last(rows_, attributes_.height, row);
  for (int column = 0; column < columns_.output; ++column, out += words_) {
    const int left = first(columns_, attributes_.width, column), right = last(columns_, attributes_.width, column);
    for (size_t w = 0; w < words_; ++w) out[w] = ~uint32_t{0};
    for (int y = top; y < bottom; ++y) {
      const uint32_t* pixel = image + (static_cast<size_t>(y) * columns_.input + left) * words_;
      for (int x = left; x < right; ++x, pixel += words_) {
        for (size_t w = 0; w < words_; ++w) out[w] &= pixel[w];
      }
    }
  }
}

void BMaxPool::run(const Run& run) const {
  const uint32_t* input = static_cast<const uint32_t*>(run.inputs[0]);
  uint32_t* output = static_cast<uint32_t*>(run.outputs[0]);
  const size_t image = static_cast<size_t>(rows_.input) * columns_.input * words_;
  const size_t out_row = columns_.output * words_;
  for_rows(run, static_cast<size_t>(batch_) * rows_.output, out_row, [&](size_t start, size_t rows) {
    for (size_t i = start; i < start + rows; ++i) {
      pool_row(input + i / rows_.output * image, static_cast<int>(i % rows_.output), output + i * out_row);
    }
  });
}

}  // namespace larq_el
