// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/probe.h"

#include <sys/stat.h>

#include "engine/embedded/test_places.h"

namespace holdfast::engine::embedded {
namespace {

class EmbeddedProbe : public PlacesTest {
 protected:
  [[nodiscard]] std::vector<std::string> codes(const Probe& probe) const {
    std::vector<std::string> found;
    for (const model::Finding& one : probe.findings) {
      EXPECT_EQ(one.component, "shop");
      EXPECT_FALSE(one.seen.empty() || one.why.empty() || one.mend.empty()) << one.code;
      if (one.code == code("rows-unread")) continue;  // whether there is Java is not asked here
      found.push_back(one.code);
    }
    return found;
  }
  [[nodiscard]] std::string code(const char* rest) const { return GetParam() + "-" + rest; }
  using Codes = std::vector<std::string>;
};
INSTANTIATE_TEST_SUITE_P(Kinds, EmbeddedProbe, testing::Values("derby", "h2"),
                         [](const auto& tested) { return tested.param; });

// What has a lock file beside the database.
class DerbyProbe : public EmbeddedProbe {};
INSTANTIATE_TEST_SUITE_P(Kinds, DerbyProbe, testing::Values("derby"));

TEST_P(EmbeddedProbe, SaysWhatIsThere) {
  const auto place = make("db");
  const Probe probe = engine().probe(endpoint(place));
  EXPECT_TRUE(probe.exists);
  EXPECT_FALSE(probe.empty);
  EXPECT_FALSE(probe.needs_stop);
  EXPECT_EQ(probe.server, GetParam());
  EXPECT_EQ(probe.version, is_derby() ? "10.14" : "format 2");
  EXPECT_EQ(probe.own_files, std::vector<std::filesystem::path>{place});
  EXPECT_GT(probe.size_bytes, 0U);
  EXPECT_EQ(probe.scratch_bytes, probe.size_bytes);
  ASSERT_EQ(probe.trees.size(), 1U);
  EXPECT_EQ(probe.trees[0].directory, place);
  EXPECT_EQ(codes(probe), Codes{});
  // By a Java runtime and a driver, which tests have.
  EXPECT_TRUE(probe.abilities.rows && probe.abilities.scratch);
  EXPECT_FALSE(probe.abilities.fence || probe.abilities.tables);
}

TEST_P(EmbeddedProbe, AnAbsentOrEmptyPlaceIsNoFinding) {
  const Probe absent = engine().probe(endpoint(path("absent")));
  EXPECT_FALSE(absent.exists);
  EXPECT_TRUE(absent.empty);
  if (is_derby()) {
    std::filesystem::create_directory(path("empty"));
  } else {
    write_file_durably(path("empty"), {});
  }
  const Probe empty = engine().probe(endpoint(path("empty")));
  EXPECT_TRUE(empty.exists);
  EXPECT_TRUE(empty.empty);
  EXPECT_TRUE(empty.findings.empty());
}

TEST_P(EmbeddedProbe, NamesWhoHasItOpen) {
  const auto place = make("db");
  put_lock_file(place);
  const Locker locker(lock_file(place));
  const Probe probe = engine().probe(endpoint(place));
  EXPECT_TRUE(probe.needs_stop);
  EXPECT_EQ(codes(probe), Codes{code("in-use")});
  EXPECT_NE(probe.findings[0].seen.find("pid " + std::to_string(locker.pid())), std::string::npos);
  EXPECT_FALSE(model::has_blocker(probe.findings));
}

TEST_P(DerbyProbe, LooksAtLocksNotAtFiles) {
  const auto place = make("db");
  put_lock_file(place);
  const Probe probe = engine().probe(endpoint(place));
  EXPECT_FALSE(probe.needs_stop);
  EXPECT_EQ(codes(probe), Codes{"derby-stale-lock"});
}

TEST_P(EmbeddedProbe, DamageIsABlocker) {
  const auto place = make("db");
  damage(place);
  EXPECT_TRUE(model::has_blocker(engine().probe(endpoint(place)).findings));
}

TEST_P(EmbeddedProbe, WhatIsNoDatabaseIsABlocker) {
  const auto place = path("db");
  if (is_derby()) {
    std::filesystem::create_directory(place);
    write_file_durably(place / "readme", as_bytes("hello"));
  } else {
    write_file_durably(place, as_bytes("hello"));
  }
  const Probe probe = engine().probe(endpoint(place));
  EXPECT_EQ(codes(probe), Codes{code("not-a-database")});
  EXPECT_TRUE(model::has_blocker(probe.findings));
}

// Nobody's rights, if we are root.
class AsNobody {
 public:
  explicit AsNobody(const std::filesystem::path& home) {
    if (!root_) return;
    EXPECT_EQ(::chown(home.c_str(), nobody, nobody), 0);
    EXPECT_EQ(::setegid(nobody), 0);
    EXPECT_EQ(::seteuid(nobody), 0);
  }
  ~AsNobody() {
    if (!root_) return;
    EXPECT_EQ(::seteuid(0), 0);
    EXPECT_EQ(::setegid(0), 0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr unsigned nobody = 65534;
  const bool root_ = ::geteuid() == 0;
};

TEST_P(EmbeddedProbe, WhatMayNotBeReadIsABlocker) {
  const auto place = make("db");
  ASSERT_EQ(::chmod(place.c_str(), 0), 0);
  {
    const AsNobody nobody(home_.path());
    EXPECT_EQ(codes(engine().probe(endpoint(place))), Codes{code("unreadable")});
  }
  ASSERT_EQ(::chmod(place.c_str(), 0700), 0);
}

TEST_P(EmbeddedProbe, WhoMayOnlyReadKeepsOthersOutOfH2AndIsToldSoForDerby) {
  const auto place = make("db");
  ASSERT_EQ(::chmod(place.c_str(), is_derby() ? 0555 : 0444), 0);
  {
    const AsNobody nobody(home_.path());
    const Probe probe = engine().probe(endpoint(place));
    EXPECT_EQ(codes(probe), is_derby() ? Codes{"derby-not-writable"} : Codes{});
    const model::Endpoint one = endpoint(place);
    const auto held = engine().hold({&one, 1}, {});
    if (is_derby()) {
      EXPECT_EQ(code_of([&] { held->capture(); }), Errc::denied);
      return;
    }
    held->capture();
    EXPECT_TRUE(who_locks(place));
    held->release();
  }
}

TEST_P(EmbeddedProbe, ComparesWithTheApplicationsDriver) {
  model::Endpoint with_driver = endpoint(make("db"));
  with_driver.options["driver"] = is_derby() ? "/lib/derby-10.9.1.0.jar" : "/lib/h2-1.4.200.jar";
  EXPECT_EQ(codes(engine().probe(with_driver)),
            Codes{is_derby() ? "derby-driver-older" : "h2-driver-other-format"});
}

TEST_P(EmbeddedProbe, RefusesEndpointsItCannotUnderstand) {
  const auto refused = [&](const std::string& uri) {
    model::Endpoint one = endpoint("/");
    one.uri = uri;
    return code_of([&] { engine().check_endpoint(one); }) == Errc::usage;
  };
  const std::string scheme = GetParam() + ":";
  for (const std::string uri : {"", "relative", "jdbc:derby:/x", "/x;create=true"})
    EXPECT_TRUE(refused(uri)) << uri;
  for (const std::string rest : {"", "relative.mv.db", "/", "/x/a.mv.db;user=sa"})
    EXPECT_TRUE(refused(scheme + rest)) << rest;
  if (!is_derby()) {
    EXPECT_TRUE(refused("h2:/x/a.h2.db"));
  }
  model::Endpoint good = endpoint("/srv/app/a.mv.db");
  EXPECT_NO_THROW(engine().check_endpoint(good));
  good.user = "sa";  // for whoever reads rows
  EXPECT_NO_THROW(engine().check_endpoint(good));
  good.options["driver"] = "relative.jar";
  EXPECT_EQ(code_of([&] { engine().check_endpoint(good); }), Errc::usage);
  good.options = {{"colour", "green"}};
  EXPECT_EQ(code_of([&] { engine().check_endpoint(good); }), Errc::usage);
}

TEST_P(EmbeddedProbe, DiscoversDatabasesBelowADirectory) {
  for (const char* const workspace : {"website", "dam"}) {
    std::filesystem::create_directories(home_.path() / "workspaces" / workspace);
    make_at(home_.path() / "workspaces" / workspace / (is_derby() ? "db" : "db.mv.db"));
  }
  make("other");
  std::filesystem::create_directory_symlink(home_.path() / "workspaces", home_.path() / "link");
  std::string found;
  for (const auto& one : engine().discover(home_.path(), {})) {
    EXPECT_EQ(one.endpoint.engine, GetParam());
    EXPECT_FALSE(one.comment.empty());
    found += one.endpoint.component + " ";
  }
  EXPECT_EQ(found, "other dam website ");
  const auto itself = engine().discover(path("other"), {});
  ASSERT_EQ(itself.size(), 1U);
  EXPECT_EQ(itself[0].endpoint.uri, GetParam() + ":" + path("other").native());
}

TEST_P(EmbeddedProbe, InspectsADatabase) {
  const auto place = make("db");
  const auto found = engine().inspect(place, {.deep = true}, {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, is_derby() ? "Derby database" : "H2 database");
  EXPECT_TRUE(found->whole);
  EXPECT_TRUE(found->deep);
  EXPECT_FALSE(engine().inspect(place, {}, {})->deep);
  if (is_derby()) {
    EXPECT_TRUE(engine().inspect(place / "service.properties", {}, {}));
    EXPECT_FALSE(engine().inspect(place / "seg0" / "c10.dat", {}, {}));
  }
  damage(place);
  EXPECT_FALSE(engine().inspect(place, {.deep = true}, {})->whole);
  EXPECT_FALSE(engine().inspect(home_.path(), {.deep = true}, {}));
}

TEST_P(EmbeddedProbe, InspectsOneInUseOnlyAsFarAsItIsRight) {
  const auto place = make("db");
  put_lock_file(place);
  const Locker locker(lock_file(place));
  const auto found = engine().inspect(place, {.deep = true}, {});
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->deep);
  ASSERT_EQ(found->findings.size(), 1U);
  EXPECT_EQ(found->findings[0].code, code("in-use"));
}

TEST_P(EmbeddedProbe, SaysWhatItCannotDo) {
  const std::filesystem::path place = make("db");
  std::filesystem::permissions(place, std::filesystem::perms{0750});
  const model::Endpoint there = endpoint(place);
  EXPECT_EQ(code_of([&] {
              static_cast<void>(engine().import_file(home_.path() / "dump", there, {}, {}));
            }),
            Errc::unsupported);
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().grants(there, "reading")); }), Errc::usage);
  for (const char* const purpose : {"backup", "restore", "application"}) {
    const std::string text = engine().grants(there, purpose);
    EXPECT_TRUE(text.starts_with("-- ")) << text;
    EXPECT_NE(text.find("\n-- It belongs to user "), std::string::npos) << text;
    EXPECT_NE(text.find("(mode 0750)"), std::string::npos) << text;
  }
}

