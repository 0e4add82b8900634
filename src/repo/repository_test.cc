// SPDX-License-Identifier: Apache-2.0
#include "repo/repository.h"

#include <gtest/gtest.h>

#include "format/index_file.h"
#include "repo/keyring.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

using format::BlobType;
using format::Id;
using storage::FileKind;

TEST(Repository, OpensWhatItMade) {
  const TestRepository test;
  const auto again = test.open_again();
  EXPECT_EQ(again->config().version, 2U);
  EXPECT_EQ(again->config().id, test.repository->config().id);
  EXPECT_EQ(again->config().chunker_polynomial, test.repository->config().chunker_polynomial);
  EXPECT_EQ(again->key_id(), test.repository->key_id());
  EXPECT_EQ(again->key().encrypt, test.repository->key().encrypt);
}

TEST(Repository, SaysThatThereIsNone) {
  const std::string message = message_thrown([] {
    static_cast<void>(
        Repository::open(std::make_unique<storage::MemoryStorage>(), test_password()));
  });
  EXPECT_NE(message.find("no repository at memory:"), std::string::npos) << message;
  EXPECT_EQ(code_thrown([] {
              static_cast<void>(
                  Repository::open(std::make_unique<storage::MemoryStorage>(), test_password()));
            }),
            Errc::no_repository);
}

TEST(Repository, RefusesAWrongPassword) {
  const TestRepository test;
  EXPECT_EQ(
      code_thrown([&] {
        static_cast<void>(Repository::open(test.files->copy(), Secret(std::string("falsch"))));
      }),
      Errc::wrong_password);
}

TEST(Repository, IsNotMadeWhereARepositoryOrItsRestLies) {
  const TestRepository test;
  Repository::InitOptions options;
  options.cost = quick_cost;
  const auto init = [&](std::unique_ptr<storage::MemoryStorage> files) {
    return code_thrown(
        [&] { static_cast<void>(Repository::init(std::move(files), test_password(), options)); });
  };
  EXPECT_EQ(init(test.files->copy()), Errc::exists);
  auto only_key = test.files->copy();
  only_key->remove({FileKind::config, {}});
  EXPECT_EQ(init(std::move(only_key)), Errc::exists);
  auto only_snapshot = std::make_unique<storage::MemoryStorage>();
  only_snapshot->put({FileKind::snapshot, std::string(64, 'a')}, as_bytes("x"));
  EXPECT_EQ(init(std::move(only_snapshot)), Errc::exists);
}

TEST(Repository, IsMadeWithTheVersionAndPolynomialAskedFor) {
  Repository::InitOptions options;
  options.cost = quick_cost;
  options.version = 1;
  options.chunker_polynomial = 0x3DA3358B4DC173;
  const auto made =
      Repository::init(std::make_unique<storage::MemoryStorage>(), test_password(), options);
  EXPECT_EQ(made->config().version, 1U);
  EXPECT_EQ(made->config().chunker_polynomial, 0x3DA3358B4DC173U);
  options.version = 3;
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(Repository::init(std::make_unique<storage::MemoryStorage>(),
                                                 test_password(), options));
            }),
            Errc::usage);
  options.version = 2;
  options.chunker_polynomial = 0x3DA3358B4DC175;
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(Repository::init(std::make_unique<storage::MemoryStorage>(),
                                                 test_password(), options));
            }),
            Errc::usage);
}

TEST(Repository, StoresTheKeyBeforeTheConfig) {
  const auto files = std::make_shared<storage::MemoryStorage>();
  auto hooks = std::make_unique<HookStorage>(files);
  std::vector<FileKind> order;
  hooks->on_put = [&](const storage::FileRef& file) { order.push_back(file.kind); };
  Repository::InitOptions options;
  options.cost = quick_cost;
  static_cast<void>(Repository::init(std::move(hooks), test_password(), options));
  EXPECT_EQ(order, (std::vector{FileKind::key, FileKind::config}));
}

TEST(Repository, CallsADamagedConfigByItsName) {
  const TestRepository test;
  Bytes config = *storage::read_file(*test.files, {FileKind::config, {}});
  config[20] ^= std::byte{1};
  test.files->overwrite({FileKind::config, {}}, config);
  const auto open = [&] {
    static_cast<void>(Repository::open(test.files->copy(), test_password()));
  };
  EXPECT_EQ(code_thrown(open), Errc::corrupt);
  EXPECT_NE(message_thrown(open).find("config"), std::string::npos);
}

