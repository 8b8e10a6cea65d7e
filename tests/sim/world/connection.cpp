#include <algorithm>

#include "sim/world/network.h"

namespace sim {

Connection::Connection(World& world, const NetworkOptions& options, Process& tool, Host& host)
    : world_(world), options_(options), tool_(&tool), host_(host) {}

Time Connection::arrival(Way& way) {
  const auto spread = static_cast<std::uint64_t>(options_.most_delay - options_.least_delay + 1);
  Time when = std::max(world_.now(), stalled_until_) + options_.least_delay +
              static_cast<Time>(world_.random.below(spread));
  way.last = std::max(way.last, when);
  return way.last;
}

void Connection::wake_tool() {
  if (!gone_) tool_->wake();
}

std::size_t Connection::send(std::string_view bytes) {
  const std::size_t room = up_.bytes >= options_.window ? 0 : options_.window - up_.bytes;
  bytes = bytes.substr(0, room);
  std::size_t first = bytes.size();
  if (first > 1 && world_.once_in(options_.split_once_in)) first = 1 + world_.random.below(first - 1);
  up_.bytes += bytes.size();
  if (first > 0) up(std::string(bytes.substr(0, first)));
  if (first < bytes.size()) up(std::string(bytes.substr(first)));
  return bytes.size();
}

void Connection::arrive(Way& way, Time when, std::function<void()> what) {
  way.queue.push_back(std::move(what));
  world_.at(when, [self = shared_from_this(), &way] { self->let_in(way); });
}

// What is under way waits, too, when the way is stalled, and nothing overtakes it.
void Connection::let_in(Way& way) {
  if (world_.now() < stalled_until_) {
    return world_.at(stalled_until_, [self = shared_from_this(), &way] { self->let_in(way); });
  }
  const std::function<void()> what = std::move(way.queue.front());
  way.queue.pop_front();
  what();
}

void Connection::up(std::string bytes) {
  arrive(up_, arrival(up_), [this, bytes = std::move(bytes)] {
    up_.bytes -= bytes.size();
    const std::string_view kept = std::string_view(bytes).substr(0, drop_behind_);
    if (drop_behind_ != SIZE_MAX) drop_behind_ -= kept.size();
    if (!done_ && !kept.empty()) {
      arrived += kept;
      host_.receive(shared_from_this());
    }
    wake_tool();
  });
}

void Connection::down(std::string bytes) {
  arrive(down_, arrival(down_), [this, bytes = std::move(bytes)] {
    down_.bytes -= bytes.size();
    if (cut_ || gone_) return;
    inbox_ += bytes;
    if (world_.tracing()) tool_->trace("<< " + bytes);
    wake_tool();
  });
}

void Connection::end_up() {
  arrive(up_, up_.last, [this] {
    tool_closed = true;
    host_.receive(shared_from_this());
  });
}

void Connection::close_by_tool() {
  if (gone_) return;
  gone_ = true;
  if (state_ == State::refused || state_ == State::reset) return;
  arrival(up_);
  end_up();
}

void Connection::accepted() {
  arrive(down_, arrival(down_), [this] {
    if (state_ != State::connecting || cut_) return;
    state_ = State::open;
    wake_tool();
  });
}

void Connection::refused_by_host() {
  done_ = true;
  arrive(down_, arrival(down_), [this] {
    if (cut_) return;
    state_ = State::refused;
    wake_tool();
  });
}

void Connection::pull() {
  if (client == nullptr || client->output.empty()) return;
  if (cut_ || gone_) return client->output.clear();
  const std::size_t waiting = down_.bytes + inbox_.size();
  if (waiting >= options_.window) return;
  std::string bytes = client->output.substr(0, options_.window - waiting);
  client->output.erase(0, bytes.size());
  down_.bytes += bytes.size();
  if (bytes.size() > 1 && world_.once_in(options_.split_once_in)) {
    const std::size_t first = 1 + world_.random.below(bytes.size() - 1);
    down(bytes.substr(0, first));
    bytes.erase(0, first);
  }
  down(std::move(bytes));
}

void Connection::close_by_server() {
  if (done_) return;
  pull();
  done_ = true;
  client = nullptr;
  arrive(down_, arrival(down_), [this] {
    if (state_ == State::open) state_ = State::ended;
    wake_tool();
  });
}

void Connection::reset_by_host() {
  done_ = true;
  client = nullptr;
  arrive(down_, arrival(down_), [this] {
    if (state_ != State::refused) state_ = State::reset;
    wake_tool();
  });
}

void Connection::stall(Time until) {
  stalled_until_ = std::max(stalled_until_, until);
  up_.last = std::max(up_.last, stalled_until_);
  down_.last = std::max(down_.last, stalled_until_);
}

void Connection::cut(Time late, std::size_t lost) {
  if (cut_ || state_ != State::open) return;
  cut_ = true;
  stall(world_.now() + late);
  drop_behind_ = up_.bytes - std::min(lost, up_.bytes);
  state_ = State::reset;
  end_up();  // it can close its end no more
  wake_tool();
}

}  // namespace sim