TEST_P(EmbeddedProbe, TellsHowToRestoreByHand) {
  model::DatabaseFacts facts;
  facts.directory = "databases/shop";
  facts.version = "10.14";
  const std::string place = is_derby() ? "/srv/it's/db" : "/srv/it's/db.mv.db";
  facts.uri = GetParam() + ":" + place;
  facts.engine_facts = Json::object().set("file_uid", 33).set("file_gid", 34);
  const std::string text = engine().restore_instructions(facts);
  const auto lines = is_derby()
                         ? Codes{"mkdir -p -- '/srv/it'\\''s'\n",
                                 "cp -a -- 'databases/shop/srv/it'\\''s/db' '/srv/it'\\''s/db'",
                                 "rm -f -- '/srv/it'\\''s/db/db.lck'",
                                 "chown -R 33:34",
                                 "org.apache.derby.tools.ij",
                                 "syscs_check_table"}
                         : Codes{"cp -a -- 'databases/shop/srv/it'\\''s/db.mv.db'",
                                 "org.h2.tools.Shell -url 'jdbc:h2:/srv/it'\\''s/db'",
                                 "org.h2.tools.RunScript", "org.h2.tools.Recover"};
  for (const std::string& line : lines)
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
}

}  // namespace
}  // namespace holdfast::engine::embedded
