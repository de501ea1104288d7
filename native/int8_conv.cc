#include "int8_conv.h"

#include <cmath>

namespace larq_el {
namespace {

constexpr int kChunkPixels = 64;
constexpr size_t kPieceValues = 1 << 14;  // that a thread quantizes at once

}  // namespace

bool Int8Weights::assign(const Int8Match& match, const Int8Kernel& kernel) {
  height_ = match.height.size;
  width_ = match.width.size;
  channels_out_ = match.channels_out;
  words_in_ = words_ = (match.channels_in + kWordChannels - 1) / kWordChannels;
  is_static_ = match.is_static();
  offset_ = kernel.offset;
  const size_t depth = static_cast<size_t>(taps()) * match.channels_in;
  if (!make_blocks(1, static_cast<size_t>(taps()) * words_ * kernel.weight_bytes)) return false;
  if (!sums_.assign_zeros(padded_channels())) return false;
  for (size_t i = 0; i < blocks(); ++i) {
    const ChannelBlock& one = block(i);
    kernel.pack(match.filter + one.channel * depth, depth, one.channels, taps(), match.channels_in, packed(i));
  }
  for (int c = 0; c < channels_out_; ++c) {
    for (size_t k = 0; k < depth; ++k) sums_[c] += match.filter[c * depth + k];
    multiplier_[c] = match.scales[c];
    if (match.bias != nullptr) bias_[c] = match.bias[c];
    if (!is_static_) continue;
    multiplier_[c] = match.from.scale * match.scales[c] / match.to.scale;
    sums_[c] *= -(match.from.zero_point + offset_);
    if (match.static_bias != nullptr) sums_[c] += match.static_bias[c];
  }
  transform_.sums = sums_.data();
  if (is_static_) clamp(match);
  return true;
}

// To what int8 and the activation allow.
void Int8Weights::clamp(const Int8Match& match) {
  static constexpr float kLowest[4] = {-INFINITY, 0.0f, -1.0f, 0.0f};
  static constexpr float kHighest[4] = {INFINITY, INFINITY, 1.0f, 6.0f};
  const float zero_point = static_cast<float>(match.to.zero_point), scale = match.to.scale;
  transform_.step = scale;
  transform_.lowest = std::fmax(INT8_MIN - zero_point, std::nearbyint(kLowest[match.activation] / scale));
  transform_.highest = std::fmin(INT8_MAX - zero_point, std::nearbyint(kHighest[match.activation] / scale));
}

Int8Conv::Int8Conv(const Int8Match& match, const BinaryKernel& kernel, const Int8Kernel& int8)
    : Conv("CONV_2D", weights_, kernel,
           {int8.mr, int8.run, int8.activation_bytes, kWordChannels, kChunkPixels, true, true}),
      match_(match),
      int8_(int8),
      averages_(int8) {
  const bool is_product = match.height.size * match.width.size * match.height.stride * match.width.stride == 1;
  scaling_ = match.is_static() ? kStatic : is_product ? kByPixel : kByImage;
}

Int8Conv* Int8Conv::create(const Int8Match& match, const BinaryKernel& kernel, const Int8Kernel& int8,
                           const Reporter& report) {
  Owned<Int8Conv> op(new Int8Conv(match, kernel, int8));
  if (op && op->weights_.assign(match, int8) && op->zeros_.assign_zeros(match.channels_in)) return op.release();
  report.error("CONV_2D: there is not enough memory for the weights.");
  return nullptr;
}

bool Int8Conv::prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) {
  Shape image = inputs[0]->shape;
  if (inputs[0]->type != tfl::kFloat32 || image.rank != 4 || image.last() != match_.channels_in) {
    return report.error("CONV_2D: tensor %d is not a float32 image of %d channels.", inputs[0]->tensor,
                        match_.channels_in);
  }
  if (match_.pool >= 0 && !averages_.place(inputs[0]->shape, match_.pool_same, &image, report)) return false;
  size_t values = 0;
  if (!image.elements(&values)) return report.error("CONV_2D: the input has no elements.");
  if (!place(image, match_.height, match_.width, match_.same, threads, report)) return false;
  image_pixels_ = static_cast<size_t>(rows_.input) * columns_.input;
  const size_t piece = kPieceValues / match_.channels_in + 1;
  pieces_ = (image_pixels_ + piece - 1) / piece;
  front(nullptr, &front_bytes_);
  return prepare_finish(inputs, outputs, report);
}

Int8Conv::Front Int8Conv::front(const void* scratch, size_t* bytes) const {
  size_t at = 0;
  const auto take = [&](size_t size) {
    const uintptr_t start = reinterpret_cast<uintptr_t>(scratch) + at;
    at += align_up(size);
    return start;
  };
  const size_t pixels = batch_ * image_pixels_, averages = scaling_ == kByImage ? pixels : threads_;
  const size_t pooled = match_.pool < 0 ? 0 : averages * match_.channels_in;
  Front front;
  front.scales = reinterpret_cast<Int8Scale*>(take(scalings() * sizeof(Int8Scale)));
  front.pooled = reinterpret_cast<float*>(take(pooled * sizeof(float)));
  front.activations = reinterpret_cast<char*>(take(pixels * pixel_bytes_));
  front.ranges = reinterpret_cast<float*>(take(batch_ * pieces_ * 2 * sizeof(float)));
  front.outside = reinterpret_cast<char*>(take(batch_ * pixel_bytes_));
  if (bytes != nullptr) *bytes = at;
  return front;
}

