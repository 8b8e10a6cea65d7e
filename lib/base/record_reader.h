#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

namespace chat {

/// Splits what is read from a file descriptor into records. Memory: about the longest record, at most
/// max_size + 64 KiB, when next() is asked until it has nothing before each fill().
class RecordReader {
 public:
  enum class Split { newline, null, whole };

  /// fd stays the caller's. max_size: the longest record in bytes, from 1.
  RecordReader(int fd, Split split, std::size_t max_size);

  struct Record {
    std::string_view text;     ///< without its separator; valid until the next call of this object
    std::uint64_t number = 0;  ///< counted from 1
    bool separated = false;    ///< whether its separator was there: the last one's may be missing
    bool too_long = false;  ///< longer than max_size: `text` is its first max_size bytes; the rest is dropped
  };

  /// The next record that is complete in what was read so far, without reading; nothing when there is none.
  /// After the end of input also the last record, if it has no separator and is not empty. With Split::whole,
  /// the whole input is one record, given after its end (an empty input is one empty record).
  std::optional<Record> next();

  /// Reads once (read(2), up to 64 KiB, so it may block unless the descriptor is ready). EINTR and EAGAIN
  /// read nothing. Throws Error(input) when reading fails, such as for a directory.
  void fill();

  /// The input has ended: next() gives what is left, then nothing.
  bool ended() const { return ended_; }
  /// Something was read that next() has not given.
  bool has_bytes() const { return begin_ != end_; }

  /// How much of a file was read, from 0 to 1; nothing when its size isn't known, as of a pipe.
  std::optional<double> part_read() const;
  int fd() const { return fd_; }

 private:
  // realloc moves a large buffer without copying it, and leaves fresh memory untouched.
  struct Free {
    void operator()(char* buffer) const { std::free(buffer); }
  };

  std::size_t find_separator();  // end_ when there is none
  bool skip();                   // the rest of a record that was too long; whether that is done
  Record take(std::size_t end, std::size_t next);
  void make_room();
  void grow();

  int fd_;
  std::uint64_t size_ = 0;  // of a file, from where it stood on
  std::uint64_t read_ = 0;  // bytes
  Split split_;
  std::size_t max_size_;
  std::unique_ptr<char, Free> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;    // of what was not given yet
  std::size_t scanned_ = 0;  // up to here there is no separator
  std::size_t end_ = 0;      // of what was read
  bool skipping_ = false;    // in the rest of a record that was too long
  bool ended_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace chat
