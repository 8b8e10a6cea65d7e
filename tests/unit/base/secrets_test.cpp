#include "base/secrets.h"

#include "unit/catch.h"

using chat::without_passwords;

TEST_CASE("a password in a text is hidden, whatever the URL looks like") {
  for (const std::string url :
       {"redis://ana:Secret9@h", "redis://:Secret9@h:1/0", "rediss://ana:Secret9@[::1]:6379",
        "redis-sentinel://ana:Secret9@a:1,b:2/m", "unix://ana:Secret9@/run/redis.sock",
        "REDIS://ana:Secret9@h", "reddis://ana:Secret9@h?db=1", "redis://ana:Secret9@x:Secret9@h",
        "redis://ana:Secret9/Secret9@h", "redis://ana:Secret9", "redis://Secret9@h",
        "redis://ana:%53Secret9@h", "ana:Secret9@h", ":Secret9@h", "redis:ana:Secret9@h",
        "redis:/ana:Secret9@h", "redis://ana:Secret9 Secret9@h", "redis://a:Secret9,x@h"}) {
    for (const std::string& text :
         {"\"" + url + "\" can't be that", "no " + url, "no " + url + ": why", url}) {
      INFO(text);
      CHECK(without_passwords(text).find("Secret9") == std::string::npos);
      CHECK(without_passwords(text).size() == text.size());
    }
  }
  CHECK(without_passwords("\"redis://ana:a\"Secret9@h\" x").find("Secret9") == std::string::npos);
  CHECK(without_passwords("\"ana:a Secret9@h\" x").find("Secret9") == std::string::npos);
  CHECK(without_passwords("a redis://u:pw@h b \"redis://u:pw2@h\" c") ==
        "a redis://u:**@h b \"redis://u:***@h\" c");
}

TEST_CASE("a text without passwords stays as it is") {
  for (const std::string text :
       {"", "\"", "\"\"", "can't reach Redis at redis://127.0.0.1:6379: Connection refused", "a \"b c\" d: e",
        "lost Redis at redis://[::1]:6379 (why)", "redis-sentinel://a:1,b:2/m: x", "at 14:03:00 from a@b",
        "unix:///run/redis.sock?db=0", "redis://h", "redis://h/x", "no topic \"redis://h:1\"", "://",
        "a://\""}) {
    CHECK(without_passwords(text) == text);
  }
}