TEST(Repository, KeepsUnpackedFilesOfBothVersions) {
  for (const unsigned version : {1U, 2U}) {
    const TestRepository test(version);
    const std::string json = R"({"time":"2026-01-01T00:00:00Z","tree":null})";
    const Id id = test.repository->save_unpacked(FileKind::snapshot, json);
    EXPECT_EQ(id, format::id_of(test.content(FileKind::snapshot, id)));
    EXPECT_EQ(as_text(test.repository->load_unpacked(FileKind::snapshot, id)), json);
    EXPECT_EQ(test.repository->list(FileKind::snapshot), std::vector<Id>{id});
    Codec codec = test.repository->codec();
    Bytes plain;
    codec.sealer.open(test.content(FileKind::snapshot, id), plain);
    EXPECT_EQ(plain[0], version == 1 ? std::byte{'{'} : std::byte{2});
    test.repository->remove(FileKind::snapshot, id);
    EXPECT_EQ(code_thrown([&] {
                static_cast<void>(test.repository->load_unpacked(FileKind::snapshot, id));
              }),
              Errc::not_found);
  }
}

TEST(Repository, HandsOutKeysAndConfigAsJson) {
  const TestRepository test;
  const Bytes key = test.repository->load_unpacked(FileKind::key, test.repository->key_id());
  EXPECT_NE(as_text(key).find("scrypt"), std::string::npos);
  const Bytes config = test.repository->load_unpacked(FileKind::config, {});
  EXPECT_NE(as_text(config).find("chunker_polynomial"), std::string::npos);
}

TEST(Repository, RefusesAFileThatIsNotWhatItsNameSays) {
  const TestRepository test;
  const Id id = test.repository->save_unpacked(FileKind::snapshot, "{}");
  test.flip(FileKind::snapshot, id, 5);
  const auto load = [&] {
    static_cast<void>(test.repository->load_unpacked(FileKind::snapshot, id));
  };
  EXPECT_EQ(code_thrown(load), Errc::corrupt);
  EXPECT_NE(message_thrown(load).find(id.hex()), std::string::npos);
}

TEST(Repository, TakesNoMoreMemoryForAFileThanARealOneNeeds) {
  TestRepository test;
  Repository& repository = *test.repository;
  for (const auto& [kind, size_bytes] : {std::pair(FileKind::lock, std::size_t{2} << 20U),
                                         std::pair(FileKind::snapshot, std::size_t{130} << 20U)}) {
    const Id id = repository.save_unpacked(kind, "{" + std::string(size_bytes, ' ') + "}");
    EXPECT_LT(test.content(kind, id).size(), std::size_t{64} << 10U);
    EXPECT_EQ(code_thrown([&] { static_cast<void>(repository.load_unpacked(kind, id)); }),
              Errc::corrupt);
  }
}

TEST(Repository, SaysWhatWasBeingWrittenWhenSpaceRanOut) {
  const TestRepository test;
  test.hooks->on_put = [](const storage::FileRef&) { throw Error(Errc::no_space, "disk full"); };
  const auto save = [&] {
    static_cast<void>(test.repository->save_unpacked(FileKind::snapshot, "{}"));
  };
  EXPECT_EQ(code_thrown(save), Errc::no_space);
  EXPECT_NE(message_thrown(save).find("writing a snapshot"), std::string::npos);
}

TEST(Repository, LoadsAllIndexFiles) {
  TestRepository test;
  std::vector<Id> ids;
  for (int i = 0; i < 20; ++i)
    ids.push_back(test.save(BlobType::data, {"text " + std::to_string(i)}).front());
  EXPECT_EQ(test.count(FileKind::index), 20U);
  const auto again = test.open_again();
  EXPECT_EQ(again->index().blob_count(), 20U);
  EXPECT_EQ(again->index_files().size(), 20U);
  Codec codec = again->codec();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(as_text(again->load_blob({BlobType::data, ids[static_cast<std::size_t>(i)]}, codec)),
              "text " + std::to_string(i));
  }
  again->forget_index();
  EXPECT_EQ(again->index().blob_count(), 0U);
}

