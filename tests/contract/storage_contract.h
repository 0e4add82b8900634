// SPDX-License-Identifier: Apache-2.0
// What every storage promises, as tests: included by one program, which instantiates them for each
// driver and each wrapper.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "storage/storage.h"

namespace holdfast::test {

// One storage to test: its name and how to make an empty one. What the storage needs (a directory)
// is kept alive by the pointer.
struct StorageCase {
  std::string name;
  std::function<std::shared_ptr<storage::Storage>()> make;
};

inline void PrintTo(const StorageCase& tested, std::ostream* out) {
  *out << tested.name;
}

class StorageContract : public testing::TestWithParam<StorageCase> {
 protected:
  using FileKind = storage::FileKind;
  using FileRef = storage::FileRef;

  void SetUp() override {
    owner_ = GetParam().make();
    storage().create();
  }
  [[nodiscard]] storage::Storage& storage() { return *owner_; }

  // A name of 64 digits that begins with `start`.
  static FileRef file(FileKind kind, std::string start) {
    if (kind == FileKind::config) return {};
    start.resize(64, '0');
    return {kind, start};
  }
  static Bytes content_of(std::size_t size_bytes, unsigned seed) {
    Bytes content(size_bytes);
    for (std::size_t i = 0; i < size_bytes; ++i) {
      seed = seed * 1664525U + 1013904223U;
      content[i] = static_cast<std::byte>(seed >> 24U);
    }
    return content;
  }
  // What is stored as text; "(none)" if nothing is.
  std::string text_of(const FileRef& ref) {
    const std::optional<Bytes> content = read_file(storage(), ref);
    return content ? std::string(as_text(*content)) : "(none)";
  }
  std::set<std::string> names(FileKind kind) {
    std::set<std::string> found;
    storage().list(kind, [&](const storage::FoundFile& shown) {
      EXPECT_EQ(shown.file.kind, kind);
      EXPECT_TRUE(found.insert(shown.file.name).second) << "listed twice: " << shown.file.name;
    });
    return found;
  }
  // The code of the Error that `body` throws; fails the test if it throws none.
  static Errc code_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_FALSE(error.message().empty());
      return error.code();
    }
    ADD_FAILURE() << "no error was thrown";
    return Errc::bug;
  }

 private:
  std::shared_ptr<storage::Storage> owner_;
};

TEST_P(StorageContract, CreatesTwiceWithoutHarm) {
  storage().put(file(FileKind::pack, "ab"), as_bytes("kept"));
  storage().create();
  EXPECT_EQ(text_of(file(FileKind::pack, "ab")), "kept");
}

TEST_P(StorageContract, GivesBackWhatWasPutOfEveryKind) {
  for (const FileKind kind : storage::all_file_kinds()) {
    const FileRef ref = file(kind, "3f");
    EXPECT_EQ(storage().size_bytes(ref), std::nullopt);
    storage().put(ref, as_bytes(file_kind_name(kind)));
    EXPECT_EQ(storage().size_bytes(ref), file_kind_name(kind).size());
  }
  for (const FileKind kind : storage::all_file_kinds()) {
    EXPECT_EQ(text_of(file(kind, "3f")), file_kind_name(kind)) << "kinds are mixed up";
  }
}

