#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace sim {

/// Random numbers that are the same everywhere for the same seed (SplitMix64,
/// https://prng.di.unimi.it/splitmix64.c), which std::uniform_int_distribution doesn't promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// From 0 up to, without, `end`, which must be above 0.
  std::uint64_t below(std::uint64_t end) { return next() % end; }
  bool chance(unsigned percent) { return below(100) < percent; }
  std::string_view pick(std::initializer_list<std::string_view> words) {
    return words.begin()[below(words.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace sim
