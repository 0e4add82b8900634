// SPDX-License-Identifier: Apache-2.0
#include "repo/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using storage::FileKind;
using storage::FileRef;

FileRef file(FileKind kind, unsigned number) {
  return {kind, format::id_of(as_bytes(std::to_string(number))).hex()};
}

TEST(Gate, LetsNoMoreCallsThroughThanThereAreConnections) {
  const auto files = std::make_shared<storage::MemoryStorage>(2);
  auto hooks = std::make_unique<HookStorage>(files);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  hooks->on_put = [&](const FileRef&) {
    const int now = ++inside;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    --inside;
  };
  GateStorage gate(std::move(hooks));
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] { gate.put(file(FileKind::pack, i), as_bytes("x")); });
    }
  }
  EXPECT_LE(most, 2);
  EXPECT_GE(most, 1);
}

TEST(Gate, LetsLocksPass) {
  const auto files = std::make_shared<storage::MemoryStorage>(1);
  auto hooks = std::make_unique<HookStorage>(files);
  std::atomic<bool> is_inside{false};
  std::atomic<bool> may_end{false};
  hooks->on_put = [&](const FileRef& put) {
    if (put.kind != FileKind::pack) return;
    is_inside = true;
    while (!may_end) std::this_thread::yield();
  };
  GateStorage gate(std::move(hooks));
  std::jthread upload([&] { gate.put(file(FileKind::pack, 1), as_bytes("x")); });
  while (!is_inside) std::this_thread::yield();
  gate.put(file(FileKind::lock, 2), as_bytes("y"));
  gate.remove(file(FileKind::lock, 2));
  may_end = true;
}

TEST(Gate, LetsAListingCallBack) {
  auto files = std::make_unique<storage::MemoryStorage>(1);
  files->put(file(FileKind::pack, 1), as_bytes("x"));
  files->put(file(FileKind::pack, 2), as_bytes("x"));
  GateStorage gate(std::move(files));
  gate.list(FileKind::pack, [&](const storage::FoundFile& found) { gate.remove(found.file); });
  EXPECT_FALSE(gate.size_bytes(file(FileKind::pack, 1)));
  EXPECT_EQ(gate.connections_max(), 1U);
  EXPECT_EQ(gate.location(), "memory:");
}

TEST(Gate, FreesThePlaceOfACallThatFails) {
  GateStorage gate(std::make_unique<storage::MemoryStorage>(1));
  Bytes byte(1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(code_thrown([&] { gate.read(file(FileKind::pack, 1), 0, byte); }), Errc::corrupt);
  }
}

TEST(Gate, PassesOnTheCleaningUp) {
  auto hooks = std::make_unique<HookStorage>(std::make_shared<storage::MemoryStorage>(1));
  hooks->on_leftovers = [](std::chrono::seconds age_min, bool dry_run) {
    return storage::Leftovers{static_cast<std::uint64_t>(age_min.count()), dry_run ? 1U : 2U, 0};
  };
  GateStorage gate(std::move(hooks));
  EXPECT_EQ(gate.remove_leftovers(std::chrono::seconds(7), true).files, 7U);
  EXPECT_EQ(gate.remove_leftovers(std::chrono::seconds(7), false).size_bytes, 2U);
}

}  // namespace
}  // namespace holdfast::repo