TEST_P(StorageContract, ReadsRanges) {
  const Bytes content = content_of(300'000, 1);
  for (const FileKind kind : {FileKind::pack, FileKind::index, FileKind::snapshot}) {
    storage().put(file(kind, "77"), content);
    for (const auto& [offset, size] : std::vector<std::pair<std::size_t, std::size_t>>{
             {0, 1}, {1, 4096}, {150'000, 150'000}, {299'999, 1}, {300'000, 0}, {0, 300'000}}) {
      Bytes out(size);
      storage().read(file(kind, "77"), offset, out);
      EXPECT_TRUE(
          std::equal(out.begin(), out.end(), content.begin() + static_cast<std::ptrdiff_t>(offset)))
          << offset << "+" << size;
    }
  }
}

TEST_P(StorageContract, RefusesBytesPastTheEnd) {
  for (const FileKind kind : {FileKind::pack, FileKind::index}) {
    const FileRef ref = file(kind, "a1");
    storage().put(ref, as_bytes("0123456789"));
    Bytes out(4);
    EXPECT_EQ(code_of([&] { storage().read(ref, 7, out); }), Errc::corrupt);
    EXPECT_EQ(code_of([&] { storage().read(ref, 10, out); }), Errc::corrupt);
    EXPECT_EQ(code_of([&] { storage().read(ref, 1ULL << 40U, out); }), Errc::corrupt);
  }
}

TEST_P(StorageContract, TreatsAMissingFileAsEachCallPromises) {
  for (const FileKind kind : storage::all_file_kinds()) {
    const FileRef ref = file(kind, "de");
    Bytes out(1);
    EXPECT_EQ(storage().size_bytes(ref), std::nullopt);
    EXPECT_EQ(read_file(storage(), ref), std::nullopt);
    EXPECT_EQ(code_of([&] { storage().read(ref, 0, out); }), Errc::corrupt);
    EXPECT_NO_THROW(storage().remove(ref));
    EXPECT_TRUE(names(kind).empty());
  }
}

TEST_P(StorageContract, NeverReplacesAFile) {
  for (const FileKind kind : storage::all_file_kinds()) {
    const FileRef ref = file(kind, "c0");
    storage().put(ref, as_bytes("first"));
    EXPECT_EQ(code_of([&] { storage().put(ref, as_bytes("second")); }), Errc::exists);
    EXPECT_EQ(text_of(ref), "first");
  }
}

TEST_P(StorageContract, ReplacesTheConfigFileOnly) {
  storage().put(FileRef{}, as_bytes("old"));
  storage().replace_config(as_bytes("newer"));
  EXPECT_EQ(text_of(FileRef{}), "newer");
  EXPECT_EQ(storage().size_bytes(FileRef{}), 5U);
  storage().remove(FileRef{});
  storage().replace_config(as_bytes("again"));
  EXPECT_EQ(text_of(FileRef{}), "again");
}

TEST_P(StorageContract, StoresAnEmptyAndALargeFile) {
  storage().put(file(FileKind::pack, "e0"), {});
  EXPECT_EQ(storage().size_bytes(file(FileKind::pack, "e0")), 0U);
  EXPECT_EQ(text_of(file(FileKind::pack, "e0")), "");
  const Bytes large = content_of(5'000'001, 2);
  storage().put(file(FileKind::pack, "e1"), large);
  EXPECT_EQ(read_file(storage(), file(FileKind::pack, "e1")), large);
}

TEST_P(StorageContract, ListsEveryFileOnceWithItsSize) {
  std::set<std::string> expected;
  for (const char* start : {"00", "0a", "7f", "ff", "ff1"}) {
    const FileRef ref = file(FileKind::pack, start);
    storage().put(ref, as_bytes(start));
    expected.insert(ref.name);
  }
  storage().put(file(FileKind::index, "11"), as_bytes("index"));
  EXPECT_EQ(names(FileKind::pack), expected);
  EXPECT_EQ(names(FileKind::index), std::set{file(FileKind::index, "11").name});
  EXPECT_TRUE(names(FileKind::snapshot).empty());
  storage().list(FileKind::pack, [&](const storage::FoundFile& found) {
    EXPECT_EQ(found.size_bytes, storage().size_bytes(found.file));
  });
}

TEST_P(StorageContract, ListsTheConfigWithoutAName) {
  storage().put(FileRef{}, as_bytes("config"));
  EXPECT_EQ(names(FileKind::config), std::set<std::string>{""});
}

TEST_P(StorageContract, LetsAListingRemoveWhatItShows) {
  for (const char* start : {"01", "02", "03"}) {
    storage().put(file(FileKind::snapshot, start), as_bytes("x"));
  }
  storage().list(FileKind::snapshot,
                 [&](const storage::FoundFile& found) { storage().remove(found.file); });
  EXPECT_TRUE(names(FileKind::snapshot).empty());
}

TEST_P(StorageContract, PassesAnErrorOfTheVisitorOn) {
  storage().put(file(FileKind::key, "01"), as_bytes("x"));
  EXPECT_EQ(code_of([&] {
              storage().list(FileKind::key, [](const storage::FoundFile&) {
                throw Error(Errc::cancelled, "enough was seen");
              });
            }),
            Errc::cancelled);
}

TEST_P(StorageContract, RemovesAndTakesTheSameNameAgain) {
  for (const FileKind kind : storage::all_file_kinds()) {
    const FileRef ref = file(kind, "88");
    storage().put(ref, as_bytes("before"));
    EXPECT_EQ(text_of(ref), "before");
    storage().remove(ref);
    EXPECT_EQ(storage().size_bytes(ref), std::nullopt);
    storage().put(ref, as_bytes("after it"));
    EXPECT_EQ(text_of(ref), "after it");
  }
}

TEST_P(StorageContract, RefusesNamesThatAreNone) {
  Bytes out(1);
  for (const char* name : {"", "../../../../etc/passwd", "abc"}) {
    const FileRef ref{FileKind::pack, name};
    EXPECT_EQ(code_of([&] { storage().put(ref, as_bytes("x")); }), Errc::bug) << name;
    EXPECT_EQ(code_of([&] { storage().read(ref, 0, out); }), Errc::bug) << name;
    EXPECT_EQ(code_of([&] { static_cast<void>(storage().size_bytes(ref)); }), Errc::bug) << name;
    EXPECT_EQ(code_of([&] { storage().remove(ref); }), Errc::bug) << name;
  }
  EXPECT_EQ(code_of([&] { storage().put({FileKind::config, "x"}, as_bytes("x")); }), Errc::bug);
  EXPECT_EQ(code_of([&] { storage().put({FileKind::key, std::string(64, 'A')}, {}); }), Errc::bug);
}

TEST_P(StorageContract, ServesAsManyThreadsAsItSays) {
  const unsigned threads = std::max(storage().connections_max(), 1U) + 1;
  EXPECT_GE(storage().connections_max(), 1U);
  std::atomic<unsigned> wins = 0;
  {
    std::vector<std::jthread> crew;
    for (unsigned number = 0; number < threads; ++number) {
      crew.emplace_back([&, number] {
        for (unsigned i = 0; i < 8; ++i) {
          const FileRef own = file(FileKind::pack, std::to_string(10 + number) + std::to_string(i));
          const Bytes content = content_of(10'000 + i, number);
          storage().put(own, content);
          EXPECT_EQ(read_file(storage(), own), content);
        }
        try {
          storage().put(file(FileKind::pack, "aaaa"), as_bytes("the same"));
          ++wins;
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), Errc::exists);
        }
      });
    }
  }
  EXPECT_EQ(wins, 1U) << "one name was given to more or less than one writer";
  EXPECT_EQ(names(FileKind::pack).size(), threads * 8 + 1);
}

TEST_P(StorageContract, SaysWhereItIs) {
  EXPECT_FALSE(storage().location().empty());
}

}  // namespace holdfast::test
