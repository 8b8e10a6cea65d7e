#include "cli/watch.h"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

#include "base/error.h"
#include "chat/topic_pattern.h"
#include "cli/overview_text.h"
#include "cli/signals.h"
#include "redis/retry.h"
#include "terminal/screen.h"

namespace chat {

namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 1s;

const Screen* shown = nullptr;  // for the handler of a signal

class Watch {
 public:
  Watch(ConnectionPool& pool, const WatchOptions& options, Output& out)
      : pool_(pool), options_(options), out_(out), retry_(pool.endpoint(), options.retry_for, notices()) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    screen_.reset();
    cli::before_death(nullptr);
  }

  void run(const StopToken& stop) {
    with_retry(pool_, retry_, stop, [this](const StopToken& until) { look(until); });
    if (options_.draw) {
      cli::stop_by({SIGHUP, SIGQUIT});  // so that the terminal is put back
      screen_.emplace(out_);
      shown = &*screen_;
      cli::before_death([] { shown->give_back(); });
    }
    bool first = true;
    while (true) {
      if (screen_) {
        draw();
      } else {
        write(std::exchange(first, false));
      }
      if (!pause(Clock::now() + look_every, stop)) return;
      try {
        look(stop);
        retry_.succeeded();
      } catch (const Outage& outage) {
        pool_.clear();
        retry_.failed(outage);
      }
    }
  }

 private:
  OutageNotices notices() {
    return {.warn =
                [this](const std::string& text) {
                  trouble_ = text;
                  for (TopicOverview& topic : topics_) topic.rate.reset();  // what it is now nobody knows
                  if (!screen_ && options_.warn) options_.warn(text);
                },
            .note =
                [this](const std::string& text) {
                  trouble_.clear();
                  if (!screen_ && options_.note) options_.note(text);
                }};
  }

  void look(const StopToken& stop) {
    const std::vector<std::string> there = list_topics(pool_, stop);
    std::vector<std::string> names = there;
    if (topics_.empty()) {
      names = select_topics(there, options_.topics);
    } else if (!options_.topics.empty()) {
      std::erase_if(names, [&](const std::string& name) { return !matches_any(options_.topics, name); });
    }
    std::vector<TopicOverview> topics = overview(pool_, names, stop);
    for (TopicOverview& topic : topics) compare(topic);
    topics_ = std::move(topics);
  }

  // What has become of a topic since the last look.
  void compare(TopicOverview& topic) const {
    const auto before = std::ranges::find(topics_, topic.name, &TopicOverview::name);
    if (before == topics_.end() || topic.state.now <= before->state.now) return;
    const std::chrono::duration<double> time = topic.state.now - before->state.now;
    const std::uint64_t now = topic.state.last.n;
    const std::uint64_t then = before->state.last.n;
    topic.rate = now > then ? static_cast<double>(now - then) / time.count() : 0;
    topic.changed = now != then || topic.subscribers != before->subscribers;
  }

  void draw() {
    const Screen::Size size = screen_->size();
    std::vector<TopicOverview> topics = topics_;
    if (options_.by_activity) sort_by_activity(topics);
    const auto style = [&](const char* sequence) { return options_.color ? sequence : ""; };
    std::vector<Screen::Line> lines{{title()}};
    for (std::string& row : activity_table(topics, size.columns)) lines.push_back({std::move(row)});
    lines[1].style = style("\x1b[1m");
    const std::string hidden = scroll(lines, size.rows);
    if (!hidden.empty()) lines.push_back({hidden});
    const std::string keys = hidden.empty() ? "q quits" : "q quits, j and k scroll";
    lines.push_back(trouble_.empty() ? Screen::Line{keys, style("\x1b[2m")}
                                     : Screen::Line{trouble_, style("\x1b[1;7m")});
    screen_->draw(lines);
  }

  // Leaves the rows that are to be seen, below two lines of headings; says what is hidden then.
  std::string scroll(std::vector<Screen::Line>& lines, std::size_t rows) {
    constexpr std::size_t headings = 2;
    const std::size_t count = lines.size() - headings;
    if (lines.size() + 1 <= rows || rows <= headings + 2) {
      top_ = 0;
      return "";
    }
    room_ = rows - headings - 2;
    top_ = std::min(top_, count - room_);
    const std::size_t below = count - room_ - top_;
    const auto first = lines.begin() + headings;
    lines.erase(first + static_cast<std::ptrdiff_t>(top_ + room_), lines.end());
    lines.erase(first, first + static_cast<std::ptrdiff_t>(top_));
    std::string hidden = "…";
    if (top_ > 0) hidden += " " + std::to_string(top_) + " more above";
    if (below > 0) hidden += (top_ > 0 ? ", " : " ") + std::to_string(below) + " more below";
    return hidden;
  }

  void move(Screen::Event event) {
    const std::size_t page = std::max<std::size_t>(room_, 1);
    switch (event) {
      case Screen::Event::up:
        top_ -= std::min<std::size_t>(top_, 1);
        break;
      case Screen::Event::down:
        top_ += 1;
        break;
      case Screen::Event::page_up:
        top_ -= std::min(top_, page);
        break;
      case Screen::Event::page_down:
        top_ += page;
        break;
      case Screen::Event::first:
        top_ = 0;
        break;
      case Screen::Event::last:
        top_ = topics_.size();
        break;
      default:
        break;
    }
  }

  std::string title() const {
    std::uint64_t subscribers = 0;
    double rate = 0;
    for (const TopicOverview& topic : topics_) {
      subscribers += topic.subscribers;
      rate += topic.rate.value_or(0);
    }
    const auto of = [](std::uint64_t count, const char* what) {
      return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
    };
    return of(topics_.size(), "topic") + ", " + of(subscribers, "subscription") + ", " +
           (trouble_.empty() ? rate_text(rate) : "-") + " messages/s at " + pool_.endpoint().str();
  }

  void write(bool all) {
    std::vector<TopicOverview> told;
    std::ranges::copy_if(topics_, std::back_inserter(told),
                         [&](const TopicOverview& topic) { return all || topic.changed; });
    out_.buffer() += options_.json ? overview_json(told) : activity_lines(told);
    if (!trouble_.empty()) out_.buffer().clear();
    out_.flush();
  }

  /// Returns whether to go on.
  bool pause(Deadline next, const StopToken& stop) {
    if (!screen_) {
      pollfd output{out_.fd(), 0, 0};
      if (wait({&output, 1}, next, stop) > 0) throw ClosedOutput();
      return !stop.requested();
    }
    while (true) {
      const Screen::Event event = screen_->wait_until(next, stop);
      if (event == Screen::Event::quit || stop.requested()) return false;
      if (event == Screen::Event::none) return true;
      move(event);
      draw();
    }
  }

  ConnectionPool& pool_;
  const WatchOptions& options_;
  Output& out_;
  RetryPolicy retry_;
  std::vector<TopicOverview> topics_;
  std::string trouble_;
  std::size_t top_ = 0;   // of the rows, the first that is seen
  std::size_t room_ = 0;  // how many are
  std::optional<Screen> screen_;
};

}  // namespace

void watch(ConnectionPool& pool, const WatchOptions& options, Output& out, const StopToken& stop) {
  try {
    Watch(pool, options, out).run(stop);
  } catch (const Stopped&) {
    return;
  }
}

}  // namespace chat
