// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/load.h"

#include "engine/embedded/place.h"
#include "engine/embedded/test_places.h"

namespace holdfast::engine::embedded {
namespace {

// A copy on disk, as a repository gives it back.
class CopiedTree final : public model::PartSource {
 public:
  CopiedTree(std::filesystem::path copy, std::string path)
      : copy_(std::move(copy)), path_(std::move(path)) {}
  [[nodiscard]] std::vector<Entry> list() const override {
    return {{path_, model::PartKind::tree, 0}};
  }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    throw Error(Errc::not_found, std::string(path));
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    throw Error(Errc::not_found, std::string(path));
  }
  void restore_tree(std::string_view path, const std::filesystem::path& directory) const override {
    EXPECT_EQ(path, path_);
    EXPECT_FALSE(std::filesystem::exists(directory));
    std::filesystem::copy(copy_, directory, std::filesystem::copy_options::recursive);
  }
  [[nodiscard]] const Json& facts() const override { return facts_; }

 private:
  std::filesystem::path copy_;
  std::string path_;
  Json facts_ = Json::object();
};

class EmbeddedLoad : public PlacesTest {
 protected:
  void SetUp() override {
    make("copied");
    std::filesystem::create_directory(target_);
    options_.kept_suffix = "_before_20261120T105601Z";
    options_.before_change = [this](std::string_view what, const Json& undo) {
      EXPECT_FALSE(what.empty());
      undos_.push_back(undo);
      if (undos_.size() == fail_at_) throw Error(Errc::cancelled, "killed here");
    };
  }
  LoadReport load() {
    return engine().load(CopiedTree(path("copied"), "srv/copied"), facts_, endpoint(place_),
                         options_, {});
  }
  void undo_all() {
    for (auto at = undos_.rbegin(); at != undos_.rend(); ++at) {
      engine().check_undo(*at, endpoint(place_));
      EXPECT_EQ(engine().undo(*at, endpoint(place_)), "");
    }
  }
  [[nodiscard]] std::string content() const {
    std::string text;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(target_)) {
      if (!entry.is_regular_file()) continue;
      text += std::filesystem::relative(entry.path(), target_).native() + " " +
              std::to_string(entry.file_size()) + "\n";
    }
    return text;
  }
  // A database in the place that is not the copied one.
  void put_old() {
    make_at(place_);
    if (is_derby()) {
      write_file_durably(place_ / "seg0" / "c30.dat", as_bytes(derby::container(1)));
    } else {
      write_file_durably(place_, h2::TestStore(1).bytes());
    }
  }
  [[nodiscard]] bool is_old(const std::filesystem::path& place) const {
    return is_derby() ? std::filesystem::exists(place / "seg0" / "c30.dat")
                      : kind().examine(place, Depth::rest, {}).version == "format 1";
  }
  [[nodiscard]] std::filesystem::path kept() const {
    return place_.native() + options_.kept_suffix;
  }

  std::filesystem::path target_ = home_.path() / "target";
  std::filesystem::path place_ = target_ / (is_derby() ? "db" : "db.mv.db");
  model::DatabaseFacts facts_;
  LoadOptions options_;
  std::vector<Json> undos_;
  std::size_t fail_at_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Kinds, EmbeddedLoad, testing::Values("derby", "h2"),
                         [](const auto& tested) { return tested.param; });

// What has lock files and scratch beside the database.
class DerbyLoad : public EmbeddedLoad {};
INSTANTIATE_TEST_SUITE_P(Kinds, DerbyLoad, testing::Values("derby"));

TEST_P(EmbeddedLoad, DoesNotVouchForADamagedCopy) {
  const auto place = make("db");
  damage(place);
  HoldOptions options;
  options.scratch_directory = home_.path();
  const auto before = names_in(home_.path());
  model::DatabaseFacts facts;
  EXPECT_EQ(code_of([&] {
              engine().describe_copy(CopiedTree(place, "srv/db"), endpoint(place), options, facts,
                                     {});
            }),
            Errc::not_consistent);
  EXPECT_EQ(names_in(home_.path()), before) << "nothing is left behind";
}

