#include "chat/account.h"

#include <rapidcheck.h>

#include <map>
#include <set>

#include "unit/catch.h"
#include "unit/chat/naive_reader.h"

using namespace chat;
using model::History;
using model::Naive;
using model::Reader;
using model::Step;
using Texts = std::vector<std::string>;
using Verdict = Account::Verdict;

namespace {

void store(History& history, const std::string& publisher, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t i = first; i <= last; ++i) history.store(publisher + "-" + std::to_string(i));
}

Texts pubs(const std::string& publisher, std::uint64_t first, std::uint64_t last) {
  Texts all;
  for (std::uint64_t i = first; i <= last; ++i) all.push_back(publisher + "-" + std::to_string(i));
  return all;
}

Texts operator+(Texts one, const Texts& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

void begin_in_the_future(Reader& reader, History& history) {
  store(history, "a", 1, 2);
  reader.account.start_after(EntryId{9000, 0});
  reader.read(history);
  reader.read(history);
}

std::string gone(std::uint64_t count, const EntryId& up_to) {
  return Loss{Loss::Reason::other_history, count, {}, up_to}.text("t");
}

std::string not_there(std::uint64_t count, const EntryId& up_to) {
  return Loss{Loss::Reason::not_there, count, {}, up_to}.text("t");
}

}  // namespace

TEST_CASE("an account: history, then live, and what is heard again") {
  History history;
  Reader reader;
  store(history, "a", 1, 3);
  reader.begin(history);
  store(history, "a", 4, 5);
  for (std::size_t i = 2; i < 5; ++i) reader.hear(history, history.all[i]);
  CHECK(reader.delivered == pubs("a", 1, 5));
  reader.read(history);
  CHECK(reader.delivered == pubs("a", 1, 5));
  CHECK(reader.told.empty());
  CHECK(reader.account.newest_delivered() == history.last);
  CHECK(reader.account.unconfirmed_count() == 0);
}

TEST_CASE("an account: trimmed before it was read") {
  History history;
  Reader reader;
  store(history, "a", 1, 5);
  reader.account.start_after(Anchor{history.all[0].id, "a-1"}, true);
  std::size_t kept = 0;
  Texts told;
  SECTION("some") {
    kept = 2;
    told = {"t: lost 2 messages between 1000-1 and 1000-4: trimmed before they could be read"};
  }
  SECTION("all") {
    told = {"t: lost 4 messages after 1000-1 up to 1000-5: trimmed before they could be read"};
  }
  SECTION("none but what was read") { kept = 4; }
  history.trim(kept);
  for (int i = 0; i < 3; ++i) reader.read(history);
  CHECK(reader.delivered == pubs("a", 6 - kept, 5));
  CHECK(reader.told == told);
  // All that comes later is well.
  store(history, "b", 1, 2);
  reader.read(history);
  CHECK(reader.delivered == pubs("a", 6 - kept, 5) + pubs("b", 1, 2));
  CHECK(reader.told == told);
}

TEST_CASE("an account: what is older than the topic's max age is lost, not delivered") {
  History history;
  Reader reader;
  store(history, "a", 1, 3);
  reader.account.start_after(Anchor{history.all[0].id, "a-1"}, true);
  history.clock = 5000;
  store(history, "a", 4, 4);
  reader.read(history, false, 2000);
  CHECK(reader.delivered == Texts{"a-4"});
  CHECK(reader.lost == 2);
}

TEST_CASE("an account: what was trimmed behind the start of an earlier run is told") {
  History history;
  Reader reader;
  store(history, "a", 1, 8);
  SECTION("that began at the first one") {
    history.trim(3);
    reader.account.start_behind({});
    reader.read(history);
    CHECK(reader.told ==
          Texts{"t: lost 5 messages between 0-0 and 1000-6: trimmed before they could be read"});
  }
  SECTION("that began later") {
    history.trim(3);
    reader.account.start_behind({0, 3});
    reader.read(history);
    CHECK(reader.told ==
          Texts{"t: lost 2 messages between 0-3 and 1000-6: trimmed before they could be read"});
  }
  SECTION("in a history that has fewer, nothing was delivered that can be gone") {
    reader.account.start_behind({0, 20});
    reader.read(history);
    CHECK(reader.told.empty());
    CHECK(reader.delivered == pubs("a", 1, 8));
  }
}

