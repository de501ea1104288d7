#include "profile.h"

#include <cstdio>
#include <ctime>

namespace larq_el {
namespace {

class Lock {
 public:
  explicit Lock(pthread_mutex_t* mutex) : mutex_(mutex) { pthread_mutex_lock(mutex_); }
  ~Lock() { pthread_mutex_unlock(mutex_); }

 private:
  pthread_mutex_t* mutex_;
};

}  // namespace

Profile* Profile::retain() {
  references_.fetch_add(1);
  return this;
}

void Profile::release() {
  if (references_.fetch_sub(1) == 1) delete this;
}

int Profile::add(const char* label) {
  Lock lock(&mutex_);
  Entry entry = {};
  snprintf(entry.label, sizeof entry.label, "%s", label);
  // the separators of read()
  for (char* c = entry.label; *c != '\0'; ++c) *c = *c == '\t' || *c == '\n' ? ' ' : *c;
  return entries_.push_back(entry) ? static_cast<int>(entries_.size()) - 1 : -1;
}

void Profile::record(int entry, double seconds) {
  Lock lock(&mutex_);
  if (entry < 0 || static_cast<size_t>(entry) >= entries_.size()) return;
  entries_[entry].seconds += seconds;
  ++entries_[entry].runs;
}

const char* Profile::read() {
  Lock lock(&mutex_);
  constexpr size_t kLine = kLabel + 64;
  if (!text_.assign_zeros(entries_.size() * kLine + 1)) return "";
  char* end = text_.data();
  for (Entry& entry : entries_) {
    if (entry.runs == 0) continue;
    end += snprintf(end, kLine, "%s\t%lld\t%.9f\n", entry.label, static_cast<long long>(entry.runs), entry.seconds);
    entry.seconds = 0;
    entry.runs = 0;
  }
  return text_.data();
}

double now() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace larq_el
