// How long operators take, for those who ask: collected over all plans of a delegate.
#pragma once

#include <pthread.h>

#include <atomic>

#include "memory.h"

namespace larq_el {

class Profile : public Allocated {
 public:
  static constexpr size_t kLabel = 512;

  // Null where memory is short. The creator holds one reference.
  static Profile* create() { return new Profile; }
  Profile* retain();
  void release();

  // The number of a new entry, or -1 where memory is short; the label is cut where it is too long.
  int add(const char* label);

  void record(int entry, double seconds);

  // A line for each entry that ran: its label (operator, space, names of tensors), a tab, the number of runs, a tab,
  // the seconds of all runs. Owned by the profile, and valid until the next call. All entries then start at zero again.
  const char* read();

 private:
  struct Entry {
    char label[kLabel];
    double seconds;
    int64_t runs;
  };

  Profile() = default;
  ~Profile() = default;

  std::atomic<int> references_{1};
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;  // guards what follows
  Array<Entry> entries_;
  Array<char> text_;
};

// Seconds of a clock that never goes back.
double now();

}  // namespace larq_el
