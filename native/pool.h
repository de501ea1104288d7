// A small pool of threads for loops whose iterations are independent.
#pragma once

#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memory.h"

namespace larq_el {

// How many processors this process may use: more threads than these only wait for each other.
int processors();

constexpr int kMaxThreads = 64;

// Threads are started when they are first asked for. Iterations are handed out one by one, so that a thread that is
// held up delays the loop by at most one; results do not depend on who computes what. A pool serves one loop at a time:
// a loop that finds it busy, as with two interpreters in two threads, runs in its own thread alone. So does one in a
// process that was forked: the workers stayed behind, and whoever held a mutex did too.
class Pool : public Allocated {
 public:
  using Body = void (*)(void* argument, int worker, size_t index);

  // Null where memory is short. The creator holds one reference.
  static Pool* create();
  Pool* retain();
  void release();

  // Calls body(argument, worker, index) for every index below `count`, in `threads` threads at most, the caller among
  // them; `worker` is below `threads` and distinct for each of them.
  void run(size_t count, int threads, Body body, void* argument);

  // The same for a callable taken by reference: body(worker, index).
  template <class Callable>
  void for_each(size_t count, int threads, Callable&& body) {
    using Plain = typename std::remove_reference<Callable>::type;
    run(
        count, threads,
        [](void* callable, int worker, size_t index) { (*static_cast<Plain*>(callable))(worker, index); },
        static_cast<void*>(&body));
  }

 private:
  Pool() = default;
  ~Pool();

  void grow(int workers);
  void work();
  void share(int worker);
  void wait_for_change(uint64_t seen);
  static void* entry(void* pool);

  bool forked() const { return getpid() != process_; }

  const pid_t process_ = getpid();
  std::atomic<int> references_{1};
  pthread_mutex_t busy_ = PTHREAD_MUTEX_INITIALIZER;   // held by the loop that is being served
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;  // guards what follows
  pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
  pthread_cond_t finished_ = PTHREAD_COND_INITIALIZER;
  pthread_t threads_[kMaxThreads];
  int started_ = 0;
  bool stopping_ = false;
  std::atomic<uint64_t> generation_{0};  // changes with every loop
  int places_ = 0;                       // for workers that may still join the loop
  int next_worker_ = 0;
  std::atomic<int> active_{0};  // workers in the loop
  Body body_ = nullptr;
  void* argument_ = nullptr;
  size_t count_ = 0;
  std::atomic<size_t> next_{0};
};

}  // namespace larq_el
