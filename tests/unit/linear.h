#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>

/// Whether work(size) takes a time that grows with the size and not with its square: four times as much may
/// take eight times as long, where a square takes sixteen. The processor's time counts, and the best of some
/// runs: how busy the machine is changes little.
template <typename Work>
bool grows_linearly(const Work& work, std::size_t size) {
  const auto time_of = [&](std::size_t how_much) {
    std::clock_t best = 0;
    for (int run = 0; run < 2; ++run) {
      const std::clock_t begin = std::clock();
      work(how_much);
      const std::clock_t took = std::clock() - begin;
      best = run == 0 ? took : std::min(best, took);
    }
    return best;
  };
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (time_of(4 * size) <= 8 * time_of(size) + CLOCKS_PER_SEC / 1000) return true;
  }
  return false;
}
