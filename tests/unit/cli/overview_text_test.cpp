#include "cli/overview_text.h"

#include <ctime>

#include "chat/entry_id.h"
#include "unit/catch.h"

using namespace chat;
using namespace std::chrono_literals;

namespace {

class InUtc {
 public:
  InUtc() { set("UTC0"); }
  ~InUtc() { set(nullptr); }
  InUtc(const InUtc&) = delete;
  InUtc& operator=(const InUtc&) = delete;

 private:
  static void set(const char* zone) {
    zone != nullptr ? setenv("TZ", zone, 1) : unsetenv("TZ");
    tzset();
  }
};

std::vector<TopicOverview> two_topics() {
  TopicOverview busy;
  busy.name = "deploys";
  busy.subscribers = 12;
  busy.kept = 3;
  busy.last_stored = 1'732'400'000'999ms;
  busy.stored = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 4};
  busy.state.last = {1'732'400'000'999, 40};
  busy.state.max_age = 5'000ms;
  busy.state.description = "what runs\x1b[2J \"where\"";
  TopicOverview quiet;
  quiet.name = "a";
  return {busy, quiet};
}

}  // namespace

TEST_CASE("the table of topics") {
  const InUtc utc;
  CHECK(overview_table(two_topics(), 0) ==
        "TOPIC    SUBSCRIBERS  MESSAGES  LAST ACTIVITY        LAST HOUR     DESCRIPTION\n"
        "deploys           12         3  2024-11-23 22:13:20   ▁▂▃▄▅▆▇█  ▄  what runs\\x1b[2J \"where\"\n"
        "a                  0         0  -\n");
  CHECK(overview_table({}, 0) == "TOPIC  SUBSCRIBERS  MESSAGES  LAST ACTIVITY  LAST HOUR  DESCRIPTION\n");
}

TEST_CASE("one message in an hour is seen") {
  TopicOverview topic;
  topic.stored[0] = 1;
  topic.stored[1] = 1000;
  CHECK(overview_table({topic}, 0).find("▁█") != std::string::npos);
}

TEST_CASE("topics as JSON") {
  CHECK(overview_json(two_topics()) ==
        R"({"topic":"deploys","subscribers":12,"messages":3,"last_id":"1732400000999-40",)"
        R"("last_hour":[0,1,2,3,4,5,6,7,8,0,0,4],"max_len":100000,"max_age_ms":5000,)"
        R"("description":"what runs\u001b[2J \"where\"","last_activity":1732400000})"
        "\n"
        R"({"topic":"a","subscribers":0,"messages":0,"last_id":"0-0",)"
        R"("last_hour":[0,0,0,0,0,0,0,0,0,0,0,0],"max_len":100000,"max_age_ms":0,)"
        R"("description":"","last_activity":null})"
        "\n");
  CHECK(overview_json({}).empty());
}

TEST_CASE("what goes on in topics now") {
  const InUtc utc;
  std::vector<TopicOverview> topics = two_topics();
  topics[0].newest = Message{EntryId{1'732'400'000'999, 40}, "花子", "it\x1b runs", 0, ""};
  topics[0].state.now = 1'732'400'060'000ms;
  topics[0].rate = 2.25;
  CHECK(activity_table(topics, 0) ==
        std::vector<std::string>{"TOPIC    SUBS  MSG/S  LAST HOUR     LAST MESSAGE",
                                 "deploys    12    2.2   ▁▂▃▄▅▆▇█  ▄  22:13:20 花子: it\\x1b runs",
                                 "a           0      -"});
  topics[0].state.now += 24h;
  CHECK(activity_table(topics, 58)[1] == "deploys    12    2.2   ▁▂▃▄▅▆▇█  ▄  2024-11-23 花子: it\\x…");
  CHECK(activity_lines(topics) == "22:14:20\tdeploys\t12\t2.2\t花子\tit\\x1b runs\n00:00:00\ta\t0\t0\t\n");
}

TEST_CASE("rates") {
  CHECK(rate_text(0) == "0");
  CHECK(rate_text(0.04) == "0.0");
  CHECK(rate_text(9.94) == "9.9");
  CHECK(rate_text(9.96) == "10");
  CHECK(rate_text(123456.7) == "123457");
}

TEST_CASE("who is there, as a table") {
  const std::vector<std::pair<std::string, Presence>> topics{
      {"topic1", {{"ana", "b\x1b", "花子"}, 2}}, {"empty", {}}, {"t", {{}, 1}}};
  CHECK(presence_table(topics, 0) ==
        "TOPIC   WHO\ntopic1  ana, b\\x1b, 花子, 2 without a name\nt       1 without a name\n");
  CHECK(presence_table(topics, 25) ==
        "TOPIC   WHO\ntopic1  ana, b\\x1b, 花子,\n        2 without a name\nt       1 without a name\n");
  CHECK(presence_table(topics, 22) ==
        "TOPIC   WHO\ntopic1  ana, b\\x1b,\n        花子,\n        2 without a\n        name\n"
        "t       1 without a\n        name\n");
  CHECK(presence_table(topics, 14) ==
        "TOPIC  WHO\ntopic1\n  ana, b\\x1b,\n  花子,\n  2 without a\n  name\n"
        "t\n  1 without a\n  name\n");
}
