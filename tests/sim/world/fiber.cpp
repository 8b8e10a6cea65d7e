#include "sim/world/fiber.h"

#include <cxxabi.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace sim {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stack_size = std::size_t{2} << 20U;
#else
constexpr std::size_t stack_size = std::size_t{512} << 10U;
#endif

// Stacks are used again: fresh ones cost a page fault for each page.
std::vector<char*>& spare_stacks() {
  static std::vector<char*> spare;
  return spare;
}

char* take_stack() {
  std::vector<char*>& spare = spare_stacks();
  if (!spare.empty()) {
    char* const stack = spare.back();
    spare.pop_back();
    return stack;
  }
  void* const memory = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<char*>(memory);
}

}  // namespace

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)), stack_(take_stack()) {
  getcontext(&inside_.context);
  inside_.context.uc_stack.ss_sp = stack_;
  inside_.context.uc_stack.ss_size = stack_size;
  inside_.context.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&inside_.context, reinterpret_cast<void (*)()>(&Fiber::enter), 2,
              static_cast<unsigned>(self >> 32U), static_cast<unsigned>(self));
}

Fiber::~Fiber() { spare_stacks().push_back(stack_); }

void Fiber::swap_exceptions() {
  Exceptions now;
  void* const globals = abi::__cxa_get_globals();
  std::memcpy(&now, globals, sizeof now);
  std::memcpy(globals, &exceptions_, sizeof exceptions_);
  exceptions_ = now;
}

#if defined(__SANITIZE_ADDRESS__)

// The sanitizer has to know which stack is in use.
namespace {
const void* outside_stack = nullptr;
std::size_t outside_size = 0;
}  // namespace

void Fiber::go(Place& from, Place& to) { swapcontext(&from.context, &to.context); }

void Fiber::enter(unsigned high, unsigned low) {
  auto* const fiber = reinterpret_cast<Fiber*>((std::uintptr_t{high} << 32U) | low);
  __sanitizer_finish_switch_fiber(nullptr, &outside_stack, &outside_size);
  fiber->body_();
  fiber->ended_ = true;
  __sanitizer_start_switch_fiber(nullptr, outside_stack, outside_size);
  go(fiber->inside_, fiber->outside_);
}

void Fiber::resume() {
  void* fake = nullptr;
  swap_exceptions();
  __sanitizer_start_switch_fiber(&fake, stack_, stack_size);
  go(outside_, inside_);
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
  swap_exceptions();
}

void Fiber::yield() {
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, outside_stack, outside_size);
  go(inside_, outside_);
  __sanitizer_finish_switch_fiber(fake, &outside_stack, &outside_size);
}

#else

// swapcontext(3) asks the kernel for the signal mask each time.
void Fiber::go(Place& from, Place& to) {
  if (_setjmp(from.jump) != 0) return;
  from.left = true;
  if (to.left) _longjmp(to.jump, 1);
  setcontext(&to.context);
}

void Fiber::enter(unsigned high, unsigned low) {
  auto* const fiber = reinterpret_cast<Fiber*>((std::uintptr_t{high} << 32U) | low);
  fiber->body_();
  fiber->ended_ = true;
  go(fiber->inside_, fiber->outside_);
}

void Fiber::resume() {
  swap_exceptions();
  go(outside_, inside_);
  swap_exceptions();
}

void Fiber::yield() { go(inside_, outside_); }

#endif

}  // namespace sim
