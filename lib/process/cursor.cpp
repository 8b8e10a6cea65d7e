#include "process/cursor.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "chat/entry_id.h"

namespace chat {

namespace {

constexpr std::size_t longest = 8192;  // of a file's content, which has some dozens of lines

class File {
 public:
  File(const std::string& path, int flags)
      : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0666)) {}
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

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// rename(2) would replace a symbolic link, not the file it leads to, which may not be there yet.
std::string resolved(std::string path) {
  constexpr int most_links = 40;  // as the kernel has it
  for (int i = 0; i < most_links; ++i) {
    const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
    if (real) return real.get();
    std::string target(PATH_MAX, '\0');
    const ssize_t size = readlink(path.c_str(), target.data(), target.size());
    if (size < 0) return path;
    target.resize(static_cast<std::size_t>(size));
    path = target.starts_with('/') ? target : folder_of(path).append("/").append(target);
  }
  return path;
}

// Whoever may put files there may lock it; the others could only keep the cursor from being used.
void open_to_users_of(const std::string& folder, const File& lock) {
  struct stat about {};
  if (stat(folder.c_str(), &about) != 0) return;
  mode_t mode = 0600;
  if ((about.st_mode & S_IWOTH) != 0) mode = 0666;
  if ((about.st_mode & S_IWGRP) != 0) mode |= 0060;
  const uid_t owner = geteuid() == 0 ? about.st_uid : static_cast<uid_t>(-1);
  static_cast<void>(fchown(lock.fd(), owner, about.st_gid) == 0);
  fchmod(lock.fd(), mode);  // whatever the umask
}

// Somebody else's lock will do as well: it is never written to. NFS locks only what is open for writing.
int open_lock(const std::string& path) {
  while (true) {
    if (File old(path, O_RDWR | O_NONBLOCK); old.is_open()) return old.release();
    if (File old(path, O_RDONLY | O_NONBLOCK); old.is_open()) return old.release();
    if (errno == EACCES) {
      throw Error(Failure::file, "can't open " + path + ": " + std::strerror(EACCES) +
                                     "; another user's run made it: when none uses this cursor, remove it");
    }
    if (errno != ENOENT) File(path, O_RDONLY | O_NONBLOCK).fail("open");
    File made(path, O_RDWR | O_CREAT | O_EXCL);
    if (!made.is_open() && errno == EEXIST) continue;
    if (!made.is_open()) made.fail("open");
    open_to_users_of(folder_of(path), made);
    return made.release();
  }
}

// An ID, and a pub unless it stands for any; or that it is the start.
std::optional<Anchor> parse_line(std::string_view line) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const auto id = EntryId::parse(line.substr(0, space));
  if (!id) return std::nullopt;
  if (space == line.size()) return Anchor{*id, {}};
  const std::string_view pub = line.substr(space + 1);
  if (!PubId::parse(pub) && pub != Cursor::start) return std::nullopt;
  return Anchor{*id, std::string(pub)};
}

// Nothing when it isn't what a cursor holds.
std::optional<std::vector<Anchor>> parse(std::string_view text) {
  std::vector<Anchor> done;
  if (text.size() > longest) return std::nullopt;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    auto anchor = parse_line(text.substr(0, end));
    if (!anchor || (!done.empty() && anchor->id >= done.back().id)) return std::nullopt;
    // People may write an ID without a newline; a pub without one may have lost its end.
    if (end == std::string_view::npos && (!done.empty() || !anchor->pub.empty())) return std::nullopt;
    done.push_back(*std::move(anchor));
    if (done.size() > 1 && (done.front().pub == Cursor::start || done.back().pub == Cursor::start))
      return std::nullopt;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return done;
}

}  // namespace

