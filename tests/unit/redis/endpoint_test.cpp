#include "redis/endpoint.h"

#include "base/error.h"
#include "base/secrets.h"
#include "unit/failure.h"

using namespace chat;

namespace {

// What parse_url says against a URL; "accepted" if nothing.
std::string refusal(std::string_view url) {
  try {
    parse_url(url);
  } catch (const Error& error) {
    CHECK(error.failure() == Failure::usage);
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a URL's parts all have defaults") {
  for (const char* url : {"redis://", "redis:///", "redis://127.0.0.1", "redis://127.0.0.1:6379",
                          "redis:///0", "redis://127.0.0.1:6379/0", "REDIS://", "redis://?db=0"}) {
    INFO(url);
    const Endpoint endpoint = parse_url(url);
    CHECK(endpoint.host == "127.0.0.1");
    CHECK(endpoint.port == 6379);
    CHECK(endpoint.socket.empty());
    CHECK_FALSE(endpoint.tls);
    CHECK(endpoint.user.empty());
    CHECK_FALSE(endpoint.password);
    CHECK(endpoint.sentinels.empty());
    CHECK(endpoint.str() == "redis://127.0.0.1:6379");
  }
}

TEST_CASE("a URL with everything") {
  const Endpoint endpoint = parse_url("rediss://ana:s3cret@redis.example.com:6380/0");
  CHECK(endpoint.host == "redis.example.com");
  CHECK(endpoint.port == 6380);
  CHECK(endpoint.tls);
  CHECK(endpoint.user == "ana");
  CHECK(endpoint.password == "s3cret");
  CHECK(endpoint.str() == "rediss://ana@redis.example.com:6380");
}

TEST_CASE("user and password") {
  CHECK(parse_url("redis://:pw@h").user.empty());
  CHECK(parse_url("redis://:pw@h").password == "pw");
  CHECK(parse_url("redis://ana@h").user == "ana");
  CHECK_FALSE(parse_url("redis://ana@h").password);
  CHECK_FALSE(parse_url("redis://ana:@h").password);
  CHECK(parse_url("redis://a%40b:p%3Aq%2F%23%3f%25@h").user == "a@b");
  CHECK(parse_url("redis://a%40b:p%3Aq%2F%23%3f%25@h").password == "p:q/#?%");
  CHECK(parse_url("redis://a:b:c@h").password == "b:c");
  CHECK(parse_url("redis://a%40b:pw@h").str() == "redis://a%40b@h:6379");
  CHECK(parse_url("unix://a%2Fb:pw@/socket").str() == "unix://a%2Fb@/socket");
}

TEST_CASE("what may be a password in the place of a user is not shown") {
  CHECK(parse_url("redis://s3cret@h").user == "s3cret");
  CHECK(parse_url("redis://s3cret@h").str() == "redis://…@h:6379");
  CHECK(parse_url("redis://s3cret:@h").str() == "redis://…@h:6379");
  CHECK(parse_url("unix://s3cret@/tmp/s").str() == "unix://…@/tmp/s");
  CHECK(has(refusal("redis://s3cret@h/1"), "\"redis://…@h/1\""));
}

TEST_CASE("valkey is another name for redis") {
  CHECK(parse_url("valkey://h").str() == "redis://h:6379");
  CHECK(parse_url("valkeys://h:1").str() == "rediss://h:1");
  CHECK(has(refusal("valkeyss://h"), "unknown scheme"));
}

TEST_CASE("an IPv6 address stands in brackets") {
  CHECK(parse_url("redis://[::1]").host == "::1");
  CHECK(parse_url("redis://[::1]").port == 6379);
  CHECK(parse_url("redis://u:p@[fe80::1%eth0]:7000").host == "fe80::1%eth0");
  CHECK(parse_url("redis://u:p@[fe80::1%eth0]:7000").port == 7000);
  CHECK(parse_url("redis://[::1]:6379").str() == "redis://[::1]:6379");
  CHECK(has(refusal("redis://[::1"), "lacks the ']'"));
  CHECK(has(refusal("redis://[]"), "no IPv6 address"));
  CHECK(has(refusal("redis://[localhost]"), "no IPv6 address"));
  CHECK(has(refusal("redis://[::1]6379"), "no port"));
  CHECK(has(refusal("redis://::1:6379"), "an IPv6 address stands in brackets"));
}

TEST_CASE("ports") {
  CHECK(parse_url("redis://h:1").port == 1);
  CHECK(parse_url("redis://h:65535").port == 65535);
  CHECK(parse_url("redis://:7000").host == "127.0.0.1");
  CHECK(parse_url("redis://:7000").port == 7000);
  for (const char* url :
       {"redis://h:0", "redis://h:65536", "redis://h:", "redis://h:x", "redis://h:-1", "redis://h:6379x",
        "redis://h: 1", "redis://h:+1", "redis://h:99999999999999999999"}) {
    INFO(url);
    CHECK(has(refusal(url), "has no port from 1 to 65535"));
  }
  CHECK(has(refusal("redis://h:65536/0"), "\"redis://h:65536/0\""));
}

TEST_CASE("Unix sockets") {
  const Endpoint endpoint = parse_url("unix:///run/redis/my%20redis.sock?db=0");
  CHECK(endpoint.socket == "/run/redis/my redis.sock");
  CHECK(endpoint.str() == "unix:///run/redis/my%20redis.sock");
  CHECK(parse_url("unix:///tmp/a@b:c.sock").socket == "/tmp/a@b:c.sock");
  CHECK(parse_url("unix://ana:pw@/tmp/s").password == "pw");
  CHECK(parse_url("unix://ana:pw@/tmp/s").str() == "unix://ana@/tmp/s");
  CHECK(has(refusal("unix://path"), "needs the whole path"));
  CHECK(has(refusal("unix://"), "needs the whole path"));
  CHECK(has(refusal("unix:///"), "doesn't name a socket"));
  CHECK(has(refusal("unix:///a%00b"), "doesn't name a socket"));
  CHECK(has(refusal("unix:///a?db=3"), "asks for database 3"));
  CHECK(has(refusal("unix:///a?timeout=3"), "isn't known"));
  CHECK(refusal("unix:///" + std::string(106, 'x')) == "accepted");
  CHECK(has(refusal("unix:///" + std::string(107, 'x')), "longer than 107 bytes"));
}

TEST_CASE("Sentinels") {
  const Endpoint endpoint = parse_url("redis-sentinel://ana:pw@s1:26380,[::1],s3:1/my%20master/0");
  using Place = std::pair<std::string, std::uint16_t>;
  CHECK(endpoint.sentinels == std::vector<Place>{{"s1", 26380}, {"::1", 26379}, {"s3", 1}});
  CHECK(endpoint.master == "my master");
  CHECK(endpoint.user == "ana");
  CHECK(endpoint.password == "pw");
  CHECK(endpoint.str() == "redis-sentinel://ana@s1:26380,[::1]:26379,s3:1/my%20master");
  CHECK(parse_url("redis-sentinel://s1/a%2fb").str() == "redis-sentinel://s1:26379/a%2Fb");
  CHECK(has(refusal("redis-sentinel://s1"), "lacks the master's name"));
  CHECK(has(refusal("redis-sentinel://s1/"), "lacks the master's name"));
  CHECK(has(refusal("redis-sentinel:///m"), "lacks a sentinel's host"));
  CHECK(has(refusal("redis-sentinel://a,/m"), "lacks a sentinel's host"));
  CHECK(has(refusal("redis-sentinel://a,,b/m"), "lacks a sentinel's host"));
  CHECK(has(refusal("redis-sentinel://a:x,b/m"), "no port"));
  CHECK(has(refusal("redis-sentinel://a/m/2"), "asks for database 2"));
}

TEST_CASE("a database other than 0 is refused, with the reason") {
  CHECK(refusal("redis://h/1") ==
        "the Redis URL \"redis://h/1\" asks for database 1: only 0 works, since Pub/Sub ignores database "
        "numbers and topics would mix");
  CHECK(has(refusal("redis://h/x"), "something other than a database number"));
  CHECK(has(refusal("redis://h/0/0"), "something other than a database number"));
}

TEST_CASE("an unknown scheme is answered with the forms") {
  for (const char* url : {"http://h", "redis+tls://h", "tcp://h:1"}) {
    INFO(url);
    CHECK(has(refusal(url), "unknown scheme"));
    CHECK(has(refusal(url), url));
    CHECK(has(refusal(url), "redis-sentinel://"));
  }
  for (const char* url : {"", "localhost", "localhost:6379", "redis:", "redis:/h", "://h"}) {
    INFO(url);
    CHECK(has(refusal(url), "has no scheme"));
    CHECK(has(refusal(url), "unix:///path"));
    const std::string text = refusal(url);
    const std::string forms = text.substr(text.find("the forms are"));
    CHECK(without_passwords(forms) == forms);
  }
}

TEST_CASE("what has to be percent-encoded") {
  CHECK(has(refusal("redis://u:p%4@h"), "%25"));
  CHECK(has(refusal("redis://u:p%zz@h"), "%25"));
  CHECK(has(refusal("redis://u:p%@h"), "%25"));
  CHECK(has(refusal("redis://u%:p@h"), "%25"));
  CHECK(has(refusal("unix:///a%2"), "%25"));
  CHECK(has(refusal("redis://u:p/q@h"), "%2F"));
  CHECK(has(refusal("redis://u:p?q@h"), "%3F"));
  CHECK(has(refusal("redis://u:p#q@h"), "%23"));
  CHECK(has(refusal("redis://u:p@q@h"), "%40"));
  CHECK(has(refusal("redis://h#x"), "%23"));
  CHECK(has(refusal("redis://h,i"), "can't be in a host's name"));
  CHECK(has(refusal("redis://h h"), "can't be in a host's name"));
}

TEST_CASE("no error shows a password, however malformed the URL is") {
  for (const char* url : {"redis://ana:s3cret@h:x",
                          "redis://s3cret@h:x",
                          "s3cret@h",
                          "unix://s3cret@path",
                          "redis://ana:s3cret@h/1",
                          "redis://:s3cret@h:0",
                          "http://ana:s3cret@h",
                          "redis:/ana:s3cret@h",
                          "redis:ana:s3cret@h",
                          "ana:s3cret@h",
                          "redis://ana:s3cret%@h",
                          "redis://ana:%zz:s3cret@h",
                          "redis://ana:s3cret/x@h",
                          "redis://ana:x/s3cret@h",
                          "redis://ana:x?s3cret@h",
                          "redis://ana:x#s3cret@h",
                          "redis://ana:x@s3cret@h",
                          "redis://ana:x@y:s3cret@h",
                          "redis://ana:s3cret",
                          "redis://:s3cret",
                          "redis:s3cret",
                          "redis://ana:s3cret/0",
                          "redis://h@ana:s3cret",
                          "redis://h?password=s3cret",
                          "unix:///s?password=s3cret",
                          "unix://ana:s3cret@path",
                          "redis-sentinel://ana:s3cret@h",
                          "redis-sentinel://a:1,b:s3cret/m",
                          "redis://[::1]:s3cret",
                          "redis://[x:s3cret@h"}) {
    INFO(url);
    const std::string text = refusal(url);
    CHECK(text != "accepted");
    CHECK_FALSE(has(text, "s3cret"));
  }
  CHECK(has(refusal("redis://ana:s3cret@h/1"), "\"redis://ana:…@h/1\""));
  CHECK_FALSE(has(parse_url("redis://ana:s3cret@h").str(), "s3cret"));
}
