// SPDX-License-Identifier: Apache-2.0
#include "repo/prune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>

#include "base/fd.h"
#include "format/index_file.h"
#include "repo/check.h"
#include "repo/test_repository.h"
#include "storage/local.h"
#include "storage/open.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using storage::FileKind;
using storage::FileRef;

// Three snapshots that share some data; packs that are needed wholly, partly and not at all once
// one snapshot is gone.
struct Filled {
  explicit Filled(unsigned version = 2) : test(version) {
    const Id shared = test.save_tree({{"s", {noise(60'000, 1), "shared"}}});
    kept = test.save_snapshot(
        test.save_tree({{"a", {noise(50'000, 2), "one"}}}, {{"shared", shared}}));
    // One pack with what the kept snapshot and the forgotten one need.
    test.save(BlobType::data, {noise(70'000, 3), noise(70'000, 4)});
    also_kept = test.save_snapshot(test.save_tree({{"b", {noise(70'000, 3)}}}));
    forgotten = test.save_snapshot(
        test.save_tree({{"c", {noise(70'000, 4), "two"}}}, {{"shared", shared}}));
    test.save(BlobType::data, {"nobody's"});
    test.files->put({FileKind::pack, std::string(64, 'e')}, as_bytes("left over"));
  }
  void forget() const { test.repository->remove(FileKind::snapshot, forgotten); }
  PruneReport run(const PruneOptions& options = {}, const std::vector<Id>& ignore = {}) {
    model::SilentObserver observer;
    test.reload();
    return prune(*test.repository, options, nullptr, ignore, observer, {});
  }
  // Whether all of these packs are still there, but for the one that was in no index.
  [[nodiscard]] bool has_all(std::vector<Id> packs) const {
    std::erase(packs, *format::parse_id(std::string(64, 'e')));
    const std::vector<Id> now = test.repository->list(FileKind::pack);
    return std::includes(now.begin(), now.end(), packs.begin(), packs.end());
  }
  [[nodiscard]] CheckReport check_all() const {
    model::SilentObserver observer;
    CheckOptions options;
    options.read_data = true;
    auto client = Repository::open(std::make_unique<HookStorage>(test.files), test_password());
    return check(*client, options, observer, {});
  }

  TestRepository test;
  Id kept, also_kept, forgotten;
};

std::string all(const CheckReport& report) {
  std::string text;
  for (const std::string& line : report.errors) text += line + "\n";
  for (const std::string& line : report.hints) text += line + "\n";
  return text;
}

TEST(Prune, LeavesExactlyWhatIsNeeded) {
  for (const unsigned version : {1U, 2U}) {
    Filled filled(version);
    filled.forget();
    PruneOptions options;
    options.max_unused = parse_max_unused("0");
    const PruneReport report = filled.run(options);
    EXPECT_EQ(report.packs_unreferenced, 1U);
    EXPECT_GE(report.packs_removed, 1U);
    EXPECT_GE(report.packs_repacked, 1U);
    const CheckReport after = filled.check_all();
    EXPECT_TRUE(after.sound() && after.hints.empty()) << all(after);
    filled.test.reload();
    const BlobIndex& index = filled.test.repository->index();
    EXPECT_FALSE(index.has({BlobType::data, format::id_of(as_bytes(noise(70'000, 4)))}));
    EXPECT_TRUE(index.has({BlobType::data, format::id_of(as_bytes(noise(70'000, 3)))}));
    EXPECT_EQ(index.blob_count(), report.blobs_remaining);
    // A second run finds nothing to do.
    const PruneReport again = filled.run(options);
    EXPECT_EQ(again.packs_removed + again.packs_repacked + again.packs_unreferenced, 0U);
    EXPECT_EQ(again.blobs_unused + again.blobs_duplicate, 0U);
  }
}

TEST(Prune, ChangesNothingInADryRun) {
  Filled filled;
  std::vector<std::size_t> before;
  for (const FileKind kind : storage::all_file_kinds()) before.push_back(filled.test.count(kind));
  PruneOptions options;
  options.dry_run = true;
  const PruneReport report = filled.run(options, {filled.forgotten});
  EXPECT_GE(report.packs_removed, 1U);
  std::vector<std::size_t> after;
  for (const FileKind kind : storage::all_file_kinds()) after.push_back(filled.test.count(kind));
  EXPECT_EQ(before, after);
}

TEST(Prune, RemovesEverythingWhenNoSnapshotIsLeft) {
  Filled filled;
  for (const Id& id : filled.test.repository->list(FileKind::snapshot)) {
    filled.test.repository->remove(FileKind::snapshot, id);
  }
  filled.run();
  EXPECT_EQ(filled.test.count(FileKind::pack), 0U);
  EXPECT_EQ(filled.test.count(FileKind::index), 0U);
  EXPECT_TRUE(filled.check_all().sound());
}

TEST(Prune, RemovesNothingWhenATreeIsUnreadable) {
  Filled filled;
  const std::size_t packs = filled.test.count(FileKind::pack);
  format::SnapshotFile snapshot = format::parse_snapshot_file(
      as_text(filled.test.repository->load_unpacked(FileKind::snapshot, filled.kept)));
  const BlobPlace place = *filled.test.repository->index().find({BlobType::tree, snapshot.tree});
  filled.test.flip(FileKind::pack, place.pack, place.offset_bytes + 20);
  filled.forget();
  EXPECT_EQ(code_thrown([&] { filled.run(); }), Errc::corrupt);
  EXPECT_EQ(filled.test.count(FileKind::pack), packs);
}

TEST(Prune, RemovesNothingWhenAnIndexFileIsLost) {
  Filled filled;
  filled.forget();
  for (const Id& id : filled.test.repository->list(FileKind::index)) {
    const Bytes content = filled.test.content(FileKind::index, id);
    filled.test.files->remove({FileKind::index, id.hex()});
    filled.test.reload();
    model::SilentObserver observer;
    const std::size_t packs = filled.test.count(FileKind::pack);
    const auto run = [&] {
      PruneOptions options;
      options.dry_run = true;
      static_cast<void>(prune(*filled.test.repository, options, nullptr, {}, observer, {}));
    };
    // Either nothing that this file named is needed, or it stops.
    const std::string message = message_thrown(run);
    EXPECT_TRUE(message == "nothing was thrown" ||
                message.find("nothing was removed") != std::string::npos)
        << message;
    EXPECT_EQ(filled.test.count(FileKind::pack), packs);
    filled.test.files->overwrite({FileKind::index, id.hex()}, content);
  }
}

TEST(Prune, StopsWhenASnapshotIsDamaged) {
  Filled filled;
  filled.test.flip(FileKind::snapshot, filled.kept, 30);
  const std::size_t packs = filled.test.count(FileKind::pack);
  EXPECT_EQ(code_thrown([&] { filled.run(); }), Errc::corrupt);
  EXPECT_EQ(filled.test.count(FileKind::pack), packs);
}

TEST(Prune, StopsBeforeRemovingWhenABlobToRepackIsDamaged) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  const BlobPlace place = *filled.test.repository->index().find(
      {BlobType::data, format::id_of(as_bytes(noise(70'000, 3)))});
  filled.test.flip(FileKind::pack, place.pack, place.offset_bytes + 20);
  std::vector<Id> before = filled.test.repository->list(FileKind::pack);
  PruneOptions options;
  options.max_unused = parse_max_unused("0");
  EXPECT_EQ(code_thrown([&] { filled.run(options); }), Errc::corrupt);
  std::vector<Id> after = filled.test.repository->list(FileKind::pack);
  std::erase(before, *format::parse_id(std::string(64, 'e')));  // was in no index
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

TEST(Prune, TakesAnotherCopyOfADamagedBlob) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  const format::BlobHandle blob{BlobType::data, format::id_of(as_bytes(noise(70'000, 3)))};
  const BlobPlace place = *filled.test.repository->index().find(blob);
  filled.test.flip(FileKind::pack, place.pack, place.offset_bytes + 20);
  // A copy beside rubbish, in a pack that will be removed or packed anew as well.
  BlobWriter writer(*filled.test.repository, {}, nullptr);
  BlobWriter::Worker worker(*filled.test.repository);
  writer.save_again(blob, as_bytes(noise(70'000, 3)), worker);
  static_cast<void>(writer.save(BlobType::data, as_bytes(noise(90'000, 77)), worker));
  writer.finish();
  PruneOptions options;
  options.max_unused = parse_max_unused("0");
  filled.run(options);
  filled.test.reload();
  Codec codec = filled.test.repository->codec();
  EXPECT_EQ(as_text(filled.test.repository->load_blob(blob, codec)), noise(70'000, 3));
}

TEST(Prune, ProvesNewPacksBeforeItRemovesOldOnes) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  // What is written from now on is damaged on its way to the disk.
  std::vector<std::string> written;
  std::mutex mutex;
  filled.test.hooks->on_put = [&](const FileRef& file) {
    const std::lock_guard lock(mutex);
    if (file.kind == FileKind::pack) written.push_back(file.name);
  };
  filled.test.hooks->on_read = [&](const FileRef& file) {
    const std::lock_guard lock(mutex);
    if (std::find(written.begin(), written.end(), file.name) == written.end()) return;
    Bytes content = *storage::read_file(*filled.test.files, file);
    content[0] ^= std::byte{1};
    filled.test.files->overwrite(file, content);
    written.clear();
  };
  const std::vector<Id> before = filled.test.repository->list(FileKind::pack);
  PruneOptions options;
  options.max_unused = parse_max_unused("0");
  EXPECT_EQ(code_thrown([&] { filled.run(options); }), Errc::corrupt);
  const std::vector<Id> after = filled.test.repository->list(FileKind::pack);
  EXPECT_GE(after.size(), before.size());
}

// Cuts the run off at each change of the repository in turn; what is left must always hold every
// snapshot.
TEST(Prune, LosesNothingWhereverItIsInterrupted) {
  for (int steps = 0; steps < 1000; ++steps) {
    Filled filled;
    filled.forget();
    std::atomic<int> left{steps};
    std::atomic<bool> was_cut{false};
    const auto step = [&](const FileRef&) {
      if (left-- > 0) return;
      was_cut = true;
      throw Error(Errc::unavailable, "the machine is gone");
    };
    filled.test.hooks->on_put = step;
    filled.test.hooks->on_remove = step;
    PruneOptions options;
    options.max_unused = parse_max_unused("0");
    const std::string message = message_thrown([&] { filled.run(options); });
    const CheckReport report = filled.check_all();
    EXPECT_TRUE(report.sound()) << "after " << steps << " steps:\n" << all(report);
    if (!was_cut) {
      EXPECT_EQ(message, "nothing was thrown");
      EXPECT_GE(steps, 5);
      return;
    }
    // The next run does the rest.
    filled.test.hooks->on_put = {};
    filled.test.hooks->on_remove = {};
    EXPECT_EQ(message_thrown([&] { filled.run(options); }), "nothing was thrown");
    const CheckReport after = filled.check_all();
    EXPECT_TRUE(after.sound() && after.hints.empty()) << all(after);
  }
  FAIL() << "it never came to an end";
}

TEST(Prune, RemovesOldIndexFilesAfterTheNewAndPacksLast) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  std::string order;
  std::mutex mutex;
  const std::vector<Id> old_packs = filled.test.repository->list(FileKind::pack);
  filled.test.hooks->on_put = [&](const FileRef& file) {
    const std::lock_guard lock(mutex);
    order += file.kind == FileKind::index ? 'I' : 'P';
  };
  filled.test.hooks->on_remove = [&](const FileRef& file) {
    const std::lock_guard lock(mutex);
    order += file.kind == FileKind::index ? 'i' : 'p';
  };
  PruneOptions options;
  options.max_unused = parse_max_unused("0");
  model::SilentObserver observer;
  static_cast<void>(prune(*filled.test.repository, options, nullptr, {}, observer, {}));
  EXPECT_EQ(order.front(), 'p');  // the one in no index
  const std::string rest = order.substr(1);
  EXPECT_LT(rest.rfind('P'), rest.find('i')) << order;
  EXPECT_LT(rest.rfind('I'), rest.find('i')) << order;
  EXPECT_LT(rest.rfind('i'), rest.find('p')) << order;
}

TEST(Prune, RecoversWithoutFreeSpace) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  // Nothing can be stored before something was removed.
  std::atomic<bool> is_full{true};
  filled.test.hooks->on_put = [&](const FileRef&) {
    if (is_full) throw Error(Errc::no_space, "disk full");
  };
  filled.test.hooks->on_remove = [&](const FileRef& file) {
    if (file.kind == FileKind::index) is_full = false;
  };
  PruneOptions options;
  options.unsafe_recover_no_free_space = true;
  filled.run(options);
  EXPECT_TRUE(filled.check_all().sound());
}

// Its old index is gone first; whatever happens then, the new one is written.
TEST(Prune, LeavesAnIndexWhenRecoveringIsCutOff) {
  for (const bool loses_its_lock : {true, false}) {
    Filled filled;
    filled.forget();
    filled.test.reload();
    LockOptions lock_options;
    lock_options.exclusive = true;
    lock_options.times.ask = std::chrono::milliseconds(0);
    const auto lock = Lock::acquire(*filled.test.repository, lock_options);
    std::stop_source stop;
    filled.test.hooks->on_remove = [&](const FileRef& file) {
      if (file.kind != FileKind::index) return;
      if (!loses_its_lock) stop.request_stop();
      if (loses_its_lock) {
        filled.test.files->list(FileKind::lock, [&](const storage::FoundFile& found) {
          filled.test.files->remove(found.file);
        });
      }
    };
    PruneOptions options;
    options.unsafe_recover_no_free_space = true;
    model::SilentObserver observer;
    EXPECT_EQ(code_thrown([&] {
                static_cast<void>(prune(*filled.test.repository, options, lock.get(), {}, observer,
                                        stop.get_token()));
              }),
              loses_its_lock ? Errc::locked : Errc::cancelled);
    const CheckReport report = filled.check_all();
    EXPECT_TRUE(report.sound()) << all(report);
  }
}

// Pauses end at a stop request, but not those of the last index.
TEST(Prune, LeavesAnIndexThoughALimitHoldsItBack) {
  for (const bool is_stopped_early : {true, false}) {
    Filled filled;
    filled.forget();
    std::stop_source stop;
    auto hooks = std::make_unique<HookStorage>(filled.test.files);
    HookStorage& hook = *hooks;
    storage::OpenOptions limits;
    limits.upload_bytes_per_second_max = 500;
    limits.stop = stop.get_token();
    const auto repository =
        Repository::open(storage::wrap(std::move(hooks), limits), test_password());
    model::SilentObserver observer;
    repository->load_index(observer);
    const std::size_t packs = filled.test.count(FileKind::pack);
    hook.on_remove = [&](const FileRef& file) {
      if (file.kind == FileKind::index && is_stopped_early) stop.request_stop();
    };
    hook.on_list = [&](FileKind kind) {
      if (kind == FileKind::pack && filled.test.count(FileKind::index) == 0) stop.request_stop();
    };
    const auto begun = std::chrono::steady_clock::now();
    PruneOptions options;
    options.unsafe_recover_no_free_space = true;
    options.repack_bytes_max = 0;
    const Errc code = code_thrown([&] {
      static_cast<void>(prune(*repository, options, nullptr, {}, observer, stop.get_token()));
    });
    EXPECT_EQ(code, is_stopped_early ? Errc::cancelled : Errc::bug);  // bug: nothing was thrown
    EXPECT_TRUE(stop.stop_requested());
    EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(100))
        << "the limit must have held something back";
    EXPECT_LT(filled.test.count(FileKind::pack), packs);
    const CheckReport report = filled.check_all();
    EXPECT_TRUE(report.sound()) << all(report);
  }
}

class WarningObserver final : public model::Observer {
 public:
  void warning(std::string_view text) override { warnings += std::string(text) + "\n"; }
  std::string warnings;
};

TEST(Prune, KeepsItsErrorThoughTheLastIndexCannotBeWritten) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  std::stop_source stop;
  filled.test.hooks->on_remove = [&](const FileRef& file) {
    if (file.kind == FileKind::index) stop.request_stop();
  };
  filled.test.hooks->on_put = [](const FileRef&) { throw Error(Errc::no_space, "disk full"); };
  PruneOptions options;
  options.unsafe_recover_no_free_space = true;
  WarningObserver observer;
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(
                  prune(*filled.test.repository, options, nullptr, {}, observer, stop.get_token()));
            }),
            Errc::cancelled);
  EXPECT_NE(observer.warnings.find("disk full"), std::string::npos) << observer.warnings;
  EXPECT_NE(observer.warnings.find("holdfast repair index"), std::string::npos)
      << observer.warnings;
}

TEST(Prune, NamesNoPackInTheLastIndexThatOthersHaveRemoved) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  const Id stolen = filled.test.repository->index()
                        .find({BlobType::data, format::id_of(as_bytes(noise(50'000, 2)))})
                        ->pack;
  filled.test.hooks->on_remove = [&](const FileRef& file) {
    if (file.kind == FileKind::pack && filled.test.count(FileKind::index) == 0)
      filled.test.files->remove({FileKind::pack, stolen.hex()});
  };
  PruneOptions options;
  options.unsafe_recover_no_free_space = true;
  options.repack_bytes_max = 0;
  WarningObserver observer;
  static_cast<void>(prune(*filled.test.repository, options, nullptr, {}, observer, {}));
  EXPECT_NE(observer.warnings.find("removed by another program"), std::string::npos)
      << observer.warnings;
  const auto again = filled.test.open_again();
  EXPECT_FALSE(again->index().pack(stolen));
  const BlobHandle kept{BlobType::data, format::id_of(as_bytes(noise(70'000, 3)))};
  EXPECT_TRUE(again->index().has(kept));
}

TEST(Prune, WritesNoLastIndexWhileTheOldOneIsThere) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  const std::vector<Id> before = filled.test.repository->list(FileKind::index);
  std::stop_source stop;
  // The last look before the removal is at the snapshots.
  int looks = 0;
  filled.test.hooks->on_list = [&](FileKind kind) {
    if (kind == FileKind::snapshot && ++looks == 3) stop.request_stop();
  };
  PruneOptions options;
  options.unsafe_recover_no_free_space = true;
  WarningObserver observer;
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(
                  prune(*filled.test.repository, options, nullptr, {}, observer, stop.get_token()));
            }),
            Errc::cancelled);
  EXPECT_EQ(looks, 3);
  EXPECT_EQ(filled.test.repository->list(FileKind::index), before);
  EXPECT_EQ(observer.warnings, "");
}

TEST(Prune, ChecksTheLockBeforeItRemoves) {
  Filled filled;
  filled.forget();
  LockOptions lock_options;
  lock_options.exclusive = true;
  lock_options.times.refresh = std::chrono::milliseconds(2);
  std::atomic<bool> is_lost{false};
  lock_options.on_lost = [&] { is_lost = true; };
  const auto lock = Lock::acquire(*filled.test.repository, lock_options);
  while (!is_lost) {
    filled.test.files->list(FileKind::lock, [&](const storage::FoundFile& found) {
      filled.test.files->remove(found.file);
    });
  }
  const std::size_t packs = filled.test.count(FileKind::pack);
  model::SilentObserver observer;
  filled.test.reload();
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(prune(*filled.test.repository, {}, lock.get(), {}, observer, {}));
            }),
            Errc::locked);
  EXPECT_EQ(filled.test.count(FileKind::pack), packs);
}

TEST(Prune, GoesOnWhenAPackCannotBeRemoved) {
  Filled filled;
  filled.forget();
  filled.test.hooks->on_remove = [](const FileRef& file) {
    if (file.kind == FileKind::pack) throw Error(Errc::denied, "not you");
  };
  EXPECT_EQ(message_thrown([&] { filled.run(); }), "nothing was thrown");
  EXPECT_TRUE(filled.check_all().sound());
}

TEST(Prune, StopsWhenASnapshotAppearsThatNoLockHeldBack) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  const std::vector<Id> index = filled.test.repository->list(FileKind::index);
  const std::size_t packs = filled.test.count(FileKind::pack);
  bool is_planted = false;
  filled.test.hooks->on_put = [&](const FileRef& file) {
    if (file.kind != FileKind::index || is_planted) return;
    is_planted = true;
    filled.test.files->put({FileKind::snapshot, std::string(64, 'd')}, as_bytes("a snapshot"));
  };
  model::SilentObserver observer;
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(prune(*filled.test.repository, {}, nullptr, {}, observer, {}));
            }),
            Errc::locked);
  EXPECT_GE(filled.test.count(FileKind::pack), packs - 1);
  for (const Id& id : index)
    EXPECT_TRUE(filled.test.files->size_bytes({FileKind::index, id.hex()}));
}

TEST(Prune, RemovesWhatRusticHasMarkedForDeletion) {
  Filled filled;
  const format::IndexedPack marked = filled.test.repository->index().packs().back();
  std::string json;
  format::append_index_json(json, {marked});
  json.replace(json.find("\"packs\""), 7, "\"packs\":[],\"packs_to_delete\"");
  filled.test.repository->save_unpacked(FileKind::index, json);
  for (const Id& id : filled.test.repository->list(FileKind::index)) {
    const Bytes text = filled.test.repository->load_unpacked(FileKind::index, id);
    const bool names_it = as_text(text).find(marked.id.hex()) != std::string_view::npos;
    if (names_it && as_text(text).find("packs_to_delete") == std::string_view::npos) {
      filled.test.files->remove({FileKind::index, id.hex()});
    }
  }
  const PruneReport report = filled.run();
  EXPECT_EQ(report.packs_unreferenced, 2U);
  EXPECT_FALSE(filled.test.files->size_bytes({FileKind::pack, marked.id.hex()}));
  EXPECT_TRUE(filled.check_all().sound());
}

TEST(Prune, StopsWhenAnIndexFileAppearsThatNoLockHeldBack) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  const auto other = filled.test.open_again();
  BlobWriter writer(*other, {}, nullptr);
  BlobWriter::Worker worker(*other);
  const Id blob = writer.save(BlobType::data, as_bytes("of another program"), worker).id;
  writer.finish();
  model::SilentObserver observer;
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(prune(*filled.test.repository, {}, nullptr, {}, observer, {}));
            }),
            Errc::locked);
  // What the index of the other names is still there.
  Codec codec = other->codec();
  EXPECT_EQ(as_text(filled.test.open_again()->load_blob({BlobType::data, blob}, codec)),
            "of another program");
  EXPECT_TRUE(filled.check_all().sound()) << all(filled.check_all());
}

LockOptions quick_exclusive() {
  LockOptions options;
  options.exclusive = true;
  return options;
}

// What another's `unlock` does when it takes our lock for stale, as after this machine has slept.
void remove_locks(const TestRepository& test) {
  test.files->list(FileKind::lock,
                   [&](const storage::FoundFile& found) { test.files->remove(found.file); });
}

TEST(Prune, TakesNoIndexAwayOnceItsLockIsLost) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  const auto lock = Lock::acquire(*filled.test.repository, quick_exclusive());
  const std::vector<Id> index = filled.test.repository->list(FileKind::index);
  const std::vector<Id> packs = filled.test.repository->list(FileKind::pack);
  filled.test.hooks->on_put = [&](const FileRef& file) {
    if (file.kind == FileKind::index) remove_locks(filled.test);
  };
  model::SilentObserver observer;
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(prune(*filled.test.repository, {}, lock.get(), {}, observer, {}));
            }),
            Errc::locked);
  EXPECT_EQ(filled.test.repository->list(FileKind::index), index);
  EXPECT_TRUE(filled.has_all(packs));
  EXPECT_TRUE(filled.check_all().sound());
}

TEST(Prune, TakesNoUnreferencedPackAwayOnceItsLockIsLost) {
  Filled filled;
  filled.test.reload();
  const auto lock = Lock::acquire(*filled.test.repository, quick_exclusive());
  lock->check();
  remove_locks(filled.test);
  const std::size_t packs = filled.test.count(FileKind::pack);
  model::SilentObserver observer;
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(prune(*filled.test.repository, {}, lock.get(), {}, observer, {}));
            }),
            Errc::locked);
  EXPECT_EQ(filled.test.count(FileKind::pack), packs);
}

// Somebody who came while the old index was there counts on packs that only it named.
TEST(Prune, KeepsThePacksWhenASnapshotAppearsWhileTheIndexChanges) {
  Filled filled;
  filled.forget();
  filled.test.reload();
  std::atomic<bool> is_put{false};  // index files are removed by several threads
  filled.test.hooks->on_remove = [&](const FileRef& file) {
    const FileRef snapshot{FileKind::snapshot, std::string(64, 'd')};
    if (file.kind == FileKind::index && !is_put.exchange(true)) {
      filled.test.files->put(snapshot, as_bytes("a snapshot"));
    }
  };
  const std::vector<Id> packs = filled.test.repository->list(FileKind::pack);
  model::SilentObserver observer;
  const std::string message = message_thrown(
      [&] { static_cast<void>(prune(*filled.test.repository, {}, nullptr, {}, observer, {})); });
  EXPECT_NE(message.find("repair index"), std::string::npos) << message;
  EXPECT_TRUE(filled.has_all(packs));
}

TEST(Prune, RemovesNothingWhenTheSnapshotsDirectoryIsGone) {
  const TemporaryDirectory place("holdfast-prune");
  Repository::InitOptions init;
  init.cost = quick_cost;
  const auto repository = Repository::init(std::make_unique<storage::LocalStorage>(place.path()),
                                           test_password(), init);
  {
    BlobWriter writer(*repository, {}, nullptr);
    BlobWriter::Worker worker(*repository);
    static_cast<void>(writer.save(BlobType::data, as_bytes("needed by what is gone"), worker));
    writer.finish();
  }
  std::filesystem::remove_all(place.path() / "snapshots");
  model::SilentObserver observer;
  repository->load_index(observer);
  EXPECT_EQ(
      code_thrown([&] { static_cast<void>(prune(*repository, {}, nullptr, {}, observer, {})); }),
      Errc::corrupt);
  EXPECT_EQ(repository->list(FileKind::pack).size(), 1U);
  EXPECT_EQ(repository->list(FileKind::index).size(), 1U);
}

TEST(Prune, RemovesWhatInterruptedWritesHaveLeft) {
  Filled filled;
  std::vector<bool> calls;
  filled.test.hooks->on_leftovers = [&](std::chrono::seconds age_min, bool dry_run) {
    EXPECT_GE(age_min, std::chrono::hours(1)) << "it may be under way";
    calls.push_back(dry_run);
    return storage::Leftovers{.files = 3, .size_bytes = 4000, .kept = 0};
  };
  PruneOptions options;
  options.dry_run = true;
  filled.run(options);
  EXPECT_EQ(calls, std::vector{true});
  const PruneReport report = filled.run();
  EXPECT_EQ(calls, (std::vector{true, false}));
  EXPECT_EQ(report.leftover_files, 3U);
  EXPECT_EQ(report.leftover_bytes, 4000U);
}

TEST(Prune, ReadsToleratedUnusedSpace) {
  using Kind = PruneOptions::MaxUnused::Kind;
  EXPECT_EQ(parse_max_unused("unlimited").kind, Kind::unlimited);
  EXPECT_DOUBLE_EQ(parse_max_unused("7.5%").percent, 7.5);
  EXPECT_EQ(parse_max_unused("10G").size_bytes, std::uint64_t{10} << 30U);
  EXPECT_EQ(parse_max_unused("0").kind, Kind::bytes);
  for (const char* text : {"", "100%", "-1%", "%", "x%", "lots"}) {
    EXPECT_EQ(code_thrown([&] { static_cast<void>(parse_max_unused(text)); }), Errc::usage) << text;
  }
}

}  // namespace
}  // namespace holdfast::repo
