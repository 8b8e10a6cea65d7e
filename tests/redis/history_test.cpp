#include "chat/history.h"

#include <algorithm>

#include "base/error.h"
#include "chat/entry_id.h"
#include "fixture.h"

using namespace chat;

namespace {

using Numbers = std::vector<std::uint64_t>;

struct Pages {
  Numbers numbers;  // the n of all entries
  std::vector<std::size_t> sizes;
};

Pages read(Connection& connection, const std::string& topic, const History::Range& range) {
  History history(topic, range);
  Pages pages;
  CHECK_FALSE(history.asked());
  for (history.ask(connection); history.asked();) {
    const Reply page = history.take(connection, {});
    pages.sizes.push_back(page.view().size());
    for (std::size_t i = 0; i < page.view().size(); ++i) pages.numbers.push_back(entry_id(page[i]).n);
  }
  return pages;
}

Numbers sequence(std::uint64_t from, std::uint64_t to) {
  Numbers numbers;
  for (std::uint64_t n = from; n <= to; ++n) numbers.push_back(n);
  return numbers;
}

void fill(Connection& connection, const std::string& topic, std::uint64_t count, std::size_t bytes) {
  for (std::uint64_t n = 1; n <= count; ++n) {
    add_entry(connection, topic, EntryId{1000 + n / 10, n}.str(), std::string(bytes, 'x'));
  }
}

/// What parse_entry makes of an entry with these fields.
struct Parsed {
  bool readable;
  Message message;
  std::string why;
};
Parsed parse(Connection& connection, const std::string& topic,
             std::initializer_list<std::string_view> fields) {
  std::vector<std::string_view> command{"XADD", stream_key(topic), "*"};
  const std::string key = stream_key(topic);
  command[1] = key;
  command.insert(command.end(), fields.begin(), fields.end());
  ask(connection, {"DEL", key});
  connection.append(command);
  throw_if_error(connection.receive(soon(), {}).view());
  const Reply entries = ask(connection, {"XRANGE", key, "-", "+"});
  Parsed parsed{};
  parsed.message.user = "left from before";
  parsed.message.pub = "left-1";
  parsed.readable = parse_entry(entries[0], parsed.message, parsed.why);
  CHECK(parsed.message.id == entry_id(entries[0]));
  return parsed;
}

}  // namespace

TEST_CASE("a stream without entries") {
  Connection connection = connect();
  const Pages pages = read(connection, "history_test/empty", {});
  CHECK(pages.numbers.empty());
  CHECK(pages.sizes == std::vector<std::size_t>{0});
  CHECK(newest_id(connection, "history_test/empty", {}) == first_id);
  CHECK(before_last(connection, "history_test/empty", 5, {}) == first_id);
}

TEST_CASE("pages hold all entries once, in order") {
  Connection connection = connect();
  const std::string topic = "history_test/pages";
  fill(connection, topic, 6000, 1);
  const Pages forward = read(connection, topic, {});
  CHECK(forward.numbers == sequence(1, 6000));
  REQUIRE(forward.sizes.size() >= 4);
  CHECK(forward.sizes[0] == 50);
  CHECK(forward.sizes[1] >= 200);
  // Up to twice as many where an answer takes its time.
  for (const std::size_t size : forward.sizes) CHECK(size <= 4000);

  Numbers backward = sequence(1, 6000);
  std::reverse(backward.begin(), backward.end());
  CHECK(read(connection, topic, {.reverse = true}).numbers == backward);
}

TEST_CASE("a full last page is followed by an empty one") {
  Connection connection = connect();
  fill(connection, "history_test/full", 50, 1);
  CHECK(read(connection, "history_test/full", {}).sizes == std::vector<std::size_t>{50, 0});
  CHECK(read(connection, "history_test/full", {.reverse = true}).sizes == std::vector<std::size_t>{50, 0});
}

TEST_CASE("a range excludes its beginning and includes its end") {
  Connection connection = connect();
  const std::string topic = "history_test/range";
  fill(connection, topic, 9, 1);
  CHECK(read(connection, topic, {.after = {1000, 3}, .to = {1000, 6}}).numbers == Numbers{4, 5, 6});
  CHECK(read(connection, topic, {.after = {1000, 3}, .to = {1000, 6}, .reverse = true}).numbers ==
        Numbers{6, 5, 4});
  CHECK(read(connection, topic, {.after = {1000, 9}}).numbers.empty());
  CHECK(read(connection, topic, {.to = {999, 0}}).numbers.empty());
}

