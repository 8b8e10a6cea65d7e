#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sim/world/process.h"

namespace sim {

/// A folder of files, without folders in it, that processes share. What is renamed or written is there at
/// once: it is processes that are killed, not this machine.
class Disk {
 public:
  struct File {
    std::string bytes;
    const Process* locked_by = nullptr;
  };
  using Handle = std::shared_ptr<File>;

  bool full = false;  ///< writing fails with ENOSPC

  /// Null, and errno, when that can't be.
  std::shared_ptr<Descriptor> open(Process& process, const std::string& path, int flags);
  Handle find(const std::string& path) const;
  bool rename(const std::string& from, const std::string& to);
  bool unlink(const std::string& path);

 private:
  std::unordered_map<std::string, Handle> files_;
};

/// An open file.
class OpenFile : public Descriptor {
 public:
  OpenFile(Disk& disk, Disk::Handle file, const Process& process)
      : disk_(disk), file_(std::move(file)), process_(process) {}
  ~OpenFile() override;
  ssize_t read(char* room, std::size_t size) override;
  ssize_t write(std::string_view bytes) override;
  mode_t kind() const override;
  bool lock();

 private:
  Disk& disk_;
  Disk::Handle file_;
  const Process& process_;
  std::size_t at_ = 0;
  bool locked_ = false;
};

}  // namespace sim
