// SPDX-License-Identifier: Apache-2.0
// What a test and the writer beside it tell each other, in a file that both have in memory.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "base/fd.h"

namespace holdfast::test {

// Of a type, in `schema`.
inline std::string type_key(std::uint64_t number) {
  return "type " + std::to_string(number);
}

struct TypedbProgress {
  std::atomic<std::uint64_t> allowed, made;  // things
};

class TypedbProgressFile {
 public:
  explicit TypedbProgressFile(const std::string& path) {
    const Fd file = open_file(path, O_RDWR | O_CREAT, 0644);
    if (::ftruncate(file.get(), sizeof(TypedbProgress)) != 0)
      throw std::runtime_error("no room for " + path);
    void* const mapped =
        ::mmap(nullptr, sizeof(TypedbProgress), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (mapped == MAP_FAILED) throw std::runtime_error("cannot map " + path);
    progress_ = static_cast<TypedbProgress*>(mapped);
  }
  ~TypedbProgressFile() { ::munmap(progress_, sizeof(TypedbProgress)); }
  TypedbProgressFile(const TypedbProgressFile&) = delete;
  TypedbProgressFile& operator=(const TypedbProgressFile&) = delete;

  [[nodiscard]] TypedbProgress& operator*() const noexcept { return *progress_; }
  [[nodiscard]] TypedbProgress* operator->() const noexcept { return progress_; }

 private:
  TypedbProgress* progress_ = nullptr;
};

}  // namespace holdfast::test