TEST_P(EmbeddedLoad, PutsADatabaseWhereNoneWas) {
  const LoadReport report = load();
  ASSERT_TRUE(report.found);
  EXPECT_EQ(report.found->version, is_derby() ? "10.14" : "format 2");
  EXPECT_TRUE(report.kept.empty());
  EXPECT_EQ(names_in(target_), std::vector<std::string>{place_.filename()});
  EXPECT_FALSE(who_locks(lock_file(place_)));
  EXPECT_TRUE(engine().stands(undos_.back(), endpoint(place_)));
  undo_all();
  EXPECT_TRUE(names_in(target_).empty());
  EXPECT_FALSE(engine().stands(undos_.back(), endpoint(place_)));
  undo_all();  // repeated, it does no harm
}

TEST_P(DerbyLoad, NeverRestoresLocksAndScratch) {
  for (const char* const name : {"db.lck", "dbex.lck", "derby.log"})
    write_file_durably(path("copied") / name, as_bytes("x"));
  std::filesystem::create_directory(path("copied") / "tmp");
  load();
  EXPECT_EQ(names_in(place_), (std::vector<std::string>{"log", "seg0", "service.properties"}));
}

TEST_P(EmbeddedLoad, RefusesAPlaceThatIsNotEmpty) {
  put_old();
  const std::string before = content();
  EXPECT_EQ(code_of([&] { load(); }), Errc::exists);
  EXPECT_EQ(content(), before);
  EXPECT_TRUE(undos_.empty());
}

TEST_P(EmbeddedLoad, TakesThePlaceOfAnEmptyOneAndPutsThatBack) {
  if (is_derby()) {
    std::filesystem::create_directory(place_);
  } else {
    write_file_durably(place_, {});
  }
  load();
  EXPECT_FALSE(holds_nothing(place_));
  undo_all();
  EXPECT_TRUE(std::filesystem::exists(place_));
  EXPECT_TRUE(holds_nothing(place_));
}

TEST_P(EmbeddedLoad, KeepsWhatItReplacesAndPutsItBack) {
  put_old();
  const std::string before = content();
  options_.replace = true;
  const LoadReport report = load();
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_NE(report.kept[0].find(kept().native()), std::string::npos);
  EXPECT_FALSE(is_old(place_));
  EXPECT_TRUE(is_old(kept()));
  EXPECT_EQ(names_in(target_).size(), 2U);
  if (is_derby()) {
    EXPECT_FALSE(std::filesystem::exists(kept() / "dbex.lck"));
  }
  undo_all();
  EXPECT_EQ(content(), before);
  EXPECT_TRUE(is_old(place_));
  undo_all();
  EXPECT_EQ(content(), before);
}

TEST_P(EmbeddedLoad, UndoesASwitchThatWasKilledBeforeTheOldOneHadItsName) {
  put_old();
  const std::string before = content();
  options_.replace = true;
  load();
  // As after the exchange of the two names.
  std::filesystem::rename(kept(), undos_.back().at("new").as_string());
  undo_all();
  EXPECT_EQ(content(), before);
}

TEST_P(EmbeddedLoad, UndoesASwitchWithoutExchangeThatWasKilledHalfWay) {
  put_old();
  const std::string before = content();
  options_.replace = true;
  load();
  std::filesystem::rename(place_, undos_.back().at("new").as_string());
  undo_all();
  EXPECT_EQ(content(), before);
}

TEST_P(EmbeddedLoad, LeavesNothingWhenItEndsBeforeASwitch) {
  put_old();
  const std::string before = content();
  options_.replace = true;
  for (fail_at_ = 1; fail_at_ <= 2; ++fail_at_) {
    undos_.clear();
    EXPECT_EQ(code_of([&] { load(); }), Errc::cancelled);
    EXPECT_EQ(content(), before);
    undo_all();
    EXPECT_EQ(content(), before);
  }
}

TEST_P(EmbeddedLoad, RefusesToReplaceWhatIsOpenNamingWho) {
  put_old();
  put_lock_file(place_);
  const std::string before = content();
  options_.replace = true;
  const Locker locker(lock_file(place_));
  try {
    load();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_NE(error.message().find(std::to_string(locker.pid())), std::string::npos);
  }
  EXPECT_EQ(content(), before);
}

