// SPDX-License-Identifier: Apache-2.0
#include "harness/repository_files.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "base/secret.h"
#include "format/index_file.h"
#include "format/tree.h"
#include "harness/program.h"
#include "storage/layout.h"
#include "storage/local.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

void rewrite(const fs::path& file, std::string_view content) {
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  write_text(file, content);
}

}  // namespace

void make_repository(const fs::path& repository, std::string_view password, unsigned version) {
  repo::Repository::InitOptions options;
  options.version = version;
  options.cost = cheap_key;
  options.username = "tester";
  options.hostname = "here";
  auto storage = std::make_unique<storage::LocalStorage>(repository);
  static_cast<void>(
      repo::Repository::init(std::move(storage), Secret(std::string(password)), options));
}

std::unique_ptr<repo::Repository> open_repository(const fs::path& repository,
                                                  std::string_view password) {
  return repo::Repository::open(std::make_unique<storage::LocalStorage>(repository),
                                Secret(std::string(password)));
}

std::vector<fs::path> files_of(const fs::path& repository, storage::FileKind kind) {
  std::vector<fs::path> files;
  if (kind == storage::FileKind::config) return {repository / "config"};
  storage::LocalStorage storage(repository);
  storage.list(kind, [&](const storage::FoundFile& found) {
    files.push_back(repository / storage::file_path(found.file));
  });
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> packs_of(const fs::path& repository, std::string_view password,
                               format::BlobType type) {
  const auto opened = open_repository(repository, password);
  std::set<fs::path> files;
  for (const format::Id& index : opened->list(storage::FileKind::index)) {
    Bytes json = opened->load_unpacked(storage::FileKind::index, index);
    format::read_index_json(format::padded(json), [&](format::IndexedPack&& pack) {
      if (pack.blobs.empty() || pack.blobs.front().blob.type != type) return;
      files.insert(repository / storage::file_path({storage::FileKind::pack, pack.id.hex()}));
    });
  }
  return {files.begin(), files.end()};
}

void flip_file(const fs::path& file) {
  flip_file(file, fs::file_size(file) / 2);
}

void flip_file(const fs::path& file, std::size_t offset_bytes) {
  std::string content = read_text(file);
  char& byte = content.at(offset_bytes);
  byte = static_cast<char>(byte ^ 0x10);
  rewrite(file, content);
}

void cut_file(const fs::path& file) {
  std::string content = read_text(file);
  content.resize(content.size() / 2);
  rewrite(file, content);
}

}  // namespace holdfast::test