Int8Conv::Piece Int8Conv::piece(size_t index) const {
  const size_t at = index % pieces_;
  return {static_cast<int>(index / pieces_), image_pixels_ * at / pieces_, image_pixels_ * (at + 1) / pieces_};
}

Conv::Activations Int8Conv::activate(const Run& run) const {
  const Front front = this->front(run.scratch);
  if (scaling_ == kByImage) {
    measure(run, front);
    quantize_images(run, front);
  } else {
    quantize_pixels(run, front);
  }
  return {front.activations, front.outside, scaling_ == kStatic ? 0 : pixel_bytes_};
}

// The range of each piece, and the pool's values.
void Int8Conv::measure(const Run& run, const Front& front) const {
  const float* input = static_cast<const float*>(run.inputs[0]);
  const size_t channels = match_.channels_in;
  run.pool->for_each(batch_ * pieces_, threads_, [&](int, size_t i) {
    const Piece piece = this->piece(i);
    const size_t start = (piece.image * image_pixels_ + piece.first) * channels;
    for (size_t pixel = piece.first; pixel < piece.last && match_.pool >= 0; ++pixel) {
      averages_.write(input, piece.image, pixel, front.pooled + start + (pixel - piece.first) * channels);
    }
    const float* values = (match_.pool < 0 ? input : front.pooled) + start;
    float* range = front.ranges + 2 * i;
    range[0] = range[1] = 0.0f;
    int8_.range(values, (piece.last - piece.first) * channels, range, range + 1);
  });
}

void Int8Conv::fill_outside(int image, const Front& front) const {
  const int zero_point = front.scales[image].zero_point;
  int8_.quantize(zeros_.data(), zeros_.size(), 1.0f, zero_point, front.outside + image * pixel_bytes_);
}

void Int8Conv::quantize_images(const Run& run, const Front& front) const {
  const size_t channels = match_.channels_in;
  for (int image = 0; image < batch_; ++image) {
    float lowest = 0.0f, highest = 0.0f;
    for (const float* range = front.ranges + 2 * image * pieces_; range < front.ranges + 2 * (image + 1) * pieces_;
         range += 2) {
      lowest = range[0] < lowest ? range[0] : lowest;
      highest = range[1] > highest ? range[1] : highest;
    }
    front.scales[image] = int8_.choose(lowest, highest);
    fill_outside(image, front);
  }
  const float* values = match_.pool < 0 ? static_cast<const float*>(run.inputs[0]) : front.pooled;
  run.pool->for_each(batch_ * pieces_, threads_, [&](int, size_t i) {
    const Piece piece = this->piece(i);
    const Int8Scale& image = front.scales[piece.image];
    // Without channels to fill up, all pixels are one row.
    const size_t pixels = piece.last - piece.first, calls = channels % kWordChannels == 0 ? 1 : pixels;
    const size_t first = piece.image * image_pixels_ + piece.first;
    for (size_t k = first; k < first + calls; ++k) {
      int8_.quantize(values + k * channels, pixels / calls * channels, image.inverse_scale, image.zero_point,
                     front.activations + k * pixel_bytes_);
    }
  });
}

// Where a pixel's scale depends on no other pixel, one pass is enough.
void Int8Conv::quantize_pixels(const Run& run, const Front& front) const {
  const float* input = static_cast<const float*>(run.inputs[0]);
  const size_t channels = match_.channels_in;
  if (scaling_ == kStatic) {
    front.scales[0] = {1.0f / match_.from.scale, match_.from.scale, match_.from.zero_point};
    fill_outside(0, front);
  }
  run.pool->for_each(batch_ * pieces_, threads_, [&](int worker, size_t i) {
    const Piece piece = this->piece(i);
    for (size_t pixel = piece.first; pixel < piece.last; ++pixel) {
      const size_t at = piece.image * image_pixels_ + pixel;
      float* average = front.pooled + worker * channels;
      if (match_.pool >= 0) averages_.write(input, piece.image, pixel, average);
      const float* values = match_.pool >= 0 ? average : input + at * channels;
      char* activations = front.activations + at * pixel_bytes_;
      if (scaling_ == kByPixel) {
        front.scales[at] = int8_.quantize_row(values, channels, activations);
      } else {
        int8_.quantize(values, channels, front.scales[0].inverse_scale, front.scales[0].zero_point, activations);
      }
    }
  });
}

void Int8Conv::correct(const Pixel& pixel, size_t slot, const Worker& worker) const {
  size_t at = scaling_ == kStatic ? 0 : pixel.image;
  if (scaling_ == kByPixel) at = (at * rows_.output + pixel.row) * columns_.output + pixel.column;
  const Int8Scale& scale = static_cast<const Int8Scale*>(worker.front)[at];
  worker.scales[slot] = {scale.scale, weights_.zero(scale.zero_point)};
}

}  // namespace larq_el
