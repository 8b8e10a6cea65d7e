#pragma once

// What the raw programs share. They show what hiredis and Redis can do at most: no options, no second try,
// the first error ends them.

#include <hiredis/hiredis.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace raw {

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

/// The server on the Unix socket in $REDIS_URL.
inline redisContext* connect() {
  const char* const url = std::getenv("REDIS_URL");
  const std::string_view scheme = "unix://";
  if (url == nullptr || !std::string_view(url).starts_with(scheme)) fail("no unix:// in $REDIS_URL");
  redisContext* const redis = redisConnectUnix(url + scheme.size());
  if (redis == nullptr || redis->err != 0) fail("can't connect");
  return redis;
}

/// The next reply, which is no error. Sends first what waits to be sent.
inline redisReply* receive(redisContext* redis) {
  void* reply = nullptr;
  if (redisGetReply(redis, &reply) != REDIS_OK) fail(redis->errstr);
  redisReply* const got = static_cast<redisReply*>(reply);
  if (got->type == REDIS_REPLY_ERROR) fail(got->str);
  return got;
}

inline void send(redisContext* redis) {
  for (int done = 0; done == 0;) {
    if (redisBufferWrite(redis, &done) != REDIS_OK) fail(redis->errstr);
  }
}

inline void append_bulk(std::string& out, std::string_view bytes) {
  out += '$';
  out += std::to_string(bytes.size());
  out += "\r\n";
  out += bytes;
  out += "\r\n";
}

inline void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) fail(std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// Calls line(text) for each line of standard input, and pause() whenever the next one has to be read first.
template <typename Line, typename Pause>
void read_lines(Line line, Pause pause) {
  std::string buffer(std::size_t{64} * 1024, '\0');
  std::size_t end = 0;
  while (true) {
    if (end == buffer.size()) buffer.resize(2 * end);
    const ssize_t n = ::read(STDIN_FILENO, buffer.data() + end, buffer.size() - end);
    if (n < 0) fail(std::strerror(errno));
    if (n == 0) return;
    std::size_t scanned = end;
    end += static_cast<std::size_t>(n);
    std::string_view rest(buffer.data(), end);
    for (std::size_t at = 0; (at = rest.find('\n', scanned)) != std::string_view::npos; scanned = 0) {
      line(rest.substr(0, at));
      rest.remove_prefix(at + 1);
    }
    std::memmove(buffer.data(), rest.data(), rest.size());
    end = rest.size();
    pause();
  }
}

}  // namespace raw
