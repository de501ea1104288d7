// Where messages for the user go: into the error reporter of the runtime or of the program that loads the delegate.
#pragma once

#include <cstdarg>
#include <cstdio>

namespace larq_el {

class Reporter {
 public:
  using Sink = void (*)(void* target, const char* message);

  Reporter(Sink sink, void* target) : sink_(sink), target_(target) {}

  // Formats and passes on a message, which is dropped where there is no target; returns false, so that a check can
  // `return report.error(...)`.
  __attribute__((format(printf, 2, 3))) bool error(const char* format, ...) const {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (target_ != nullptr) sink_(target_, message);
    return false;
  }

 private:
  Sink sink_;
  void* target_;
};

}  // namespace larq_el