Cursor::Cursor(const std::string& path) : path_(resolved(path)) {
  struct stat about {};
  if (stat(path.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {
    throw Error(Failure::file, "the cursor " + path + " is no regular file, and can't be replaced by one");
  }
  lock_ = open_lock(path_ + ".lock");
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    close(lock_);
    if (reason != EWOULDBLOCK)
      throw Error(Failure::file, "can't lock " + path_ + ".lock: " + std::strerror(reason));
    throw Error(Failure::again, "the cursor " + path + " is in use by another run; one at a time");
  }
  try {
    try_out();
  } catch (...) {
    close(lock_);
    throw;
  }
}

// Whether a position can be kept is found out before anything is done that it stands for: by keeping what is
// there.
void Cursor::try_out() const {
  const auto text = read_text();
  if (text && text->size() > longest) return;  // no position: load() says so
  if (text) return write_text(*text);
  write_part("0-0\n");
  const std::string part = path_ + ".part";
  if (unlink(part.c_str()) == 0) return;
  throw Error(Failure::file,
              "can't replace the cursor " + path_ + ": can't remove " + part + ": " + std::strerror(errno));
}

Cursor::~Cursor() { close(lock_); }

// One byte more than a position can have, at most. Nothing when there is no file.
std::optional<std::string> Cursor::read_text() const {
  File file(path_, O_RDONLY);
  if (!file.is_open() && errno == ENOENT) return std::nullopt;
  if (!file.is_open()) file.fail("read");
  std::string text(longest + 1, '\0');
  const ssize_t size = read(file.fd(), text.data(), text.size());
  if (size < 0) file.fail("read");
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::vector<Anchor> Cursor::load() const {
  const std::string text = read_text().value_or("");
  if (text.empty() || text == "\n") return {};
  auto done = parse(text);
  if (!done) {
    throw Error(Failure::input,
                "the cursor " + path_ + " holds no ID, or is damaged: mend it, or delete it to begin anew");
  }
  return *std::move(done);
}

bool Cursor::is_empty_file() const {
  struct stat about {};
  return stat(path_.c_str(), &about) == 0 && about.st_size <= 1;  // a newline at most
}

void Cursor::save(const std::vector<Anchor>& done) {
  std::string text;
  for (const Anchor& anchor : done) {
    text += anchor.id.str();
    if (!anchor.pub.empty()) text.append(" ").append(anchor.pub);
    text += '\n';
  }
  write_text(text);
}

void Cursor::write_text(const std::string& text) const {
  write_part(text);
  File folder(folder_of(path_), O_RDONLY | O_DIRECTORY);
  if (rename((path_ + ".part").c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    unlink((path_ + ".part").c_str());
    throw Error(Failure::file,
                "can't replace the cursor " + path_ + ": " + std::strerror(reason) +
                    (reason == EBUSY ? "; where the file is mounted, mount its folder instead" : ""));
  }
  // Without this the rename itself may be lost with the power.
  if (folder.is_open()) fsync(folder.fd());
}

// What stands there under its name may be a stranger's link.
void Cursor::write_part(const std::string& text) const {
  const std::string part = path_ + ".part";
  unlink(part.c_str());
  File file(part, O_WRONLY | O_CREAT | O_EXCL);
  if (!file.is_open() && errno == EEXIST) {
    throw Error(Failure::file, "can't remove " + part + "; another user's run left it: remove it");
  }
  if (!file.is_open()) file.fail("write");
  struct stat old {};
  if (stat(path_.c_str(), &old) == 0) {
    // Another's file can't be given back to them, but by root; to a group it can by its members.
    const bool kept = fchown(file.fd(), old.st_uid, old.st_gid) == 0 ||
                      fchown(file.fd(), static_cast<uid_t>(-1), old.st_gid) == 0;
    fchmod(file.fd(), old.st_mode & (kept ? 07777U : 07707U));  // not what another group was allowed
  }
  if (write(file.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      fsync(file.fd()) != 0) {
    const int reason = errno;
    unlink(part.c_str());
    errno = reason;
    file.fail("write");
  }
}

}  // namespace chat