TEST_P(EmbeddedLoad, DoesNotUndoUnderSomebodyWhoHasItOpen) {
  load();
  put_lock_file(place_);
  const Locker locker(lock_file(place_));
  EXPECT_EQ(code_of([&] { engine().check_undo(undos_.back(), endpoint(place_)); }),
            Errc::unavailable);
  EXPECT_EQ(code_of([&] { engine().undo(undos_.back(), endpoint(place_)); }), Errc::unavailable);
  EXPECT_TRUE(engine().stands(undos_.back(), endpoint(place_)));
}

TEST_P(EmbeddedLoad, DoesNotUndoOverWhatSomebodyElsePutThere) {
  put_old();
  options_.replace = true;
  load();
  erase_tree(place_);
  make_at(place_);
  EXPECT_EQ(code_of([&] { engine().check_undo(undos_.back(), endpoint(place_)); }), Errc::exists);
  EXPECT_EQ(code_of([&] { engine().undo(undos_.back(), endpoint(place_)); }), Errc::exists);
  EXPECT_TRUE(is_old(kept()));
}

TEST_P(EmbeddedLoad, LeavesItBesideUntilItIsSwitchedIn) {
  put_old();
  options_.replace = true;
  options_.leave_beside = true;
  LoadReport report = load();
  ASSERT_TRUE(report.switch_in);
  EXPECT_TRUE(is_old(place_));
  EXPECT_EQ(report.switch_in().size(), 1U);
  EXPECT_FALSE(is_old(place_));
  undo_all();
  EXPECT_TRUE(is_old(place_));
}

TEST_P(EmbeddedLoad, WhatIsLeftBesideGoesWithItsUndo) {
  options_.leave_beside = true;
  { const LoadReport report = load(); }
  EXPECT_EQ(names_in(target_).size(), 1U);
  undo_all();
  EXPECT_TRUE(names_in(target_).empty());
}

TEST_P(EmbeddedLoad, DoesNotPutADamagedCopyInPlace) {
  damage(path("copied"));
  EXPECT_EQ(code_of([&] { load(); }), Errc::not_consistent);
  EXPECT_TRUE(names_in(target_).empty());
}

TEST_P(EmbeddedLoad, DoesNotPutAnotherVersionInPlaceThanTheManifestSays) {
  facts_.version = "10.1";
  EXPECT_EQ(code_of([&] { load(); }), Errc::differs);
  EXPECT_TRUE(names_in(target_).empty());
}

TEST_P(EmbeddedLoad, RefusesWhatItCannotDo) {
  const auto refused = [&](auto&& set) {
    LoadOptions options = options_;
    set(options);
    return code_of([&] {
      static_cast<void>(
          engine().load(CopiedTree(path("copied"), "x"), facts_, endpoint(place_), options, {}));
    });
  };
  EXPECT_EQ(refused([](LoadOptions& one) { one.tables = {{"", "t"}}; }), Errc::unsupported);
  EXPECT_EQ(refused([](LoadOptions& one) { one.only_beside = true; }), Errc::unsupported);
  EXPECT_EQ(refused([](LoadOptions& one) { one.owners["a"] = "b"; }), Errc::unsupported);
  EXPECT_EQ(refused([](LoadOptions& one) { one.schemas["a"] = "b"; }), Errc::unsupported);
  place_ = target_ / "absent" / place_.filename();
  EXPECT_EQ(code_of([&] { load(); }), Errc::not_found);
}

TEST_P(EmbeddedLoad, AnUndoThatNobodyAnnouncedIsRefused) {
  EXPECT_EQ(code_of([&] { engine().undo(Json::object().set("kind", "drop"), endpoint(place_)); }),
            Errc::corrupt);
  EXPECT_EQ(code_of([&] {
              engine().undo(Json::object().set("kind", "remove").set("path", "relative"),
                            endpoint(place_));
            }),
            Errc::corrupt);
}

}  // namespace
}  // namespace holdfast::engine::embedded
