#include "sim/world/disk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace sim {

namespace {

class OpenFolder : public Descriptor {
 public:
  mode_t kind() const override { return S_IFDIR; }
};

}  // namespace

std::shared_ptr<Descriptor> Disk::open(Process& process, const std::string& path, int flags) {
  if ((flags & O_DIRECTORY) != 0) return std::make_shared<OpenFolder>();
  const auto place = files_.find(path);
  if (place != files_.end() && (flags & O_EXCL) != 0) {
    errno = EEXIST;
    return nullptr;
  }
  if (place == files_.end() && (flags & O_CREAT) == 0) {
    errno = ENOENT;
    return nullptr;
  }
  Handle& file = files_[path];
  if (!file) file = std::make_shared<File>();
  return std::make_shared<OpenFile>(*this, file, process);
}

Disk::Handle Disk::find(const std::string& path) const {
  const auto place = files_.find(path);
  return place == files_.end() ? nullptr : place->second;
}

bool Disk::rename(const std::string& from, const std::string& to) {
  const Handle file = find(from);
  if (!file) {
    errno = ENOENT;
    return false;
  }
  files_[to] = file;
  files_.erase(from);
  return true;
}

bool Disk::unlink(const std::string& path) {
  if (files_.erase(path) > 0) return true;
  errno = ENOENT;
  return false;
}

OpenFile::~OpenFile() {
  if (locked_) file_->locked_by = nullptr;
}

ssize_t OpenFile::read(char* room, std::size_t size) {
  const std::size_t count = std::min(size, file_->bytes.size() - std::min(at_, file_->bytes.size()));
  std::copy_n(file_->bytes.data() + at_, count, room);
  at_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t OpenFile::write(std::string_view bytes) {
  if (disk_.full) {
    errno = ENOSPC;
    return -1;
  }
  file_->bytes.replace(std::min(at_, file_->bytes.size()), bytes.size(), bytes);
  at_ += bytes.size();
  return static_cast<ssize_t>(bytes.size());
}

mode_t OpenFile::kind() const { return S_IFREG; }

bool OpenFile::lock() {
  if (file_->locked_by != nullptr && file_->locked_by != &process_) {
    errno = EWOULDBLOCK;
    return false;
  }
  file_->locked_by = &process_;
  locked_ = true;
  return true;
}

}  // namespace sim
