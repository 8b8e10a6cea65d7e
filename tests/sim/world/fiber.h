#pragma once

#include <ucontext.h>

#include <csetjmp>
#include <functional>

namespace sim {

/// A function with a stack of its own, which gives up control where it wants and goes on from there. All
/// fibers of a program run in one thread.
class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// From outside: runs it until it yields or ends. An exception may not leave its body.
  void resume();
  /// From inside: back to whoever resumed it.
  void yield();
  bool ended() const { return ended_; }

 private:
  // What the language's runtime keeps of exceptions under way: each stack has its own
  // (https://itanium-cxx-abi.github.io/cxx-abi/abi-eh.html, __cxa_eh_globals).
  struct Exceptions {
    void* caught = nullptr;
    unsigned uncaught = 0;
  };

  static void enter(unsigned high, unsigned low);
  void swap_exceptions();

  struct Place {
    ucontext_t context{};
    std::jmp_buf jump{};
    bool left = false;  // `jump` is where to go on
  };
  static void go(Place& from, Place& to);

  std::function<void()> body_;
  char* stack_;
  Place inside_;
  Place outside_;
  Exceptions exceptions_;
  bool ended_ = false;
};

}  // namespace sim
