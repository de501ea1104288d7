// CONV_2D in int8, of reals that become int8 on the way, to rows of reals.
//
// The arithmetic is that of the kernels that stock runtimes use, XNNPACK's qd8 and qs8 with weights by channel, to the
// bit. Dynamic range: values have a scale and a zero point by the lowest and the highest of their image, or of their
// pixel where the convolution is a matrix product, 1x1 with stride 1; and
//     y = fma(float(sum) * (1 / scale), weight scale, bias), with the sum of (q - zero point) * weight.
// Static: the scales and zero points are given, and the sum with its bias becomes int8 by a factor of float32, rounded
// half to even. TFLite's own kernels, which run without XNNPACK, differ in both.
#pragma once

#include "average_pool.h"
#include "conv.h"
#include "int8_match.h"

namespace larq_el {

class Int8Weights final : public ConvWeights {
 public:
  // False where memory is short.
  bool assign(const Int8Match& match, const Int8Kernel& kernel);

  // What the sums of values with this zero point are to be corrected with.
  int zero(int zero_point) const { return is_static_ ? 1 : -(zero_point + offset_); }

 private:
  void clamp(const Int8Match& match);

  bool is_static_ = false;
  int offset_ = 0;
  Array<int32_t> sums_;  // of the weights of each padded channel; of static ones with the zero point and bias in them
};

class Int8Conv final : public Conv {
 public:
  // Null, with a message, where memory is short. Copies what it needs of the constants.
  static Int8Conv* create(const Int8Match& match, const BinaryKernel& kernel, const Int8Kernel& int8,
                          const Reporter& report);

  bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) override;

 private:
  enum Scaling { kStatic, kByImage, kByPixel };
  // The front of the working memory.
  struct Front {
    Int8Scale* scales;  // one, or of each image or pixel; at the beginning
    float* pooled;      // by image: [pixel][channel], else [thread][channel]; nothing where there is no pool
    char* activations;  // [pixel][word]
    float* ranges;      // [piece][2], by image: the lowest and the highest value
    char* outside;      // [image][word]
  };
  struct Piece {  // of an image's pixels
    int image;
    size_t first;
    size_t last;
  };

  Int8Conv(const Int8Match& match, const BinaryKernel& kernel, const Int8Kernel& int8);

  Front front(const void* scratch, size_t* bytes = nullptr) const;
  Piece piece(size_t index) const;
  size_t scalings() const { return scaling_ == kStatic ? 1 : scaling_ == kByImage ? batch_ : batch_ * image_pixels_; }
  void measure(const Run& run, const Front& front) const;
  void quantize_images(const Run& run, const Front& front) const;
  void quantize_pixels(const Run& run, const Front& front) const;
  void fill_outside(int image, const Front& front) const;

  Activations activate(const Run& run) const override;
  void correct(const Pixel& pixel, size_t slot, const Worker& worker) const override;

  Int8Match match_;  // whose constants are not read after create
  const Int8Kernel& int8_;
  Int8Weights weights_;
  Scaling scaling_;
  Array<float> zeros_;  // the pixel outside of an image
  Averages averages_;

  // What follows depends on the input's shape and is set by prepare.
  size_t image_pixels_ = 0;  // of an image, after the pool
  size_t pieces_ = 0;        // of an image
};

}  // namespace larq_el
