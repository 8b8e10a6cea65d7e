#include "base/record_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/error.h"

namespace chat {
namespace {

constexpr std::size_t piece = std::size_t{64} * 1024;

[[noreturn]] void fail_reading(int fd, int reason) {
  const std::string name = fd == STDIN_FILENO ? "standard input" : "file descriptor " + std::to_string(fd);
  throw Error(Failure::input, "can't read " + name + ": " + std::generic_category().message(reason));
}

}  // namespace

RecordReader::RecordReader(int fd, Split split, std::size_t max_size)
    : fd_(fd), split_(split), max_size_(std::min(max_size, SIZE_MAX - piece)) {
  struct stat about = {};
  if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return;
  const off_t at = lseek(fd, 0, SEEK_CUR);
  if (at >= 0 && at < about.st_size) size_ = static_cast<std::uint64_t>(about.st_size - at);
}

std::optional<double> RecordReader::part_read() const {
  if (size_ == 0) return std::nullopt;
  return static_cast<double>(read_ - (end_ - begin_)) / static_cast<double>(size_);
}

std::optional<RecordReader::Record> RecordReader::next() {
  if (skipping_ && !skip()) return std::nullopt;
  const std::size_t separator = find_separator();
  if (separator != end_) return take(separator, separator + 1);
  if (end_ - begin_ > max_size_) {
    skipping_ = true;
    return take(end_, end_);
  }
  if (!ended_) return std::nullopt;
  const bool last = split_ == Split::whole ? number_ == 0 : begin_ != end_;
  return last ? std::optional(take(end_, end_)) : std::nullopt;
}

std::size_t RecordReader::find_separator() {
  const char* const data = buffer_.get();
  if (split_ != Split::whole && scanned_ != end_) {
    const void* const found =
        std::memchr(data + scanned_, split_ == Split::null ? '\0' : '\n', end_ - scanned_);
    if (found != nullptr) return static_cast<std::size_t>(static_cast<const char*>(found) - data);
  }
  scanned_ = end_;
  return end_;
}

bool RecordReader::skip() {
  const std::size_t separator = find_separator();
  skipping_ = separator == end_;
  begin_ = scanned_ = skipping_ ? end_ : separator + 1;
  return !skipping_;
}

RecordReader::Record RecordReader::take(std::size_t end, std::size_t next) {
  const std::size_t size = end - begin_;
  const std::string_view text(buffer_.get() + begin_, std::min(size, max_size_));
  begin_ = scanned_ = next;
  return {text, ++number_, next != end, size > max_size_};
}

void RecordReader::fill() {
  if (ended_) return;
  make_room();
  const ssize_t n = ::read(fd_, buffer_.get() + end_, piece);
  if (n > 0) {
    end_ += static_cast<std::size_t>(n);
    read_ += static_cast<std::uint64_t>(n);
  } else if (n == 0) {
    ended_ = true;
  } else if (errno != EINTR && errno != EAGAIN) {
    fail_reading(fd_, errno);
  }
}

void RecordReader::make_room() {
  if (begin_ == end_) begin_ = scanned_ = end_ = 0;
  if (capacity_ - end_ >= piece) return;
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    scanned_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
    if (capacity_ - end_ >= piece) return;
  }
  grow();
}

void RecordReader::grow() {
  const std::size_t least = end_ + piece;
  const std::size_t most = std::max(least, max_size_ + piece);
  const std::size_t capacity = std::min(most, std::max(least, 2 * capacity_));
  char* const buffer = static_cast<char*>(std::realloc(buffer_.get(), capacity));
  if (buffer == nullptr) throw std::bad_alloc();
  static_cast<void>(buffer_.release());
  buffer_.reset(buffer);
  capacity_ = capacity;
}

}  // namespace chat
