// SPDX-License-Identifier: Apache-2.0
// The storage contract for every driver, for every wrapper over memory, and for what open() builds.
#include "contract/storage_contract.h"

#include "base/fd.h"
#include "harness/fault_storage.h"
#include "storage/cache.h"
#include "storage/limit.h"
#include "storage/local.h"
#include "storage/memory.h"
#include "storage/open.h"
#include "storage/pacing.h"
#include "storage/retry.h"

namespace holdfast::test {
namespace {

using namespace storage;

// A storage that stands in a directory of its own; both live as long as the pointer.
std::shared_ptr<Storage> in_directory(
    const std::function<std::unique_ptr<Storage>(const std::filesystem::path&)>& make) {
  struct Placed {
    TemporaryDirectory directory{"holdfast-contract"};
    std::unique_ptr<Storage> storage;
  };
  auto placed = std::make_shared<Placed>();
  placed->storage = make(placed->directory.path() / "repository");
  return {placed, placed->storage.get()};
}

std::vector<StorageCase> local_cases() {
  const auto local = [](Placing placing) {
    return [placing] {
      return in_directory([placing](const std::filesystem::path& path) {
        return std::make_unique<LocalStorage>(path, LocalStorage::default_connections, placing);
      });
    };
  };
  return {{"local", local(Placing::rename_noreplace)},
          {"local_without_renameat2", local(Placing::link_and_unlink)},
          {"local_opened", [] {
             return in_directory([](const std::filesystem::path& path) {
               return open("local:" + path.string(), OpenOptions{});
             });
           }}};
}

std::vector<StorageCase> memory_cases() {
  constexpr std::uint64_t fast = 1ULL << 40U;
  return {{"memory", [] { return std::make_shared<MemoryStorage>(); }},
          {"retry",
           [] {
             return std::make_shared<RetryStorage>(std::make_unique<MemoryStorage>(),
                                                   real_pacing());
           }},
          {"limit",
           [] {
             return std::make_shared<LimitStorage>(std::make_unique<MemoryStorage>(),
                                                   Rates{fast, fast}, real_pacing());
           }},
          {"cache",
           [] {
             return in_directory([](const std::filesystem::path& path) {
               return std::make_unique<CacheStorage>(std::make_unique<MemoryStorage>(), path);
             });
           }},
          {"wrapped",
           [] {
             return in_directory([](const std::filesystem::path& path) {
               return wrap(std::make_unique<MemoryStorage>(),
                           OpenOptions{.upload_bytes_per_second_max = fast,
                                       .download_bytes_per_second_max = fast,
                                       .connections = 0,
                                       .cache_directory = path,
                                       .stop = {}});
             });
           }},
          {"fault_without_faults", [] {
             return std::make_shared<FaultStorage>(std::make_shared<MemoryStorage>(),
                                                   std::make_shared<FaultPlan>());
           }}};
}

std::vector<StorageCase> all_cases() {
  std::vector<StorageCase> cases = local_cases();
  for (StorageCase& tested : memory_cases()) cases.push_back(std::move(tested));
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, StorageContract, testing::ValuesIn(all_cases()),
                         [](const auto& tested) { return tested.param.name; });

TEST(StorageTable, HasACaseForEveryDriverAndWrapper) {
  const std::vector<StorageCase> cases = all_cases();
  for (const std::string_view name : storage_names()) {
    EXPECT_TRUE(std::any_of(cases.begin(), cases.end(),
                            [&](const StorageCase& tested) { return tested.name == name; }))
        << name << " is not tested by the contract";
  }
}

}  // namespace
}  // namespace holdfast::test
