// SPDX-License-Identifier: Apache-2.0
// The default layout of restic's repositories as a pure function.
#include "storage/layout.h"

#include <fmt/format.h>

namespace holdfast::storage {

std::string_view kind_directory(FileKind kind) noexcept {
  switch (kind) {
    case FileKind::config:
      return "";
    case FileKind::key:
      return "keys";
    case FileKind::lock:
      return "locks";
    case FileKind::index:
      return "index";
    case FileKind::snapshot:
      return "snapshots";
    case FileKind::pack:
      break;
  }
  return "data";
}

std::string file_directory(const FileRef& file) {
  check_file(file);
  std::string directory(kind_directory(file.kind));
  if (file.kind == FileKind::pack) directory.append("/").append(file.name, 0, 2);
  return directory;
}

std::string file_path(const FileRef& file) {
  if (file.kind == FileKind::config) {
    check_file(file);
    return "config";
  }
  return file_directory(file) + "/" + file.name;
}

std::string two_digits(unsigned number) {
  return fmt::format("{:02x}", number & 0xffU);
}

}  // namespace holdfast::storage
