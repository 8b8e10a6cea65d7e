#include "process/command.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "unit/catch.h"
#include "unit/folder.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

struct Variables {
  std::map<std::string, std::string> values;
  explicit Variables(std::map<std::string, std::string> variables) : values(std::move(variables)) {
    for (const auto& [name, value] : values) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variables() {
    for (const auto& [name, value] : values) unsetenv(name.c_str());
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;
};

std::optional<std::string> run(const std::string& command, const std::string& input = "") {
  return CommandRunner().run(command, input, std::nullopt, [] {});
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

}  // namespace

TEST_CASE("a command's end is told") {
  CHECK(run("true") == std::nullopt);
  CHECK(run("exit 3") == "exit status 3");
  CHECK(run("kill -KILL $$") == "signal 9");
  CHECK(run("exec /no/such/program 2>&-") == "exit status 127");
}

TEST_CASE("a command gets the exact bytes") {
  const Folder folder;
  const std::string input("a\0b\n\xff\n", 6);
  REQUIRE(run("cat >'" + folder / "copy'", input) == std::nullopt);
  CHECK(content(folder / "copy") == input);
  REQUIRE(run("cat >'" + folder / "copy'") == std::nullopt);
  CHECK(content(folder / "copy").empty());
}

TEST_CASE("a big input arrives whole") {
  CHECK(run("test $(wc -c) = 5000000", std::string(5'000'000, 'x')) == std::nullopt);
}

TEST_CASE("a command may leave its input unread") {
  CHECK(run("true", std::string(5'000'000, 'x')) == std::nullopt);
  CHECK(run("exec <&-; exit 4", std::string(5'000'000, 'x')) == "exit status 4");
}

TEST_CASE("a command has SIGPIPE as the system sets it, though this program ignores it") {
  auto* const before = signal(SIGPIPE, SIG_IGN);
  CHECK(run("kill -PIPE $$; exit 5") == "signal 13");
  signal(SIGPIPE, before);
}

TEST_CASE("keep is called as long as a command runs") {
  const Folder folder;
  const std::string path = folder / "fifo";
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const int fifo = open(path.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(fifo >= 0);
  int calls = 0;
  ssize_t written = 0;
  // The command ends when the third call has let it.
  CommandRunner runner;
  const auto result = runner.run("timeout 20 head -n 1 '" + path + "' >/dev/null; exit 6", "", 1ms, [&] {
    if (++calls == 3) written = write(fifo, "\n", 1);
  });
  close(fifo);
  CHECK(written == 1);
  CHECK(calls >= 3);
  CHECK(result == "exit status 6");
}

TEST_CASE("a command leaves no descriptors open") {
  const auto before = open_descriptors();
  run("true", "input");
  CommandRunner().run("exit 1", "input", 1ms, [] {});
  CHECK(open_descriptors() == before);
}

TEST_CASE("a command inherits no passwords, but the rest of the environment") {
  const Variables variables({{"REDISCLI_AUTH", "Secret9"},
                             {"REDIS_SENTINEL_AUTH", "Secret9"},
                             {"REDIS_URL", "redis://ana:Secret9@h:1/0"},
                             {"REDIS_HOST", "other"}});
  CHECK(run("! env | grep Secret9") == std::nullopt);
  CHECK(run("test \"$REDIS_URL $REDIS_HOST\" = 'redis://ana@h:1/0 other'") == std::nullopt);
  setenv("REDIS_URL", "redis://:Secret9@h", 1);
  CHECK(run("test \"$REDIS_URL\" = redis://h") == std::nullopt);
  setenv("REDIS_URL", "redis://h:1", 1);
  CHECK(run("test \"$REDIS_URL\" = redis://h:1") == std::nullopt);
}
