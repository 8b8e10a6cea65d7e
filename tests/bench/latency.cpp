// latency COUNT REPORT: how long a line takes from standard output to standard input, COUNT times:
//
//   chat-sub t --raw | latency 5000 report | chat-pub t
//
// Writes the microseconds, one number a line, to the file REPORT. Each line waits until all is idle again.

#include <chrono>
#include <fstream>
#include <thread>

#include "raw.h"

int main(int argc, char** argv) {
  if (argc != 3) raw::fail("latency COUNT REPORT");
  using std::chrono::steady_clock;
  constexpr auto rest = std::chrono::milliseconds(1);
  std::ofstream report(argv[2]);
  std::string got(4096, '\0');
  for (long i = 0; i < std::atol(argv[1]); ++i) {
    const std::string line = std::to_string(10'000'000 + i) + " is a line of 31 bytes.\n";
    std::this_thread::sleep_for(rest);
    const auto start = steady_clock::now();
    raw::write_all(STDOUT_FILENO, line);
    std::size_t size = 0;
    while (size == 0 || got[size - 1] != '\n') {
      const ssize_t n = ::read(STDIN_FILENO, got.data() + size, got.size() - size);
      if (n <= 0) raw::fail("nothing came back");
      size += static_cast<std::size_t>(n);
    }
    const std::chrono::duration<double, std::micro> took = steady_clock::now() - start;
    if (std::string_view(got.data(), size) != line) raw::fail("another line came back");
    report << took.count() << '\n';
  }
}