TEST_CASE("an account: a start on a busy topic tells no loss") {
  History history;
  Reader reader;
  store(history, "a", 1, 3);
  const EntryId asked_before = history.last;
  store(history, "a", 4, 6);
  SECTION("from the newest message on") {
    reader.account.start_after(Anchor{history.last, "a-6"}, false);
    reader.account.begin_reading({asked_before});
    CHECK(reader.account.entry(history.all.back().entry()) == Verdict::skip);
    CHECK(reader.account.end_of_reading() == Verdict::skip);
  }
  SECTION("from somebody else's entry on") {
    reader.account.start_after(EntryId{2000, 0});
    reader.account.begin_reading({asked_before});
    CHECK(reader.account.end_of_reading() == Verdict::skip);
    history.clock = 3000;
  }
  store(history, "a", 7, 7);
  reader.hear(history, history.all.back());
  CHECK(reader.delivered == Texts{"a-7"});
  CHECK(reader.told.empty());
}

TEST_CASE("an account: a start in the future") {
  History history;
  Reader reader;
  begin_in_the_future(reader, history);
  for (int i = 3; i <= 5; ++i) {
    store(history, "a", 1, 1);
    reader.hear(history, history.all.back());
  }
  store(history, "b", 1, 3);
  history.clock = 10'000;
  store(history, "c", 1, 2);
  reader.read(history);
  CHECK(reader.delivered == pubs("c", 1, 2));
  CHECK(reader.told.empty());
}

TEST_CASE("an account: a start in the future ends with what is heard behind it") {
  History history;
  Reader reader;
  begin_in_the_future(reader, history);
  history.clock = 10'000;
  for (std::uint64_t i = 3; i <= 5; ++i) {
    store(history, "a", i, i);
    reader.hear(history, history.all.back());
  }
  history.trim(1);
  reader.read(history);
  CHECK(reader.delivered == pubs("a", 3, 5));
  CHECK(reader.told.empty());
}

TEST_CASE("an account: a late writer on the old master") {
  // Both have a1 to a3; b has gone on, and then a stores one more (or several), later.
  const auto late = GENERATE(1, 5, 10);
  const auto confirmed = GENERATE(false, true);
  const auto cursor = GENERATE(false, true);
  History a;
  store(a, "a", 1, 3);
  History b = a;
  b.clock = 2000;
  store(b, "new", 1, 5);
  a.clock = 3000;
  Reader reader;
  reader.begin(a);
  for (int i = 1; i <= late; ++i) reader.hear(a, a.store("late-" + std::to_string(i)));
  if (confirmed) reader.confirm(a);
  b.clock = 4000;
  store(b, "after", 1, 1);
  if (cursor) {
    // Another run, that knows of the first one's positions.
    reader.confirm(a);
    std::vector<Anchor> older;
    for (auto one = a.all.rbegin() + 1; one != a.all.rend(); ++one) older.push_back({one->id, one->pub});
    Reader next;
    next.account.start_after(Anchor{a.last, a.all.back().pub}, true, older);
    next.read(b);
    CHECK(next.delivered == pubs("new", 1, 5) + Texts{"after-1"});
    CHECK(next.told == Texts{gone(static_cast<std::uint64_t>(late), a.last)});
    return;
  }
  reader.account.reconnected();
  reader.read(b);
  CHECK(reader.delivered == pubs("a", 1, 3) + pubs("late", 1, static_cast<std::uint64_t>(late)) +
                                pubs("new", 1, 5) + Texts{"after-1"});
  CHECK(reader.told == Texts{gone(static_cast<std::uint64_t>(late), a.last)});
}

TEST_CASE("an account: a cursor that knows nothing but its own position") {
  History a;
  store(a, "a", 1, 3);
  History b = a;
  store(b, "new", 1, 5);
  a.clock = 3000;
  store(a, "late", 1, 1);
  b.clock = 4000;
  store(b, "after", 1, 1);
  Reader reader;
  const std::string pub = GENERATE("", "late-1");
  reader.account.start_after(Anchor{a.last, pub}, true);
  reader.read(b);
  CHECK(reader.delivered == pubs("new", 1, 5) + Texts{"after-1"});
  CHECK(reader.told == Texts{gone(1, a.last)});
}

TEST_CASE("an account: a cursor whose places are all gone") {
  History history;
  history.clock = 5000;
  store(history, "b", 1, 7);
  const std::vector<Anchor> older{{{5000, 80}, "a-80"}, {{5000, 64}, "a-64"}};
  const Anchor last{{5000, 81}, "a-81"};
  Reader reader;
  SECTION("began with the topic: what stands before the oldest place may be new") {
    reader.account.start_after(last, true, {older[0], older[1], {first_id, {}}});
    reader.read(history);
    CHECK(reader.delivered == pubs("b", 1, 7));
    CHECK(reader.told == Texts{gone(81, last.id)});
  }
  SECTION("began in its middle: what stands before that is not asked for") {
    reader.account.start_after(last, true, {older[0], older[1], {{5000, 4}, {}}});
    reader.read(history);
    CHECK(reader.delivered == pubs("b", 5, 7));
    CHECK(reader.told == Texts{gone(77, last.id)});
  }
}