TEST(Repository, NamesTheIndexFileThatIsDamaged) {
  TestRepository test;
  for (int i = 0; i < 5; ++i) test.save(BlobType::data, {"text " + std::to_string(i)});
  const Id bad = test.repository->list(FileKind::index).at(2);
  test.flip(FileKind::index, bad, 40);
  EXPECT_EQ(code_thrown([&] { test.reload(); }), Errc::corrupt);
  EXPECT_NE(message_thrown([&] { test.reload(); }).find(bad.hex()), std::string::npos);

  std::vector<Id> damaged;
  model::SilentObserver observer;
  std::size_t seen = 0;
  test.repository->load_index(
      observer, {}, [&](const Id& id, const Error&) { damaged.push_back(id); },
      [&](const format::IndexedPack&, BlobIndex::Added) { ++seen; });
  EXPECT_EQ(damaged, std::vector<Id>{bad});
  EXPECT_EQ(seen, 4U);
  EXPECT_EQ(test.repository->index().blob_count(), 4U);
}

TEST(Repository, ReadsAnotherCopyOfABlobWhenOneIsDamaged) {
  TestRepository test;
  const Id id = test.save(BlobType::data, {"precious"}).front();
  test.save(BlobType::data, {"precious"}, true);
  const auto packs = test.repository->index().packs();
  ASSERT_EQ(packs.size(), 2U);
  Codec codec = test.repository->codec();
  test.flip(FileKind::pack, packs[0].id, 20);
  EXPECT_EQ(as_text(test.repository->load_blob({BlobType::data, id}, codec)), "precious");
  test.flip(FileKind::pack, packs[1].id, 20);
  const auto load = [&] {
    static_cast<void>(test.repository->load_blob({BlobType::data, id}, codec));
  };
  EXPECT_EQ(code_thrown(load), Errc::corrupt);
  EXPECT_NE(message_thrown(load).find(id.hex()), std::string::npos);
  EXPECT_NE(message_thrown(load).find(packs[0].id.hex()), std::string::npos);
}

TEST(Repository, SaysThatABlobIsUnknown) {
  TestRepository test;
  Codec codec = test.repository->codec();
  EXPECT_EQ(code_thrown([&] {
              static_cast<void>(test.repository->load_blob({BlobType::tree, {}}, codec));
            }),
            Errc::not_found);
}

TEST(Repository, FindsFilesByTheBeginningOfTheirId) {
  const TestRepository test;
  std::vector<Id> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(
        test.repository->save_unpacked(FileKind::snapshot, "{\"n\":" + std::to_string(i) + "}"));
  }
  for (const Id& id : ids)
    EXPECT_EQ(test.repository->find_by_prefix(FileKind::snapshot, id.hex()), id);
  bool was_ambiguous = false;
  for (const char digit : std::string("0123456789abcdef")) {
    const auto find = [&] {
      static_cast<void>(test.repository->find_by_prefix(FileKind::snapshot, std::string(1, digit)));
    };
    was_ambiguous = was_ambiguous || code_thrown(find) == Errc::usage;
  }
  EXPECT_TRUE(was_ambiguous);  // 20 ids, 16 digits
  for (const char* prefix : {"", "xyz", "00000000000000000000"}) {
    EXPECT_EQ(code_thrown([&] {
                static_cast<void>(test.repository->find_by_prefix(FileKind::snapshot, prefix));
              }),
              Errc::not_found);
  }
}

class Warnings final : public model::Observer {
 public:
  void warning(std::string_view text) override { texts.emplace_back(text); }
  std::vector<std::string> texts;
};

