#pragma once

#include <optional>
#include <string>

#include "chat/entry_id.h"

namespace chat {

/// A file that holds the ID of the last message processed, and a newline. A lock on FILE.lock beside it, kept
/// as long as this object, lets only one run use it. A crash leaves the old content or the new, never less.
class Cursor {
 public:
  /// Takes the lock. Throws Error(again) when another run has it, Error(file) when files can't be opened, or
  /// this is no regular one, or no position can be kept there: that is tried out.
  explicit Cursor(const std::string& path);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// What the file holds; nothing when it isn't there or is empty. Throws Error(input) when it holds no ID.
  std::optional<EntryId> load() const;

  /// Whether the file is there and empty, which says nothing.
  bool is_empty_file() const;

  /// Writes a temporary file, fsync(2), rename(2). Owner and mode of the file stay. Throws Error(file).
  void save(EntryId id);

 private:
  void try_out() const;
  void write_text(const std::string& text) const;
  void write_part(const std::string& text) const;

  std::string path_;
  int lock_ = -1;
};

}  // namespace chat