// What it had read long ago is not remembered one by one.
TEST_CASE("an account: another history that has only the beginning of what was delivered") {
  History history;
  Reader reader;
  store(history, "a", 1, 9);
  History other = history;
  SECTION("began after a message: that one is not delivered") {
    reader.account.start_after(Anchor{history.last, "a-9"}, false);
    store(history, "a", 10, 50);
  }
  SECTION("began where the topic was trimmed: what comes back from before is not delivered after it") {
    history.trim(1);
    reader.account.start_after(first_id);
    reader.read(history);
    REQUIRE(reader.delivered == pubs("a", 9, 9));
    store(history, "a", 10, 50);
  }
  reader.read(history);
  const std::uint64_t before = reader.delivered.size();
  store(other, "b", 1, 1);
  reader.account.reconnected();
  reader.read(other);
  CHECK(reader.delivered.size() == before + 1);
  CHECK(reader.delivered.back() == "b-1");
  CHECK(reader.told == Texts{gone(41, history.last)});
}

TEST_CASE("an account: stored again in another history whose beginning is trimmed") {
  History history;
  Reader reader;
  store(history, "a", 1, 3);
  reader.begin(history);
  history = {};
  history.clock = 2000;
  store(history, "b", 1, 4);
  store(history, "a", 1, 3);
  history.trim(4);
  reader.account.reconnected();
  reader.read(history);
  CHECK(reader.delivered == pubs("a", 1, 3) + Texts{"b-4"});
}

TEST_CASE("an account: heard, and stored again behind what is trimmed before anything was read") {
  History history;
  Reader reader;
  reader.begin(history);
  reader.read(history);
  store(history, "a", 1, 3);
  for (const auto& one : history.all) {
    REQUIRE(reader.account.live(one.entry()) == Account::Verdict::deliver);
  }
  history = {};
  store(history, "b", 1, 4);
  store(history, "a", 1, 3);
  history.trim(3);
  reader.account.reconnected();
  reader.read(history);
  CHECK(reader.delivered.empty());
}

TEST_CASE("an account: what looked delivered in a trimmed part and comes behind it was another message") {
  History history;
  Reader reader;
  store(history, "a", 1, 5);
  std::size_t kept = 0;
  SECTION("read, and all of the other history's beginning is trimmed") {
    reader.begin(history);
    kept = 2;
  }
  SECTION("heard") {
    History empty;
    reader.begin(empty);
    reader.read(empty);
    for (const auto& one : history.all) reader.account.live(one.entry());
    reader.delivered = pubs("a", 1, 5);
    kept = 4;
  }
  history = {};
  store(history, "b", 1, 6);
  store(history, "a", 4, 5);
  history.trim(kept);
  reader.account.reconnected();
  reader.read(history);
  CHECK(reader.delivered == (kept == 2 ? pubs("a", 1, 5) : pubs("a", 1, 5) + pubs("b", 5, 6)));
  CHECK(reader.delivered.size() - reader.gone + reader.lost == 8);
  reader.read(history);
  CHECK(reader.lost == (kept == 2 ? 3 : 1));
}

TEST_CASE("an account: a paused master's last push") {
  History history;
  Reader reader;
  store(history, "a", 1, 1);
  reader.begin(history);
  History old = history;
  store(history, "b", 1, 300);
  const bool stored_again = GENERATE(false, true);
  if (stored_again) history.store("buffered-1");
  reader.hear(old, old.store("buffered-1"));
  reader.account.reconnected();
  reader.read(history);
  CHECK(reader.delivered == Texts{"a-1", "buffered-1"} + pubs("b", 1, 300));
  CHECK(reader.told == (stored_again ? Texts{} : Texts{gone(1, old.last)}));
  if (!stored_again) reader.hear(history, history.store("buffered-1"));  // later
  reader.hear(history, history.store("a-2"));
  CHECK(reader.delivered == Texts{"a-1", "buffered-1"} + pubs("b", 1, 300) + Texts{"a-2"});
}

