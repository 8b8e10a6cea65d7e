#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chat/entry_id.h"
#include "chat/message_sink.h"
#include "chat/notices.h"
#include "process/checkpoint.h"

/// Remembers what it is told, and lets a test act at that moment.
struct Recorder : chat::MessageSink, chat::Notices {
  std::vector<chat::Message> messages;
  std::vector<std::string> texts;   // of the messages
  std::vector<std::string> topics;  // of the messages
  std::vector<std::string> losses;
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
  std::vector<chat::EntryId> ends;
  int times_live = 0;
  int flushes = 0;
  std::function<void()> on_live = [] {};
  std::function<bool()> on_message = [] { return true; };
  std::function<bool()> on_flush = [] { return true; };

  bool message(const std::string& topic, const chat::Message& message) override {
    messages.push_back(message);
    texts.push_back(message.text);
    topics.push_back(topic);
    return on_message();
  }
  bool flush() override {
    ++flushes;
    return on_flush();
  }
  void live() override {
    ++times_live;
    on_live();
  }
  void end(const chat::EntryId& id) override { ends.push_back(id); }
  void lost(const std::string& text) override { losses.push_back(text); }
  void warn(const std::string& text) override { warnings.push_back(text); }
  void note(const std::string& text) override { notes.push_back(text); }
};

struct RecordingCheckpoint : chat::Checkpoint {
  std::vector<std::vector<chat::EntryId>> calls;
  int times_kept = 0;
  bool ordered = true;
  std::optional<std::chrono::milliseconds> every;
  std::function<void()> on_keep = [] {};

  bool in_order() const override { return ordered; }
  void save(const std::vector<chat::Anchor>& done) override {
    calls.emplace_back();
    for (const chat::Anchor& anchor : done) calls.back().push_back(anchor.id);
  }
  void keep() override {
    ++times_kept;
    on_keep();
  }
  std::optional<std::chrono::milliseconds> keep_every() const override { return every; }
};
