#include "sim/world/process.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

namespace sim {

namespace {

class StopPipe : public Descriptor {
 public:
  explicit StopPipe(const volatile std::sig_atomic_t& stopped) : stopped_(stopped) {}
  short ready() override { return stopped_ != 0 ? POLLIN : 0; }

 private:
  const volatile std::sig_atomic_t& stopped_;
};

// How long a program takes for what it does between two waits.
constexpr Time least_work = 2 * microsecond;
constexpr Time most_work = 40 * microsecond;

}  // namespace

Process* Process::current_ = nullptr;

ssize_t Descriptor::read(char*, std::size_t) {
  errno = EBADF;
  return -1;
}

ssize_t Descriptor::write(std::string_view) {
  errno = EBADF;
  return -1;
}

Process::Process(World& world, Network& network, Disk& disk, std::string name)
    : world_(world), network_(network), disk_(disk), name_(std::move(name)) {
  put(stop_fd, std::make_shared<StopPipe>(stopped_));
}

Process::~Process() { end_now(); }

void Process::end_now() {
  if (ended()) return;
  killed_ = true;
  ++wakings_;
  while (!ended()) run();
}

void Process::start(std::function<void()> main) {
  fiber_ = std::make_unique<Fiber>([this, main = std::move(main)] {
    try {
      main();
    } catch (const Killed&) {
    }
    descriptors_.clear();
    if (on_end) on_end();
  });
  waiting_ = true;
  resume_at(world_.now());
}

void Process::stop() {
  stopped_ = 1;
  trace("is told to stop");
  wake();
}

void Process::kill() {
  if (ended() || killed_) return;
  trace("is killed");
  killed_ = true;
  paused_until_ = 0;
  wake();
}

void Process::pause(Time duration, bool asleep) {
  trace(asleep ? "sleeps with its machine" : "is paused");
  const Time from = std::max(paused_until_, world_.now());
  paused_until_ = std::max(from, world_.now() + duration);
  if (asleep) slept_ += paused_until_ - from;
}

bool Process::at_call() {
  if (dying_) return false;
  if (!killed_ && world_.once_in(killed_once_in)) {
    trace("is killed");
    killed_ = true;
  }
  if (killed_) {
    dying_ = true;
    throw Killed();
  }
  if (world_.once_in(paused_once_in)) {
    pause(world_.some_time(millisecond, 12 * second), false);
    sleep_until(world_.now());
  }
  return true;
}

void Process::at_blocking_call() {
  if (!at_call() && std::uncaught_exceptions() == 0) throw Killed();
}

void Process::after_effect() {
  if (world_.once_in(killed_once_in_effects)) kill();
}

int Process::poll(pollfd* fds, nfds_t count, int timeout_ms) {
  at_blocking_call();
  if (dying_) return 0;
  const Time end = timeout_ms < 0 ? never : world_.now() + timeout_ms * millisecond;
  sleep_until(world_.now() + work_time());
  while (true) {
    int ready = 0;
    for (nfds_t i = 0; i < count; ++i) {
      fds[i].revents = 0;
      Descriptor* const descriptor = find(fds[i].fd);
      if (descriptor == nullptr) continue;
      fds[i].revents = static_cast<short>(descriptor->ready() & (fds[i].events | POLLERR | POLLHUP));
      if (fds[i].revents != 0) ++ready;
    }
    if (ready > 0 || world_.now() >= end) return ready;
    sleep_until(end);
  }
}

Time Process::work_time() {
  return least_work + static_cast<Time>(world_.random.below(static_cast<std::uint64_t>(most_work)));
}

void Process::resume_at(Time when) {
  wakes_at_ = std::max(when, paused_until_);
  if (wakes_at_ == never) return;
  const std::uint64_t number = ++wakings_;
  world_.at(wakes_at_, [this, number] {
    if (number != wakings_ || !waiting_) return;
    if (world_.now() < paused_until_) return resume_at(paused_until_);
    run();
  });
}

void Process::sleep_until(Time when) {
  waiting_ = true;
  wakes_at_ = never;
  ++wakings_;
  resume_at(when);
  fiber_->yield();
  waiting_ = false;
  if (killed_ && !dying_) {
    dying_ = true;
    throw Killed();
  }
}

void Process::wake() {
  if (!waiting_ || ended()) return;
  const Time soon = world_.now() + work_time();
  if (soon < wakes_at_) resume_at(soon);
}

void Process::run() {
  Process* const before = std::exchange(current_, this);
  fiber_->resume();
  current_ = before;
  if (fiber_->ended()) trace("has ended");
}

int Process::add(std::shared_ptr<Descriptor> descriptor) {
  constexpr std::size_t first = 4;
  if (descriptors_.size() < first) descriptors_.resize(first);
  const auto place = std::find(descriptors_.begin() + first, descriptors_.end(), nullptr);
  const auto fd = static_cast<int>(place - descriptors_.begin());
  put(fd, std::move(descriptor));
  return fd;
}

void Process::put(int fd, std::shared_ptr<Descriptor> descriptor) {
  const auto place = static_cast<std::size_t>(fd);
  if (descriptors_.size() <= place) descriptors_.resize(place + 1);
  descriptors_[place] = std::move(descriptor);
}

int Process::duplicate(int fd) {
  if (find(fd) == nullptr) {
    errno = EBADF;
    return -1;
  }
  return add(descriptors_[static_cast<std::size_t>(fd)]);
}

Descriptor* Process::find(int fd) const {
  const auto place = static_cast<std::size_t>(fd);
  return fd >= 0 && place < descriptors_.size() ? descriptors_[place].get() : nullptr;
}

void Process::close(int fd) {
  if (find(fd) == nullptr) return;
  const std::shared_ptr<Descriptor> closed = std::move(descriptors_[static_cast<std::size_t>(fd)]);
}

}  // namespace sim