TEST_CASE("an account: an older history and a slower clock") {
  History history;
  history.clock = 100'000;
  store(history, "a", 1, 20);
  Reader reader;
  reader.begin(history);
  const History saved = history;
  const bool confirmed = GENERATE(false, true);
  history.clock = 200'000;
  for (int i = 0; i < 10; ++i) reader.hear(history, history.store("b-" + std::to_string(i + 1)));
  if (confirmed) reader.confirm(history);
  const EntryId last = history.last;
  const std::uint64_t fresh = GENERATE(0U, 5U, 10U, 15U);
  history = saved;
  history.clock = 150'000;
  store(history, "c", 1, fresh);
  reader.account.reconnected();
  reader.read(history);
  CHECK(reader.delivered == pubs("a", 1, 20) + pubs("b", 1, 10) + pubs("c", 1, fresh));
  CHECK(reader.told == Texts{gone(10, last)});
}

TEST_CASE("an account: everything flushed, on the same connection") {
  History history;
  Reader reader;
  reader.begin(history);
  reader.read(history);
  for (int i = 1; i <= 10; ++i) reader.hear(history, history.store("a-" + std::to_string(i)));
  CHECK(reader.delivered == pubs("a", 1, 10));
  const EntryId last = history.last;
  history = {};
  history.clock = 2000;
  SECTION("told at the next message") {
    reader.hear(history, history.store("b-1"));
    CHECK(reader.delivered == pubs("a", 1, 10) + Texts{"b-1"});
  }
  SECTION("or when the stream is read") {
    history.info_lost = true;
    reader.read(history);
  }
  SECTION("with a clock that went back") {
    history.clock = 1;
    reader.hear(history, history.store("b-1"));
    CHECK(reader.delivered == pubs("a", 1, 10) + Texts{"b-1"});
  }
  SECTION("other messages under the same names are others") {
    for (int i = 1; i <= 12; ++i) reader.hear(history, history.store("a-" + std::to_string(i), 8));
    CHECK(reader.delivered == pubs("a", 1, 10) + pubs("a", 1, 12));
  }
  SECTION("the same messages are the same") {
    for (int i = 1; i <= 12; ++i) reader.hear(history, history.store("a-" + std::to_string(i)));
    CHECK(reader.delivered == pubs("a", 1, 12));
    CHECK(reader.told == Texts{gone(9, last)});
    return;
  }
  CHECK(reader.told == Texts{gone(10, last)});
}

TEST_CASE("an account: only heard, and gone with an older history, on the same connection") {
  History history;
  Reader reader;
  store(history, "a", 1, 3);
  reader.begin(history);
  const History older = history;
  for (int i = 4; i <= 5; ++i) reader.hear(history, history.store("a-" + std::to_string(i)));
  const EntryId last = history.last;
  history = older;
  history.clock = 2000;
  Texts told{not_there(2, last)};
  Texts later;
  SECTION("nothing is in their place") {
    reader.read(history);
    CHECK(reader.told == told);
    SECTION("and they are stored again later") { store(history, "a", 4, 5); }
  }
  SECTION("others are") {
    store(history, "b", 1, 3);
    later = pubs("b", 1, 3);
  }
  SECTION("and they are stored again behind others") {
    store(history, "b", 1, 3);
    store(history, "a", 4, 5);
    later = pubs("b", 1, 3);
    told.clear();
  }
  SECTION("and they are stored again in their places") {
    store(history, "a", 4, 5);
    told.clear();
  }
  reader.read(history);
  CHECK(reader.delivered == pubs("a", 1, 5) + later);
  CHECK(reader.told == told);
}

TEST_CASE("an account: a topic's info alone is deleted") {
  History history;
  Reader reader;
  store(history, "a", 1, 3);
  reader.begin(history);
  history.info_lost = true;
  reader.read(history);
  reader.read(history);
  CHECK(reader.told.empty());
}

TEST_CASE("an account: messages that were deleted after they were read are no loss") {
  History history;
  Reader reader;
  store(history, "a", 1, 10);
  reader.begin(history);
  SECTION("the last one") { history.all.pop_back(); }
  SECTION("the last ones") { history.all.resize(5); }
  SECTION("all") { history.all.clear(); }
  reader.account.reconnected();
  reader.read(history);
  store(history, "b", 1, 2);
  reader.read(history);
  CHECK(reader.delivered == pubs("a", 1, 10) + pubs("b", 1, 2));
  CHECK(reader.told.empty());
}

