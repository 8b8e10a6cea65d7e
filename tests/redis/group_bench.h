#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "process/group.h"
#include "script.h"

using Texts = std::vector<std::string>;

/// A topic with messages 1, 2, 3, and a group that reads it.
struct Bench {
  chat::Connection admin = connect();
  chat::ConnectionPool pool{server()};
  chat::GroupOptions options;
  Recorder sink;
  bool acknowledging = true;
  chat::GroupReader* reader = nullptr;

  explicit Bench(const std::string& name, const Texts& texts = {"1", "2", "3"}) {
    static int benches = 0;
    options.topic = "group_test/" + name + std::to_string(++benches);
    options.group = "g";
    options.consumer = "c";
    options.claim_after = std::chrono::hours(1);
    publish(admin, options.topic, texts);
    sink.on_message = [this] { return act(); };
  }
  bool act() {
    if (acknowledging) reader->save({chat::Anchor{*sink.messages.back().id, {}}});
    return true;
  }
  /// Does something once, before the message with this text is done.
  void at(const std::string& text, std::function<void()> work) {
    auto due = std::make_shared<bool>(true);
    sink.on_message = [this, text, work, due] {
      if (sink.texts.back() == text && std::exchange(*due, false)) work();
      return act();
    };
  }
  /// Runs once, and returns what was told.
  Texts run(const chat::StopToken& stop = retry()) {
    chat::GroupReader group(pool, options, sink);
    reader = &group;
    sink.texts.clear();
    group.run(sink, stop);
    return sink.texts;
  }
  /// Takes messages without ever finishing them, as a consumer that dies.
  Texts die(const std::string& consumer, std::size_t batch = 10) {
    chat::GroupOptions living = options;
    options.consumer = consumer;
    options.batch = batch;
    acknowledging = false;
    sink.on_flush = [] { return false; };
    Texts taken = run();
    acknowledging = true;
    sink.on_flush = [] { return true; };
    options = living;
    return taken;
  }
  std::int64_t pending() {
    return ask(admin, {"XPENDING", chat::stream_key(options.topic), options.group})[0].integer();
  }
  std::size_t consumers() {
    return ask(admin, {"XINFO", "CONSUMERS", chat::stream_key(options.topic), options.group}).view().size();
  }
};
