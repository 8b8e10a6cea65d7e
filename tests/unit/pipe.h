#pragma once

#include <unistd.h>

#include <string>
#include <string_view>

#include "unit/catch.h"

/// Both ends of a pipe, open until they are closed or gone.
struct Pipe {
  int in = -1;
  int out = -1;

  /// flags: those of pipe2(2).
  explicit Pipe(int flags = 0) {
    int fds[2];
    REQUIRE(pipe2(fds, flags) == 0);
    in = fds[0];
    out = fds[1];
  }
  ~Pipe() {
    close_in();
    close_out();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_in() {
    if (in >= 0) close(in);
    in = -1;
  }
  void close_out() {
    if (out >= 0) close(out);
    out = -1;
  }
  void write(std::string_view bytes) const {
    REQUIRE(::write(out, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  /// So many bytes, fewer at the end.
  std::string read(std::size_t size) const {
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::read(in, bytes.data() + done, size - done);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    bytes.resize(done);
    return bytes;
  }
};
