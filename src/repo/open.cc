// SPDX-License-Identifier: Apache-2.0
// A location's storage, then the repository in it.
#include "repo/open.h"

namespace holdfast::repo {
namespace {

std::unique_ptr<storage::Storage> storage_of(const Location& location) {
  storage::OpenOptions options = location.storage;
  options.cache_directory = location.cache_base;
  std::unique_ptr<storage::Storage> storage = storage::open(location.url, options);
  return location.wrap ? location.wrap(std::move(storage)) : std::move(storage);
}

}  // namespace

std::unique_ptr<Repository> open(const Location& location, const Secret& password,
                                 std::string_view key_hint) {
  std::unique_ptr<Repository> repository =
      Repository::open(storage_of(location), password, key_hint);
  repository->set_overflow_directory(location.cache_base);
  return repository;
}

std::unique_ptr<Repository> init(const Location& location, const Secret& password,
                                 const Repository::InitOptions& options) {
  std::unique_ptr<Repository> repository =
      Repository::init(storage_of(location), password, options);
  repository->set_overflow_directory(location.cache_base);
  return repository;
}

}  // namespace holdfast::repo
