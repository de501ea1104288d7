// Classifies an image with TensorFlow Lite in C++ and the delegate of larq_el: how a program on a device loads it.
//
//     classify MODEL.tflite liblarq_el_delegate.so IMAGE.ppm [ISA]
//
// IMAGE is a binary PPM of 8 bits without comments, of the size of the model's input. README.md tells how to build it.
#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "tensorflow/lite/delegates/external/external_delegate.h"
#include "tensorflow/lite/interpreter.h"
#include "tensorflow/lite/interpreter_builder.h"
#include "tensorflow/lite/kernels/register.h"
#include "tensorflow/lite/model_builder.h"

namespace {

using Delegate = std::unique_ptr<TfLiteDelegate, decltype(&TfLiteExternalDelegateDelete)>;

// ImageNet's mean of red, green and blue, which the models of the zoo want subtracted.
constexpr float kMean[] = {123.675f, 116.28f, 103.53f};

int fail(const std::string& message) {
  fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

// Null, with a message, where there is no such library. TensorFlow Lite does not report that itself, nor an option that
// the delegate refuses: see README.md.
Delegate load_delegate(const char* path, const char* isa) {
  Delegate none(nullptr, TfLiteExternalDelegateDelete);
  if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == nullptr) {
    fail(dlerror());
    return none;
  }
  TfLiteExternalDelegateOptions options = TfLiteExternalDelegateOptionsDefault(path);
  if (isa != nullptr) options.insert(&options, "isa", isa);  // without it, the fastest that the CPU can run
  return Delegate(TfLiteExternalDelegateCreate(&options), TfLiteExternalDelegateDelete);
}

// Fills the model's input; false where the file is no PPM of its size.
bool read_image(const char* path, int height, int width, float* input) {
  std::ifstream file(path, std::ios::binary);
  std::string magic;
  int columns = 0, rows = 0, maximum = 0;
  file >> magic >> columns >> rows >> maximum;
  if (magic != "P6" || columns != width || rows != height || maximum != 255) return false;
  file.get();  // the white space that ends the header
  std::vector<char> pixels(3 * static_cast<size_t>(width) * height);
  if (!file.read(pixels.data(), pixels.size())) return false;
  for (size_t i = 0; i < pixels.size(); ++i) input[i] = static_cast<uint8_t>(pixels[i]) - kMean[i % 3];
  return true;
}

void print_best(const float* scores, int classes) {
  std::vector<int> order(classes);
  std::iota(order.begin(), order.end(), 0);
  const int top = std::min(5, classes);
  const auto better = [&](int a, int b) { return scores[a] > scores[b]; };
  std::partial_sort(order.begin(), order.begin() + top, order.end(), better);
  for (int i = 0; i < top; ++i) printf("%9.4f  class %d\n", scores[order[i]], order[i]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return fail("usage: classify MODEL.tflite liblarq_el_delegate.so IMAGE.ppm [ISA]");
  const auto model = tflite::FlatBufferModel::BuildFromFile(argv[1]);
  if (model == nullptr) return fail("the model cannot be read");
  Delegate delegate = load_delegate(argv[2], argc > 4 ? argv[4] : nullptr);  // outlives the interpreter
  if (delegate == nullptr) return 1;
  tflite::ops::builtin::BuiltinOpResolver resolver;
  std::unique_ptr<tflite::Interpreter> interpreter;
  if (tflite::InterpreterBuilder(*model, resolver)(&interpreter, /*num_threads=*/4) != kTfLiteOk ||
      interpreter->ModifyGraphWithDelegate(delegate.get()) != kTfLiteOk ||  // before AllocateTensors
      interpreter->AllocateTensors() != kTfLiteOk) {
    return fail("the model cannot run");
  }
  const TfLiteTensor* input = interpreter->input_tensor(0);
  const TfLiteTensor* output = interpreter->output_tensor(0);
  if (input->type != kTfLiteFloat32 || input->dims->size != 4 || input->dims->data[3] != 3 ||
      output->type != kTfLiteFloat32 || output->dims->size != 2) {
    return fail("the model is no float classifier of images");
  }
  if (!read_image(argv[3], input->dims->data[1], input->dims->data[2], interpreter->typed_input_tensor<float>(0))) {
    return fail("the image is no binary PPM of the size of the model's input");
  }
  if (interpreter->Invoke() != kTfLiteOk) return fail("the model failed");
  print_best(interpreter->typed_output_tensor<float>(0), output->dims->data[1]);
  return 0;
}