TEST_CASE("pages follow the bytes seen") {
  Connection connection = connect();
  const std::string topic = "history_test/bytes";
  fill(connection, topic, 70, 100'000);
  const Pages pages = read(connection, topic, {});
  CHECK(pages.numbers == sequence(1, 70));
  CHECK(pages.sizes.front() == 50);
  for (std::size_t i = 1; i < pages.sizes.size(); ++i) CHECK(pages.sizes[i] <= 10);
}

TEST_CASE("several pages under way leave nothing out, however uneven the times of the entries are") {
  Connection connection = connect();
  const std::string topic = "history_test/ahead";
  const auto stored = [&](std::uint64_t from, std::uint64_t count, const auto& ms_of) {
    for (std::uint64_t n = from; n < from + count; ++n)
      add_entry(connection, topic, EntryId{ms_of(n), n}.str(), "x");
  };
  stored(1, 400, [](std::uint64_t n) { return 1'000'000 + n / 3; });         // evenly
  stored(401, 300, [](std::uint64_t n) { return 2'000'000 + n; });           // after a gap
  stored(701, 600, [](std::uint64_t) { return std::uint64_t{2'100'000}; });  // at once
  stored(1301, 50, [](std::uint64_t n) { return 3'000'000 + 1000 * n; });    // seldom
  stored(1351, 250, [](std::uint64_t n) { return 5'000'000 + n * n / 100; });
  const EntryId end{1ULL << 40U, 1600};
  add_entry(connection, topic, end.str(), "x");
  for (const EntryId to : {end, EntryId{5'000'300, 1500}, EntryId{2'100'000, 1000}}) {
    History history(topic, {.to = to}, 8);
    Numbers numbers;
    for (history.ask(connection); history.asked();) {
      const Reply page = history.take(connection, {}, true);
      for (std::size_t i = 0; i < page.view().size(); ++i) numbers.push_back(entry_id(page[i]).n);
    }
    Numbers expected;
    const Reply all = ask(connection, {"XRANGE", stream_key(topic), "-", to.str()});
    for (std::size_t i = 0; i < all.view().size(); ++i) expected.push_back(entry_id(all[i]).n);
    CHECK(numbers == expected);
  }
}

TEST_CASE("a page asked for can be dropped, and the connection used") {
  Connection connection = connect();
  const std::string topic = "history_test/drop";
  fill(connection, topic, 60, 1);
  History history(topic, {});
  history.ask(connection);
  history.take(connection, {});
  REQUIRE(history.asked());
  history.drop(connection, {});
  CHECK_FALSE(history.asked());
  CHECK(ask(connection, {"PING"}).view().text() == "PONG");
  history.drop(connection, {});
  CHECK(ask(connection, {"PING"}).view().text() == "PONG");
}

TEST_CASE("a key of another type is an error") {
  Connection connection = connect();
  ask(connection, {"SET", stream_key("history_test/type"), "x"});
  History history("history_test/type", {});
  history.ask(connection);
  CHECK(error_of([&] { history.take(connection, {}); }).failure() == Failure::unreachable);
  CHECK_FALSE(history.asked());
}

TEST_CASE("where the last entries begin") {
  Connection connection = connect();
  const std::string topic = "history_test/last";
  fill(connection, topic, 300, 1);
  const auto last = [&](std::uint64_t count) {
    return read(connection, topic, {.after = before_last(connection, topic, count, {})}).numbers;
  };
  CHECK(newest_id(connection, topic, {}) == EntryId{1030, 300});
  CHECK(last(0).empty());
  CHECK(last(1) == sequence(300, 300));
  CHECK(last(50) == sequence(251, 300));
  CHECK(last(51) == sequence(250, 300));
  CHECK(last(300) == sequence(1, 300));
  CHECK(last(1000) == sequence(1, 300));
  CHECK(ask(connection, {"PING"}).view().text() == "PONG");
}

TEST_CASE("entries of any shape") {
  Connection connection = connect();
  const std::string topic = "history_test/shapes";
  const Parsed whole = parse(connection, topic,
                             {"user", "ana", "message", "a\xff\n", "timestamp", "1732400000", "pub", "p-1"});
  CHECK(whole.readable);
  CHECK(whole.message.user == "ana");
  CHECK(whole.message.text == "a\xff\n");
  CHECK(whole.message.timestamp == 1732400000);
  CHECK(whole.message.pub == "p-1");

  const Parsed bare = parse(connection, topic, {"message", ""});
  CHECK(bare.readable);
  CHECK(bare.message.text.empty());
  CHECK(bare.message.user == "?");
  CHECK(bare.message.pub.empty());
  CHECK(bare.message.timestamp == static_cast<std::int64_t>(bare.message.id->ms / 1000));

  const Parsed odd = parse(connection, topic, {"timestamp", "soon", "x", "y", "message", "m"});
  CHECK(odd.readable);
  CHECK(odd.message.timestamp == static_cast<std::int64_t>(odd.message.id->ms / 1000));

  const Parsed none = parse(connection, topic, {"user", "ana", "Message", "m"});
  CHECK_FALSE(none.readable);
  CHECK(none.why == "the entry has no field \"message\"");
}
