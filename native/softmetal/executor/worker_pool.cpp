#include "worker_pool.h"

#include "runner.h"

namespace softmetal {

WorkerPool& WorkerPool::shared() {
    static WorkerPool pool;
    return pool;
}

WorkerPool::~WorkerPool() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& t : threads_) t.join();
}

void WorkerPool::grow(unsigned workers) {
    while (runners_.size() < workers) {
        runners_.push_back(std::make_unique<Runner>());
        if (runners_.size() > 1)
            threads_.emplace_back(&WorkerPool::work, this, runners_.size() - 1);
    }
}

void WorkerPool::work(unsigned worker) {
    unsigned long seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [&] { return stop_ || (round_ != seen && task_ && worker < wanted_); });
        if (stop_) return;
        seen = round_;
        auto* task = task_;
        Runner& runner = *runners_[worker];
        lock.unlock();
        (*task)(runner, worker);
        lock.lock();
        if (--running_ == 0) done_.notify_one();
    }
}

void WorkerPool::run(unsigned workers, const std::function<void(Runner&, unsigned)>& task) {
    std::lock_guard turn(turn_);
    std::unique_lock lock(mutex_);
    grow(workers);
    Runner& own = *runners_[0];
    if (workers > 1) {
        task_ = &task;
        wanted_ = workers;
        running_ = workers - 1;
        round_++;
        wake_.notify_all();
    }
    lock.unlock();
    task(own, 0);
    lock.lock();
    done_.wait(lock, [&] { return running_ == 0; });
    task_ = nullptr;
}

} // namespace softmetal
