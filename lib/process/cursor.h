#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/trail.h"

namespace chat {

/// A file that holds how far a topic is processed: a line `ID pub` for the last message done, and such lines
/// for some that were done before it, the latest first, so that the place is found again in a history that
/// goes on otherwise. IDs become smaller from line to line. A first line with an ID alone stands for any
/// message there: a foreign entry, or a file of an older version; such a last line behind others is where the
/// reader began, after so many messages as its n says. A line `ID start` alone is the same, before anything
/// is done. Scripts that want the ID take the first word: `head -n1 FILE | cut -d' ' -f1`.
///
/// A lock on FILE.lock beside it, kept as long as this object, lets only one run use it. A crash leaves the
/// old content or the new, never less.
class Cursor {
 public:
  static constexpr std::string_view start = "start";  ///< in the place of a pub

  /// Takes the lock. Throws Error(again) when another run has it, Error(file) when files can't be opened, or
  /// this is no regular one, or no position can be kept there: that is tried out.
  explicit Cursor(const std::string& path);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// What the file holds, the latest first; nothing when it isn't there or is empty. Throws Error(input) when
  /// it holds something else.
  std::vector<Anchor> load() const;

  /// Whether the file is there and empty, which says nothing.
  bool is_empty_file() const;

  /// Writes a temporary file, fsync(2), rename(2). Owner and mode of the file stay. Throws Error(file).
  void save(const std::vector<Anchor>& done);

 private:
  std::optional<std::string> read_text() const;
  void try_out() const;
  void write_text(const std::string& text) const;
  void write_part(const std::string& text) const;

  std::string path_;
  int lock_ = -1;
};

}  // namespace chat
