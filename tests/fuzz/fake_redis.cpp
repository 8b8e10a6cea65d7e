#include "fuzz/fake_redis.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "fuzz/target.h"

namespace fuzz {

namespace {

constexpr std::string_view hello = "*4\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n";

struct FakeRedis {
  std::vector<std::string> answers;  // by connection; the last one goes on
  std::size_t connections = 0;
  std::vector<int> ends;  // of the server, which reads nothing
};

FakeRedis& fake() {
  static FakeRedis fake;
  return fake;
}

void append_line(std::string& out, std::string_view line) {
  if (line.starts_with('$')) {
    out += "$" + std::to_string(line.size() - 1) + "\r\n";
    line.remove_prefix(1);
  } else if (line == "_") {
    line = "*-1";
  }
  out += line;
  out += "\r\n";
}

// In the place of the system's: the socket becomes one end of a pair.
int connect_to_fake(int fd) {
  int pair[2] = {-1, -1};
  if (fake().connections >= 50) errno = ECONNREFUSED;  // enough
  if (fake().connections >= 50 ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
    return -1;
  const std::vector<std::string>& answers = fake().answers;
  const std::string& answer = answers[std::min(fake().connections++, answers.size() - 1)];
  static_cast<void>(write(pair[1], answer.data(), answer.size()) >= 0);
  shutdown(pair[1], SHUT_WR);
  dup2(pair[0], fd);
  close(pair[0]);
  fake().ends.push_back(pair[1]);
  return 0;
}

// By the bytes, not with the functions that are tried here.
void check_address(std::string_view host, const char* port) {
  constexpr std::string_view no_part_of_a_host = " /@?#,'\"\\";
  check(!host.empty() && !host.starts_with('-') && harmless(host), "a host is looked up", host);
  check(host.find_first_of(no_part_of_a_host) == host.npos, "a host is looked up", host);
  char* end = nullptr;
  const long number = std::strtol(port, &end, 10);
  check(*end == '\0' && number >= 1 && number <= 65535, "a port is connected to", port);
}

}  // namespace

void answer_with(std::string_view lines, bool says_hello) {
  const std::string begin(says_hello ? hello : "");
  for (const int end : fake().ends) close(end);
  fake() = {{begin}, 0, {}};
  for (Input input(lines); !input.empty();) {
    const std::string_view line = input.line();
    if (line == "==") {
      fake().answers.push_back(begin);
    } else {
      append_line(fake().answers.back(), line);
    }
  }
}

}  // namespace fuzz

extern "C" {

int connect(int fd, const sockaddr*, socklen_t) { return fuzz::connect_to_fake(fd); }

int getaddrinfo(const char* node, const char* service, const addrinfo*, addrinfo** found) {
  fuzz::check_address(node, service);
  *found = static_cast<addrinfo*>(std::calloc(1, sizeof(addrinfo)));
  (*found)->ai_family = AF_UNIX;
  return 0;
}

void freeaddrinfo(addrinfo* list) { std::free(list); }
}
