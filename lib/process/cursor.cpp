#include "process/cursor.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"

namespace chat {

namespace {

class File {
 public:
  File(const std::string& path, int flags) : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

  [[noreturn]] void fail(const char* doing) const {
    throw Error(Failure::file, std::string("can't ") + doing + " " + path_ + ": " + std::strerror(errno));
  }

 private:
  std::string path_;
  int fd_;
};

// rename(2) would replace a symbolic link, not the file it leads to.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : path;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Cursor::Cursor(const std::string& path) : path_(resolved(path)) {
  struct stat about {};
  if (stat(path_.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {
    throw Error(Failure::file, "the cursor " + path + " is no regular file, and can't be replaced by one");
  }
  File lock(path_ + ".lock", O_RDWR | O_CREAT);
  if (!lock.is_open()) lock.fail("open");
  if (flock(lock.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) lock.fail("lock");
    throw Error(Failure::again, "the cursor " + path + " is in use by another run; one at a time");
  }
  lock_ = lock.release();
}

Cursor::~Cursor() { close(lock_); }

std::optional<EntryId> Cursor::load() const {
  File file(path_, O_RDONLY);
  if (!file.is_open() && errno == ENOENT) return std::nullopt;
  if (!file.is_open()) file.fail("read");
  std::string text(64, '\0');
  const ssize_t size = read(file.fd(), text.data(), text.size());
  if (size < 0) file.fail("read");
  text.resize(static_cast<std::size_t>(size));
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty()) return std::nullopt;
  const auto id = EntryId::parse(text);
  if (!id)
    throw Error(Failure::input, "the cursor " + path_ + " holds no ID: mend it, or delete it to begin anew");
  return id;
}

void Cursor::save(EntryId id) {
  const std::string part = path_ + ".part";
  {
    File file(part, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open()) file.fail("write");
    const std::string text = id.str() + "\n";
    if (write(file.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) file.fail("write");
    if (fsync(file.fd()) != 0) file.fail("write");
  }
  File folder(folder_of(path_), O_RDONLY | O_DIRECTORY);
  if (rename(part.c_str(), path_.c_str()) != 0) folder.fail("rename a file in");
  // Without this the rename itself may be lost with the power.
  if (folder.is_open()) fsync(folder.fd());
}

}  // namespace chat
