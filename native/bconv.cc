#include "bconv.h"

namespace larq_el {
namespace {

constexpr int kChunkPixels = 48;
constexpr size_t kExpandWords = 1 << 12;  // that a thread expands at once

}  // namespace

Bconv::Bconv(const BconvAttributes& attributes, tfl::Type output_type, const BinaryKernel& kernel)
    : Conv("LceBconv2d", weights_, kernel,
           {kernel.mr, kernel.run, kernel.activation_bytes, kBitsPerWord, kChunkPixels, false, false}),
      attributes_(attributes),
      output_type_(output_type) {}

Bconv* Bconv::create(const BconvAttributes& attributes, const BconvConstants& constants, const BinaryKernel& kernel,
                     const Reporter& report) {
  Owned<Bconv> op(new Bconv(attributes, constants.output_type, kernel));
  if (!op) {
    report.error("LceBconv2d: there is not enough memory.");
    return nullptr;
  }
  if (!op->weights_.assign(attributes, constants, kernel, report)) return nullptr;
  op->attributes_.height.size = op->weights_.height();
  op->attributes_.width.size = op->weights_.width();
  return op.release();
}

bool Bconv::check(const Value& input, const Value& output, const Reporter& report) const {
  if (input.type != tfl::kInt32) return report.error("LceBconv2d: the input must be int32.");
  if (!finished_ && output.type != output_type_) return report.error("LceBconv2d: the output's type has changed.");
  if (input.shape.rank != 4) return report.error("LceBconv2d: the input must have 4 dimensions.");
  if (input.shape.last() != weights_.words_in()) {
    return report.error("LceBconv2d: the input has %d words a pixel instead of the %d of %d channels.",
                        input.shape.last(), weights_.words_in(), attributes_.channels_in);
  }
  return true;
}

bool Bconv::prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) {
  const Value& input = *inputs[0];
  if (!check(input, *outputs[0], report)) return false;
  if (!place(input.shape, attributes_.height, attributes_.width, attributes_.same, threads, report)) return false;
  out_stride_ = output_type_ == tfl::kInt32 ? words_out_ : weights_.channels_out();
  output_.dims[3] = static_cast<int>(out_stride_);
  if (!fill_outside() || !correct_borders()) return report.error("LceBconv2d: there is not enough memory.");
  if (kernel_.expand != nullptr) {
    front_bytes_ = align_up(static_cast<size_t>(batch_) * rows_.input * columns_.input * pixel_bytes_);
  }
  return prepare_finish(inputs, outputs, report);
}

bool Bconv::fill_outside() {
  if (!outside_.assign_zeros(pixel_bytes_)) return false;
  if (kernel_.expand == nullptr) return true;
  Array<uint32_t> plus;
  if (!plus.assign_zeros(weights_.words_in())) return false;
  kernel_.expand(plus.data(), plus.size(), outside_.data());
  return true;
}

bool Bconv::correct_borders() {
  is_corrected_ = attributes_.same && !attributes_.pad_one && weights_.taps() > 1;
  const size_t classes = is_corrected_ ? static_cast<size_t>(row_classes_.count()) * column_classes_.count() : 0;
  size_t count = 0;
  if (!multiply(classes, weights_.padded_channels(), &count) || !corrections_.assign_zeros(count)) return false;
  for (size_t i = 0; i < classes; ++i) {
    const TapRange row = row_classes_.range(static_cast<int>(i / column_classes_.count()));
    const TapRange column = column_classes_.range(static_cast<int>(i % column_classes_.count()));
    weights_.zero_padding_correction(row.first, row.last, column.first, column.last,
                                     corrections_.data() + i * weights_.padded_channels());
  }
  return true;
}

void Bconv::correct(const Pixel& pixel, size_t slot, const Worker& worker) const {
  const int row = row_classes_.of(pixel.row), column = column_classes_.of(pixel.column);
  const bool whole = row_classes_.whole(row) && column_classes_.whole(column);
  const size_t index = static_cast<size_t>(row) * column_classes_.count() + column;
  worker.corrections[slot] =
      whole || !is_corrected_ ? nullptr : corrections_.data() + index * weights_.padded_channels();
}

Conv::Activations Bconv::activate(const Run& run) const {
  return {static_cast<const char*>(expand(run)), reinterpret_cast<const char*>(outside_.data()), 0};
}

const void* Bconv::expand(const Run& run) const {
  if (kernel_.expand == nullptr) return run.inputs[0];
  const uint32_t* bits = static_cast<const uint32_t*>(run.inputs[0]);
  char* expanded = static_cast<char*>(run.scratch);
  const size_t words = static_cast<size_t>(batch_) * rows_.input * columns_.input * weights_.words_in();
  run.pool->for_each((words + kExpandWords - 1) / kExpandWords, threads_, [&](int, size_t i) {
    const size_t first = i * kExpandWords;
    const size_t count = words - first < kExpandWords ? words - first : kExpandWords;
    kernel_.expand(bits + first, count, expanded + first * kernel_.activation_bytes);
  });
  return expanded;
}

void Bconv::begin(const Target& target, size_t first, size_t last) const {
  if (output_type_ == tfl::kInt32 && !weights_.whole_words()) {
    memset(target.out + first * out_stride_ * sizeof(uint32_t), 0, (last - first) * out_stride_ * sizeof(uint32_t));
  }
}

void Bconv::store(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const {
  if (finished_) return finish(block, rows, worker, target, pixel);
  const ChannelBlock& channels = weights_.block(block);
  const OutputTransform transform = weights_.transform(block);
  if (output_type_ == tfl::kFloat32) {
    float* out = reinterpret_cast<float*>(target.out) + pixel * out_stride_ + channels.channel;
    kernel_.store_float(rows, transform, out, out_stride_);
  } else if (output_type_ == tfl::kInt8) {
    int8_t* out = reinterpret_cast<int8_t*>(target.out) + pixel * out_stride_ + channels.channel;
    kernel_.store_int8(rows, transform, out, out_stride_);
  } else {
    kernel_.store_bits(rows, transform, worker.masks);
    store_bits(channels, worker.masks, rows.pixels, reinterpret_cast<uint32_t*>(target.out) + pixel * words_out_);
  }
}

}  // namespace larq_el
