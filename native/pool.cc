#include "pool.h"

#include <sched.h>
#include <time.h>

namespace larq_el {
namespace {

// A worker looks for the next loop, and a loop for its workers' end, for so long before they sleep: the layers of a
// network follow each other within microseconds, and waking a thread takes longer than that. In time and not in pauses,
// which take 40 cycles on one processor and 140 on another.
constexpr double kSpinSeconds = 1e-4;
constexpr int kPausesAClock = 64;  // between two looks at the clock

double seconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Looks whether `done()` until it is so or the time is up.
template <class Done>
inline void spin(const Done& done) {
  const double end = seconds() + kSpinSeconds;
  do {
    for (int i = 0; i < kPausesAClock; ++i) {
      if (done()) return;
      pause();
    }
  } while (seconds() < end);
}

class Lock {
 public:
  explicit Lock(pthread_mutex_t* mutex) : mutex_(mutex) { pthread_mutex_lock(mutex_); }
  ~Lock() { pthread_mutex_unlock(mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  pthread_mutex_t* mutex_;
};

}  // namespace

int processors() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return CPU_COUNT(&allowed);
  return kMaxThreads;  // there are more of them than the set holds
}

Pool* Pool::create() { return new Pool; }

Pool* Pool::retain() {
  references_.fetch_add(1);
  return this;
}

void Pool::release() {
  if (references_.fetch_sub(1) == 1) delete this;
}

Pool::~Pool() {
  if (forked()) return;
  {
    Lock lock(&mutex_);
    stopping_ = true;
    generation_.fetch_add(1);
    pthread_cond_broadcast(&changed_);
  }
  for (int i = 0; i < started_; ++i) pthread_join(threads_[i], nullptr);
  pthread_cond_destroy(&changed_);
  pthread_cond_destroy(&finished_);
  pthread_mutex_destroy(&mutex_);
  pthread_mutex_destroy(&busy_);
}

// Where the system refuses a thread, loops run in fewer.
void Pool::grow(int workers) {
  while (started_ < workers && pthread_create(&threads_[started_], nullptr, entry, this) == 0) ++started_;
}

void Pool::run(size_t count, int threads, Body body, void* argument) {
  if (threads > kMaxThreads) threads = kMaxThreads;
  if (static_cast<size_t>(threads) > count) threads = static_cast<int>(count);
  if (threads < 2 || forked() || pthread_mutex_trylock(&busy_) != 0) {
    for (size_t i = 0; i < count; ++i) body(argument, 0, i);
    return;
  }
  grow(threads - 1);
  {
    Lock lock(&mutex_);
    body_ = body;
    argument_ = argument;
    count_ = count;
    next_.store(0);
    places_ = threads - 1;
    next_worker_ = 1;
    generation_.fetch_add(1);
    pthread_cond_broadcast(&changed_);
  }
  share(0);
  {
    Lock lock(&mutex_);
    places_ = 0;  // whoever wakes now comes too late, and is not waited for
  }
  spin([this] { return active_.load(std::memory_order_acquire) == 0; });
  {
    Lock lock(&mutex_);
    while (active_.load() > 0) pthread_cond_wait(&finished_, &mutex_);
  }
  pthread_mutex_unlock(&busy_);
}

void Pool::share(int worker) {
  for (size_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) body_(argument_, worker, i);
}

void Pool::wait_for_change(uint64_t seen) {
  spin([&] { return generation_.load(std::memory_order_acquire) != seen; });
  Lock lock(&mutex_);
  while (generation_.load() == seen) pthread_cond_wait(&changed_, &mutex_);
}

void Pool::work() {
  uint64_t seen = 0;
  for (;;) {
    wait_for_change(seen);
    int worker = 0;
    {
      Lock lock(&mutex_);
      seen = generation_.load();
      if (stopping_) return;
      if (places_ == 0) continue;
      --places_;
      active_.fetch_add(1);
      worker = next_worker_++;
    }
    share(worker);
    Lock lock(&mutex_);
    if (active_.fetch_sub(1) == 1) pthread_cond_signal(&finished_);
  }
}

void* Pool::entry(void* pool) {
  static_cast<Pool*>(pool)->work();
  return nullptr;
}

}  // namespace larq_el
