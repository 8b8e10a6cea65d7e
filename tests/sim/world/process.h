#pragma once

#include <poll.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/wait.h"
#include "sim/world/fiber.h"
#include "sim/world/world.h"

namespace sim {

class Disk;
class Host;
class Network;

/// What stands behind a file descriptor. Functions return what the system call returns, and set errno.
class Descriptor {
 public:
  virtual ~Descriptor() = default;
  /// Events of poll(2) that are there now, of all there are.
  virtual short ready() { return POLLIN | POLLOUT; }
  virtual ssize_t read(char* room, std::size_t size);
  virtual ssize_t write(std::string_view bytes);
  /// st_mode's kind of file.
  virtual mode_t kind() const { return S_IFIFO; }
};

/// Thrown through a program that is killed: it unwinds, and nothing it does has an effect any more.
struct Killed {};

/// What a tool's process has: a fiber, descriptors, clocks. The system calls of whatever runs in its fiber
/// are its own (system_calls.cpp).
class Process {
 public:
  /// Doesn't run before start(). `main` may not throw but Killed.
  Process(World& world, Network& network, Disk& disk, std::string name);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void start(std::function<void()> main);
  bool ended() const { return fiber_ == nullptr || fiber_->ended(); }
  bool killed() const { return killed_; }

  World& world() { return world_; }
  Network& network() { return network_; }
  Disk& disk() { return disk_; }
  const std::string& name() const { return name_; }
  void trace(std::string_view what) { world_.trace(name_, what); }

  /// As SIGTERM does, where it is caught.
  void stop();
  chat::StopToken stop_token() const {
    return {.fd = stop_fd, .flag = &stopped_, .until = chat::no_deadline};
  }
  /// SIGKILL, which it notices at its next system call.
  void kill();
  /// The same, and it unwinds at once. Not from inside.
  void end_now();
  /// SIGSTOP and SIGCONT later. `asleep`: with the whole machine, so that CLOCK_MONOTONIC stands still too.
  void pause(Time duration, bool asleep);
  /// Its machine's clock is set.
  void step_clock(Time by) { clock_ahead_ += by; }

  Time monotonic() const { return world_.now() - slept_; }
  Time real_time() const { return world_.now() + clock_ahead_; }

  // For system_calls.cpp.

  /// The process whose fiber runs; nullptr outside.
  static Process* current() { return current_; }
  /// At each system call: it may be killed or paused here. Returns false when it has been killed and is
  /// unwinding, so that the call must do nothing.
  bool at_call();
  bool dying() const { return dying_; }
  /// The same where it may block: throws Killed again where the first one was caught.
  void at_blocking_call();
  /// Something that others see is done, and not yet noted that it is: killed just here, it leaves most to be
  /// done again.
  void after_effect();
  int poll(pollfd* fds, nfds_t count, int timeout_ms);
  /// Waits for so long, or until wake().
  void sleep_until(Time when);
  /// Something that it may wait for has happened.
  void wake();

  int add(std::shared_ptr<Descriptor> descriptor);
  void put(int fd, std::shared_ptr<Descriptor> descriptor);
  /// Another descriptor for the same; -1 when there is none.
  int duplicate(int fd);
  Descriptor* find(int fd) const;
  void close(int fd);

  /// Chances, one in so many system calls; 0: never.
  std::uint64_t killed_once_in = 0;
  std::uint64_t paused_once_in = 0;
  std::uint64_t killed_once_in_effects = 0;  // what others see
  std::function<void()> on_end;
  /// It has had connections to two servers at once, of which one was no master any more; or it was sent back
  /// to such a one by who didn't know of the new one.
  bool split = false;
  std::uint32_t newest_master = 0;  // that it had a connection to, by its generation
  /// Whom it has asked first, and whether it has come to others from there.
  const Host* asked_first = nullptr;
  bool asked_others = false;
  /// What `--exec` runs (handler.cpp): told what it reads; returns what went wrong, if anything.
  std::function<std::optional<std::string>(const std::string& input, std::optional<Time> keep_every,
                                           const std::function<void()>& keep)>
      handler;

 private:
  static constexpr int stop_fd = 3;

  Time work_time();
  void run();
  void resume_at(Time when);

  World& world_;
  Network& network_;
  Disk& disk_;
  std::string name_;
  std::unique_ptr<Fiber> fiber_;
  std::vector<std::shared_ptr<Descriptor>> descriptors_;
  volatile std::sig_atomic_t stopped_ = 0;
  bool killed_ = false;
  bool dying_ = false;
  bool waiting_ = false;       // in sleep_until
  std::uint64_t wakings_ = 0;  // those that are due from before the last one are void
  Time wakes_at_ = never;
  Time paused_until_ = 0;
  Time slept_ = 0;
  Time clock_ahead_ = 0;
  static Process* current_;
};

}  // namespace sim
