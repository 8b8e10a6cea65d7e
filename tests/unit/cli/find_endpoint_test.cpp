#include "cli/find_endpoint.h"

#include <unistd.h>

#include <cstdlib>
#include <map>

#include "base/error.h"
#include "unit/failure.h"

using namespace chat;
using namespace chat::cli;

namespace {

using Variables = std::map<std::string, std::string>;

Endpoint found(const Variables& variables, const std::optional<std::string>& url = std::nullopt,
               const std::optional<std::string>& password_file = std::nullopt) {
  return find_endpoint(url, password_file, {}, [&](const char* name) -> const char* {
    const auto variable = variables.find(name);
    return variable == variables.end() ? nullptr : variable->second.c_str();
  });
}

std::string refused_variables(const Variables& variables) {
  try {
    found(variables);
  } catch (const Error& error) {
    CHECK(error.failure() == Failure::usage);
    return error.what();
  }
  return "accepted";
}

class PasswordFile {
 public:
  explicit PasswordFile(std::string_view content) {
    char name[] = "/tmp/chat-password-XXXXXX";
    const int fd = ::mkstemp(name);
    REQUIRE(fd >= 0);
    path_ = name;
    CHECK(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    ::close(fd);
  }
  PasswordFile(const PasswordFile&) = delete;
  PasswordFile& operator=(const PasswordFile&) = delete;
  ~PasswordFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Failure password_failure(const std::string& path, std::string& text) {
  try {
    found({}, std::nullopt, path);
  } catch (const Error& error) {
    text = error.what();
    return error.failure();
  }
  return Failure::again;
}

}  // namespace

TEST_CASE("where the endpoint comes from, first to last") {
  const Variables all = {
      {"REDIS_URL", "redis://from-url"}, {"REDIS_HOST", "from-host"}, {"REDIS_PORT", "7000"}};
  CHECK(found(all, "redis://from-option").str() == "redis://from-option:6379");
  CHECK(found(all).str() == "redis://from-url:6379");
  CHECK(found({{"REDIS_URL", ""}, {"REDIS_HOST", "from-host"}, {"REDIS_PORT", "7000"}}).str() ==
        "redis://from-host:7000");
  CHECK(found({{"REDIS_HOST", "from-host"}, {"REDIS_PORT", ""}}).str() == "redis://from-host:6379");
  CHECK(found({{"REDIS_HOST", ""}, {"REDIS_PORT", "7000"}}).str() == "redis://127.0.0.1:7000");
  CHECK(found({}).str() == "redis://127.0.0.1:6379");
}

TEST_CASE("REDIS_HOST and REDIS_PORT as people and container links set them") {
  CHECK(found({{"REDIS_PORT", "tcp://172.17.0.2:6380"}}).str() == "redis://172.17.0.2:6380");
  CHECK(found({{"REDIS_HOST", "db"}, {"REDIS_PORT", "tcp://172.17.0.2:6380"}}).str() == "redis://db:6380");
  CHECK(found({{"REDIS_PORT", "tcp://[::1]:6380"}}).str() == "redis://[::1]:6380");
  CHECK(found({{"REDIS_HOST", "::1"}}).host == "::1");
  CHECK(found({{"REDIS_HOST", "[::1]"}}).host == "::1");
  for (const char* port : {"0", "65536", "x", "-1", "tcp://h:x", "udp://h:53", "6379 "}) {
    INFO(port);
    CHECK(refused_variables({{"REDIS_PORT", port}}).starts_with("$REDIS_PORT is \""));
  }
  CHECK(refused_variables({{"REDIS_PORT", "65536"}}) ==
        "$REDIS_PORT is \"65536\", neither a number from 1 to 65535 nor tcp://host:port");
  CHECK(refused_variables({{"REDIS_HOST", "h:6379"}}) ==
        "$REDIS_HOST is \"h:6379\", not a host's name or address; a port goes into $REDIS_PORT");
  CHECK(refused_variables({{"REDIS_HOST", "redis://ana:s3cret@h"}}) ==
        "$REDIS_HOST is \"redis://ana:…@h\", not a host's name or address; a URL goes into $REDIS_URL");
  CHECK(refused_variables({{"REDIS_HOST", "[h]"}}) == "$REDIS_HOST is \"[h]\", not a host's name or address");
  CHECK(refused_variables({{"REDIS_URL", "redis://a:s3cret@h/1"}})
            .starts_with("$REDIS_URL: the Redis URL \"redis://a:…@h/1\" asks for database 1"));
}

TEST_CASE("blanks and line ends around variables do no harm") {
  CHECK(found({{"REDIS_URL", " redis://h\r\n"}}).str() == "redis://h:6379");
  CHECK(found({{"REDIS_HOST", "h\n"}}).str() == "redis://h:6379");
  CHECK(found({{"REDIS_URL", "\n"}, {"REDIS_HOST", "h"}}).str() == "redis://h:6379");
  CHECK(has(refused_variables({{"REDIS_HOST", "a b"}}), "not a host's name or address"));
}

TEST_CASE("the password comes from the file, the URL, then REDISCLI_AUTH") {
  const PasswordFile file("from file \n second line");
  const Variables variables = {{"REDISCLI_AUTH", "from-variable"}};
  CHECK(found(variables, "redis://ana:from-url@h", file.path()).password == "from file ");
  CHECK(found(variables, "redis://ana:from-url@h", file.path()).user == "ana");
  CHECK(found(variables, "redis://ana:from-url@h").password == "from-url");
  CHECK(found(variables, "redis://ana@h").password == "from-variable");
  CHECK(found(variables).password == "from-variable");
  CHECK_FALSE(found({{"REDISCLI_AUTH", ""}}).password);
}

TEST_CASE("files for TLS are given, or come from variables, a certificate with its key") {
  const auto files = [](const std::string& url, const TlsFiles& given, const Variables& variables) {
    const auto getenv = [&](const char* name) -> const char* {
      const auto at = variables.find(name);
      return at == variables.end() ? nullptr : at->second.c_str();
    };
    const TlsFiles found = find_endpoint(url, std::nullopt, given, getenv).tls_files;
    return found.cacert + ' ' + found.cert + ' ' + found.key;
  };
  const Variables all = {{"REDIS_TLS_CACERT", "A"}, {"REDIS_TLS_CERT", "C"}, {"REDIS_TLS_KEY", "K"}};
  CHECK(files("rediss://h", {}, {}) == "  ");
  CHECK(files("rediss://h", {}, all) == "A C K");
  CHECK(files("rediss-sentinel://h/m", {"a", "", ""}, all) == "a C K");
  CHECK(files("rediss://h", {"", "c", "k"}, all) == "A c k");
  CHECK(files("redis://h", {}, all) == "  ");
  for (const TlsFiles& half : {TlsFiles{"", "c", ""}, TlsFiles{"", "", "k"}}) {
    CHECK(error_of([&] { files("rediss://h", half, all); }).failure() == Failure::usage);
  }
  for (const TlsFiles& given : {TlsFiles{"a", "", ""}, TlsFiles{"", "c", "k"}}) {
    CHECK(error_of([&] { files("redis://h", given, {}); }).failure() == Failure::usage);
    CHECK(error_of([&] { files("unix:///s", given, {}); }).failure() == Failure::usage);
  }
  CHECK(parse_url("rediss-sentinel://h/m").tls);
  CHECK(parse_url("rediss-sentinel://ana:x@h/m").str() == "rediss-sentinel://ana@h:26379/m");
}

TEST_CASE("sentinels have a password of their own") {
  const Endpoint endpoint = found({{"REDIS_SENTINEL_AUTH", "theirs"}}, "redis-sentinel://:ours@h/m");
  CHECK(endpoint.password == "ours");
  CHECK(endpoint.sentinel_password == "theirs");
  CHECK_FALSE(found({{"REDISCLI_AUTH", "ours"}}, "redis-sentinel://h/m").sentinel_password);
}

TEST_CASE("a password file that gives no password") {
  const PasswordFile without_newline("secret");
  CHECK(found({}, std::nullopt, without_newline.path()).password == "secret");
  const PasswordFile from_windows("\xef\xbb\xbfsecret\r\nmore");
  CHECK(found({}, std::nullopt, from_windows.path()).password == "secret");
  CHECK(found({}, std::nullopt, from_windows.path()).password_file == from_windows.path());
  std::string text;
  const PasswordFile empty("\nsecret");
  CHECK(password_failure(empty.path(), text) == Failure::file);
  CHECK(has(text, "has an empty first line"));
  CHECK(password_failure("/nonexistent/password", text) == Failure::file);
  CHECK(text == "can't read the password file \"/nonexistent/password\": No such file or directory");
  CHECK(password_failure("/", text) == Failure::file);
  CHECK(text == "can't read the password file \"/\": Is a directory");
}

TEST_CASE("a user in the URL stays hidden with a password from elsewhere") {
  CHECK(found({{"REDISCLI_AUTH", "x"}}, "redis://s3cret@h").str() == "redis://…@h:6379");
}