TEST(Repository, KnowsNothingOfPacksThatAreGoneOrCutShortWhenItWrites) {
  TestRepository test;
  const Id gone = test.save(BlobType::data, {noise(9'000, 1)}).front();
  const Id cut = test.save(BlobType::data, {noise(9'000, 2)}).front();
  const Id whole = test.save(BlobType::data, {noise(9'000, 3)}).front();
  const BlobIndex& index = test.repository->index();
  const Id gone_pack = index.find({BlobType::data, gone})->pack;
  const Id cut_pack = index.find({BlobType::data, cut})->pack;
  Warnings observer;
  test.repository->load_index_for_writing(observer);
  EXPECT_TRUE(observer.texts.empty());
  EXPECT_EQ(test.repository->index().pack_count(), 3U);

  test.files->remove({FileKind::pack, gone_pack.hex()});
  const Bytes content = test.content(FileKind::pack, cut_pack);
  test.files->overwrite({FileKind::pack, cut_pack.hex()},
                        ByteView(content).first(content.size() / 2));
  test.repository->load_index_for_writing(observer);
  ASSERT_EQ(observer.texts.size(), 1U);
  EXPECT_TRUE(observer.texts[0].starts_with("2 packs ")) << observer.texts[0];
  const BlobIndex& known = test.repository->index();
  EXPECT_FALSE(known.has({BlobType::data, gone}));
  EXPECT_FALSE(known.has({BlobType::data, cut}));
  EXPECT_TRUE(known.has({BlobType::data, whole}));

  // Stored anew, it can be read by all.
  test.save(BlobType::data, {noise(9'000, 1), noise(9'000, 2), noise(9'000, 3)});
  const auto again = test.open_again();
  Codec codec = again->codec();
  for (const Id& id : {gone, cut, whole}) {
    EXPECT_EQ(format::id_of(again->load_blob({BlobType::data, id}, codec)), id);
  }
  EXPECT_EQ(test.count(FileKind::pack), 3U) << "what is whole is not stored twice";
}

TEST(Repository, UpgradesAConfigAndKeepsAllElse) {
  TestRepository test(1);
  const Id root = test.save_tree({{"a", {"one"}}});
  test.save_snapshot(root);
  const format::ConfigFile before = test.repository->config();
  const Bytes stored = *storage::read_file(*test.files, {FileKind::config, {}});
  Bytes kept;
  test.repository->upgrade_to_version_2([&](ByteView old) { kept.assign(old.begin(), old.end()); });
  EXPECT_EQ(kept, stored);
  const auto again = test.open_again();
  EXPECT_EQ(again->config().version, 2U);
  EXPECT_EQ(again->config().id, before.id);
  EXPECT_EQ(again->config().chunker_polynomial, before.chunker_polynomial);
  Codec codec = again->codec();
  EXPECT_FALSE(again->load_blob({format::BlobType::tree, root}, codec).empty());
  EXPECT_EQ(code_thrown([&] { again->upgrade_to_version_2([](ByteView) {}); }), Errc::usage);
}

// A storage that tears what it replaces and then says so, or does not.
class TearingStorage final : public storage::Storage {
 public:
  TearingStorage(std::shared_ptr<storage::MemoryStorage> below, bool says_so)
      : below_(std::move(below)), says_so_(says_so) {}
  void create() override { below_->create(); }
  void put(const storage::FileRef& file, ByteView content) override { below_->put(file, content); }
  void replace_config(ByteView content) override {
    if (torn_) return below_->replace_config(content);
    torn_ = true;
    below_->replace_config(content.first(content.size() / 2));
    if (says_so_) throw Error(Errc::io, "torn");
  }
  void read(const storage::FileRef& file, std::uint64_t offset_bytes,
            std::span<std::byte> out) override {
    below_->read(file, offset_bytes, out);
  }
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const storage::FileRef& file) override {
    return below_->size_bytes(file);
  }
  void list(storage::FileKind kind,
            const std::function<void(const storage::FoundFile&)>& visit) override {
    below_->list(kind, visit);
  }
  void remove(const storage::FileRef& file) override { below_->remove(file); }
  storage::Leftovers remove_leftovers(std::chrono::seconds, bool) override { return {}; }
  void distrust_copies() override {}
  [[nodiscard]] unsigned connections_max() const noexcept override { return 4; }
  [[nodiscard]] std::string location() const override { return "tearing:"; }

 private:
  const std::shared_ptr<storage::MemoryStorage> below_;
  const bool says_so_;
  bool torn_ = false;
};

TEST(Repository, PutsTheOldConfigBackIfTheNewOneIsTorn) {
  for (const bool says_so : {false, true}) {
    const TestRepository test(1);
    const auto opened =
        Repository::open(std::make_unique<TearingStorage>(test.files, says_so), test_password());
    EXPECT_EQ(code_thrown([&] { opened->upgrade_to_version_2([](ByteView) {}); }),
              says_so ? Errc::io : Errc::corrupt);
    EXPECT_EQ(opened->config().version, 1U);
    EXPECT_EQ(test.open_again()->config().version, 1U);
  }
}

}  // namespace
}  // namespace holdfast::repo
