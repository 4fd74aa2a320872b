// A fixed set of threads, each with a Runner, shared by all dispatches of the process.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace softmetal {

class Runner;

class WorkerPool {
  public:
    static WorkerPool& shared();
    ~WorkerPool();

    // Calls task(runner, worker) on `workers` threads, one of them the caller's, and returns when
    // all are done. Dispatches take turns.
    void run(unsigned workers, const std::function<void(Runner&, unsigned)>& task);

  private:
    WorkerPool() = default;
    void grow(unsigned workers);
    void work(unsigned worker);

    std::mutex turn_; // one dispatch at a time
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::unique_ptr<Runner>> runners_; // 0 is the caller's
    std::vector<std::thread> threads_;
    const std::function<void(Runner&, unsigned)>* task_ = nullptr;
    unsigned wanted_ = 0, running_ = 0;
    unsigned long round_ = 0;
    bool stop_ = false;
};

} // namespace softmetal