TEST_CASE("an account: forged messages hide nothing, and are told") {
  History history;
  Reader reader;
  store(history, "a", 1, 2);
  reader.begin(history);
  reader.hear(history, {{9000, 3}, "evil-1", 8});
  reader.hear(history, {{1, 1}, "evil-2", 8});
  reader.hear(history, {{9000, 99}, "evil-3", 8});
  store(history, "a", 3, 4);
  reader.hear(history, history.all[2]);
  reader.hear(history, history.all[3]);
  CHECK(reader.delivered == Texts{"a-1", "a-2", "evil-1", "a-3", "a-4"});
  CHECK(reader.told == Texts{"t: forged, or Redis came back with an older history: 1 message up to 9000-3 "
                             "that were shown are not in it"});
}

TEST_CASE("an account: a replica that lags") {
  History history;
  Reader reader;
  reader.account.reads_replica();
  store(history, "a", 1, 3);
  reader.begin(history);
  const History replica = history;
  reader.hear(replica, history.store("a-4"));
  SECTION("on the same connection it has the latest ones later") {
    reader.read(replica);
    CHECK(reader.account.unconfirmed_count() == 1);
    reader.hear(replica, history.store("a-5"));
  }
  SECTION("on a new one it is waited for") {
    reader.account.reconnected();
    CHECK(reader.read(replica, true));
    CHECK(reader.read(replica, true));
    history.store("a-5");
  }
  SECTION("what was confirmed at another one too") {
    reader.read(history);
    reader.account.reconnected();
    CHECK(reader.read(replica, true));
    history.store("a-5");
  }
  reader.read(history);
  CHECK(reader.delivered == pubs("a", 1, 5));
  CHECK(reader.told.empty());
}

TEST_CASE("an account: what Redis has doubled is delivered once") {
  History history;
  Reader reader;
  store(history, "a", 1, 4);
  history.all.insert(history.all.begin() + 3, {{2000, 2}, "a-2"});
  history.all[4].id = history.last = {2000, 3};
  reader.begin(history);
  CHECK(reader.delivered == pubs("a", 1, 4));
  CHECK(reader.told.empty());
}

TEST_CASE("an account: one question more at most where all is well, few where it isn't") {
  History history;
  Reader reader;
  store(history, "a", 1, 100'000);
  reader.begin(history);
  reader.readings = 0;
  reader.read(history);
  CHECK(reader.readings == 1);
  History other = history;
  other.all.resize(70'000);
  other.last = other.all.back().id;
  store(other, "b", 1, 10);
  reader.account.reconnected();
  reader.read(other);
  CHECK(reader.readings < 20);
  CHECK(reader.gone == 30'000);
  CHECK(reader.delivered.size() == 100'010);
}

namespace {

rc::Gen<std::vector<Step>> any_steps(bool trims) {
  const auto step = rc::gen::map(
      rc::gen::pair(rc::gen::inRange(0, static_cast<int>(Step::kinds)), rc::gen::inRange(0U, 1000U)),
      [trims](const std::pair<int, unsigned>& any) {
        const auto kind = static_cast<Step::Kind>(any.first);
        return Step{kind == Step::trim && !trims ? Step::publish : kind, any.second};
      });
  return rc::gen::container<std::vector<Step>>(step);
}

}  // namespace

TEST_CASE("an account: histories that fork and merge, against a model that remembers everything") {
  CHECK(rc::check("each message once, in whatever history, and what is gone told exactly", [] {
    const auto steps = *any_steps(false);
    Naive naive;
    naive.here.clock = naive.there.clock = 1000;
    naive.reader.account.start_after(first_id);
    naive.read();
    naive.read();
    run(naive, steps);
  }));
}

TEST_CASE("an account: one that begins in the middle of a history that forks later") {
  CHECK(rc::check("nothing of what was before, and each later message once", [] {
    const auto before = *rc::gen::inRange(1U, 30U);
    const auto steps = *any_steps(false);
    Naive naive;
    naive.here.clock = 1000;
    for (unsigned i = 0; i < before; ++i) naive.before_start.insert(naive.here.store(naive.next(i)).pub);
    naive.there = naive.here;
    naive.reader.account.start_after(Anchor{naive.here.last, naive.here.all.back().pub}, false);
    naive.read();
    run(naive, steps);
  }));
}

TEST_CASE("an account: histories that fork and are trimmed at random") {
  CHECK(rc::check("delivered, less gone, plus lost is what was stored", [] {
    const auto steps = *any_steps(true);
    Naive naive;
    naive.here.clock = naive.there.clock = 1000;
    naive.reader.account.start_after(first_id);
    naive.read();
    naive.read();
    // What was told as lost or gone doesn't come back: that would be one more.
    naive.comes_back = false;
    run(naive, steps);
    naive.judge_counts();
  }));
}
