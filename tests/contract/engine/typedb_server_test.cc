// SPDX-License-Identifier: Apache-2.0
// The typedb engine on databases that are asked of their server: what the contract of engines asks
// of those that have no rows, and what only servers of TypeDB do.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/test_exports.h"
#include "engine/typedb/typedb.h"
#include "tests/harness/memory_parts.h"
#include "tests/harness/typedb_server.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using test::TypedbFault;
using test::TypedbRelease;
using test::TypedbServer;

constexpr std::uint64_t things_of_30 = 31 + 30 + 30;

Errc code_of(const std::function<void()>& body, std::string* message = nullptr) {
  try {
    body();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return Errc::bug;
}

test::TypedbDatabase people(std::uint64_t count, std::string_view version = "3.12.3") {
  return {std::string(people_schema_3), test::typedb_items(people_export(count, version).bytes)};
}
test::TypedbDatabase empty_database(std::string_view schema) {
  return {std::string(schema), test::typedb_items(TestExport().header("3.12.3").checksums().bytes)};
}

class TypedbServerEngine : public testing::Test {
 protected:
  [[nodiscard]] static const Engine& engine() { return typedb::engine(); }
  [[nodiscard]] static model::Endpoint endpoint(const std::string& address,
                                                const std::string& name = "shop") {
    model::Endpoint made;
    made.component = name;
    made.engine = "typedb";
    made.uri = "typedb://" + address + "/" + name;
    made.user = "admin";
    made.password = std::make_shared<Secret>(std::string("password"));
    return made;
  }
  [[nodiscard]] static model::Endpoint endpoint(const TypedbServer& server,
                                                const std::string& name = "shop") {
    return endpoint(server.address(), name);
  }
  [[nodiscard]] LoadOptions options() {
    LoadOptions made;
    made.scratch_directory = place_.path();
    made.kept_suffix = "_before_20261120T105601Z";
    made.before_change = [this](std::string_view /*what*/, const Json& undo) {
      undos_.push_back(undo);
    };
    return made;
  }
  [[nodiscard]] fs::path write(const std::string& name, std::string_view content) const {
    const fs::path path = place_.path() / name;
    write_file_durably(path, as_bytes(content));
    return path;
  }
  // Of a probe that found nothing wrong: "".
  [[nodiscard]] static std::string code_at(const Probe& probe) {
    return probe.findings.empty() ? "" : probe.findings.front().code;
  }

  struct Copy {
    model::DatabaseFacts facts;
    test::MemoryPartSource parts;
  };
  std::unique_ptr<Copy> back_up(const model::Endpoint& from) {
    HoldOptions holding;
    holding.scratch_directory = place_.path();
    const std::unique_ptr<Hold> hold = engine().hold({&from, 1}, holding);
    hold->capture();
    auto copy = std::make_unique<Copy>();
    copy->facts.name = from.component;
    copy->facts.directory = "databases/" + from.component;
    for (const model::Part& part : hold->parts(0)) {
      test::MemoryPartSink sink;
      hold->copy(0, part, sink, {});
      copy->parts.put(part.path, sink.content());
    }
    hold->describe(0, copy->facts);
    hold->release();
    return copy;
  }
  // What a process that comes later does.
  std::string undo_all(const model::Endpoint& into) {
    std::string told;
    for (auto undo = undos_.rbegin(); undo != undos_.rend(); ++undo) {
      const Json read = Json::parse(undo->dump(), "the journal");
      engine().check_undo(read, into);
      EXPECT_FALSE(engine().stands(read, into));
      told += engine().undo(read, into);
    }
    return told;
  }

  TemporaryDirectory place_{"holdfast-typedb-server"};
  std::vector<Json> undos_;
};

TEST_F(TypedbServerEngine, ProbesWhatIsAbsentEmptyAndFull) {
  for (const TypedbRelease release : {TypedbRelease::v3_4, TypedbRelease::v3_12}) {
    TypedbServer server({.release = release});
    server.put("full", people(30));
    server.put("schema_only", empty_database(people_schema_3));
    server.put("nothing", empty_database("define\n"));
    const Probe absent = engine().probe(endpoint(server, "absent"));
    EXPECT_FALSE(absent.exists);
    EXPECT_FALSE(absent.version.empty());
    const Probe full = engine().probe(endpoint(server, "full"));
    EXPECT_TRUE(full.exists);
    EXPECT_FALSE(full.empty);
    EXPECT_EQ(full.version, "3.12.3");
    EXPECT_EQ(full.server, absent.server);
    EXPECT_TRUE(full.facts.bool_or("things", false));
    EXPECT_TRUE(full.abilities.grants && full.abilities.schemas);
    EXPECT_FALSE(full.abilities.fence || full.abilities.rows || full.abilities.scratch);
    EXPECT_TRUE(full.findings.empty());
    const Probe schema_only = engine().probe(endpoint(server, "schema_only"));
    EXPECT_FALSE(schema_only.empty);
    EXPECT_FALSE(schema_only.facts.bool_or("things", true));
    EXPECT_TRUE(engine().probe(endpoint(server, "nothing")).empty);
  }
}

TEST_F(TypedbServerEngine, ReadsNoMoreThanTheFirstThingToProbe) {
  TypedbServer server({.items_per_message = 1});
  server.put("shop", people(30));
  // Behind the request, the schema, the header and a company.
  server.plant("database_export", 4, TypedbFault::error);
  const Probe probe = engine().probe(endpoint(server));
  EXPECT_FALSE(probe.empty);
  EXPECT_EQ(code_at(probe), "");
  server.plant("database_export", 3, TypedbFault::error);
  EXPECT_EQ(code_at(engine().probe(endpoint(server))), "typedb-server-unobservable");
}

TEST_F(TypedbServerEngine, SaysWhatIsWrongWithAServer) {
  const auto code = [&](const model::Endpoint& one) {
    const Probe probe = engine().probe(one);
    EXPECT_FALSE(probe.exists);
    EXPECT_TRUE(model::has_blocker(probe.findings));
    for (const model::Finding& finding : probe.findings) EXPECT_FALSE(finding.mend.empty());
    return code_at(probe);
  };
  std::string gone;
  {
    const TypedbServer server;
    gone = server.address();
    model::Endpoint stranger = endpoint(server);
    stranger.password = std::make_shared<Secret>(std::string("wrong"));
    EXPECT_EQ(code(stranger), "typedb-sign-in-refused");
    model::Endpoint with_tls = endpoint(server);
    with_tls.options["tls"] = "verified";
    const std::string seen = code(with_tls);
    EXPECT_TRUE(seen == "typedb-tls-failed" || seen == "typedb-server-silent") << seen;
  }
  const Probe silent = engine().probe(endpoint(gone));
  EXPECT_EQ(code_at(silent), "typedb-server-silent");
  EXPECT_NE(silent.findings.at(0).mend.find("typedb:/"), std::string::npos);
  const TypedbServer old({.release = TypedbRelease::v3_3});
  const Probe without = engine().probe(endpoint(old));
  EXPECT_EQ(code_at(without), "typedb-server-without-export");
  EXPECT_NE(without.findings.at(0).mend.find("3.4"), std::string::npos);
}

TEST_F(TypedbServerEngine, TrustsACertificateThatItWasTold) {
  TypedbServer server({.tls = true});
  server.put("shop", people(3));
  model::Endpoint known = endpoint(server);
  known.options["tls"] = "verified";
  EXPECT_EQ(code_at(engine().probe(known)), "typedb-tls-failed");
  known.options["tls_ca"] = write("ca.pem", server.certificate());
  const Probe probe = engine().probe(known);
  EXPECT_EQ(code_at(probe), "");
  EXPECT_TRUE(probe.exists);
}

TEST_F(TypedbServerEngine, TakesACopyToAnotherServerAndProvesIt) {
  TypedbServer old({.release = TypedbRelease::v3_4}), target;
  old.put("shop", people(30));
  const auto copy = back_up(endpoint(old));
  EXPECT_TRUE(engine().check_load(copy->facts, endpoint(target), options()).empty());
  const LoadReport report =
      engine().load(copy->parts, copy->facts, endpoint(target, "moved"), options(), {});
  EXPECT_EQ(report.rows, things_of_30);
  EXPECT_FALSE(report.switch_in);
  ASSERT_TRUE(report.found.has_value());
  EXPECT_EQ(report.found->tables.size(), copy->facts.tables.size());
  EXPECT_EQ(report.found->objects.at(0).definition_sha256,
            copy->facts.objects.at(0).definition_sha256);
  EXPECT_EQ(target.databases().at("moved").items, old.databases().at("shop").items);
  model::DatabaseFacts described;
  engine().describe(endpoint(target, "moved"), described);
  EXPECT_EQ(described.engine_facts, report.found->engine_facts);
  EXPECT_EQ(code_of([&] {
              engine().load(copy->parts, copy->facts, endpoint(target, "moved"), options(), {});
            }),
            Errc::exists);
}

TEST_F(TypedbServerEngine, HoldsNothingThatIsNotThere) {
  TypedbServer server;
  const model::Endpoint absent = endpoint(server, "absent");
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().hold({&absent, 1}, {})); }), Errc::not_found);
  model::DatabaseFacts facts;
  EXPECT_EQ(code_of([&] { engine().describe(absent, facts); }), Errc::not_found);
  server.put("shop", people(1));
  const std::vector<model::Endpoint> twice{endpoint(server), endpoint(server)};
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().hold(twice, {})); }), Errc::usage);
  const model::Endpoint there = endpoint(server);
  const auto hold = engine().hold({&there, 1}, {});
  EXPECT_EQ(code_of([&] { static_cast<void>(hold->fence({})); }), Errc::unsupported);
}

TEST_F(TypedbServerEngine, UndoesALoadInAnotherProcess) {
  TypedbServer source, target;
  source.put("shop", people(30));
  const auto copy = back_up(endpoint(source));
  engine().load(copy->parts, copy->facts, endpoint(target), options(), {});
  ASSERT_EQ(undos_.size(), 1U);
  target.forget_tokens();
  EXPECT_EQ(undo_all(endpoint(target)), "");
  EXPECT_TRUE(target.databases().empty());
  EXPECT_EQ(undo_all(endpoint(target)), "");  // again
}

TEST_F(TypedbServerEngine, LeavesADatabaseThatIsNotTheOneItMade) {
  TypedbServer source, target;
  source.put("shop", people(30));
  const auto copy = back_up(endpoint(source));
  engine().load(copy->parts, copy->facts, endpoint(target), options(), {});
  target.put("shop", people(31));
  const std::string told = undo_all(endpoint(target));
  EXPECT_NE(told.find("database shop at " + target.address()), std::string::npos) << told;
  EXPECT_EQ(target.databases().size(), 1U);
  model::Endpoint stranger = endpoint(target);
  stranger.password = std::make_shared<Secret>(std::string("wrong"));
  EXPECT_EQ(code_of([&] { engine().check_undo(undos_.at(0), stranger); }), Errc::denied);
}

TEST_F(TypedbServerEngine, PutsAnEmptyDatabaseBack) {
  TypedbServer source, target;
  source.put("shop", people(30));
  const auto copy = back_up(endpoint(source));
  const std::string own = std::string(people_schema_3) + "# its own\n";
  for (const bool data_only : {false, true}) {
    undos_.clear();
    target.put("shop", empty_database(data_only ? own : "define"));
    LoadOptions loading = options();
    loading.data_only = data_only;
    engine().load(copy->parts, copy->facts, endpoint(target), loading, {});
    EXPECT_EQ(target.databases().at("shop").schema, data_only ? own : people_schema_3);
    EXPECT_EQ(target.databases().at("shop").items.size(), things_of_30 + 2);
    ASSERT_EQ(undos_.size(), 2U);
    EXPECT_EQ(undo_all(endpoint(target)), "");
    EXPECT_EQ(target.databases().at("shop").schema, data_only ? own : "");
    EXPECT_LE(target.databases().at("shop").items.size(), 2U);
  }
}

TEST_F(TypedbServerEngine, LeavesNothingWhereALoadFails) {
  TypedbServer source;
  source.put("shop", people(30));
  const auto copy = back_up(endpoint(source));
  for (const TypedbFault fault : {TypedbFault::error, TypedbFault::close, TypedbFault::end}) {
    for (std::size_t message = 0; message < 4; ++message) {
      SCOPED_TRACE(std::to_string(static_cast<int>(fault)) + " at " + std::to_string(message));
      TypedbServer target;
      undos_.clear();
      target.plant("databases_import", message, fault);
      static_cast<void>(code_of(
          [&] { engine().load(copy->parts, copy->facts, endpoint(target), options(), {}); }));
      EXPECT_TRUE(target.databases().empty());
      EXPECT_EQ(undo_all(endpoint(target)), "");
    }
  }
}

TEST_F(TypedbServerEngine, KeepsWhatItCannotRename) {
  TypedbServer source, target;
  source.put("shop", people(30));
  target.put("shop", people(2));
  const auto copy = back_up(endpoint(source));
  LoadOptions replacing = options();
  replacing.replace = true;
  const auto findings = engine().check_load(copy->facts, endpoint(target), replacing);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "typedb-target-exists");
  EXPECT_EQ(findings[0].component, "shop");
  std::string message;
  EXPECT_EQ(
      code_of([&] { engine().load(copy->parts, copy->facts, endpoint(target), replacing, {}); },
              &message),
      Errc::exists);
  EXPECT_NE(message.find("database delete shop"), std::string::npos) << message;
  EXPECT_EQ(target.databases().at("shop").items, people(2).items);
  EXPECT_TRUE(undos_.empty());
}

TEST_F(TypedbServerEngine, JudgesWhatTheTargetTakes) {
  TypedbServer target;
  const auto code = [&](std::string_view version, LoadOptions loading = {}) {
    model::DatabaseFacts facts;
    facts.version = version;
    facts.engine_facts.set("form", "export");
    const auto findings = engine().check_load(facts, endpoint(target), loading);
    return findings.empty() ? std::string() : findings.front().code;
  };
  EXPECT_EQ(code("3.4.0 to 3.10.4"), "");
  EXPECT_EQ(code("3.12.3"), "");
  EXPECT_EQ(code("2.2.0"), "typedb-export-mismatch");  // ids are lost
  EXPECT_EQ(code("2.29.1"), "typedb-schema-of-2");
  LoadOptions with_schema;
  with_schema.schema_file = "/absent.tql";
  EXPECT_EQ(code("2.29.1", with_schema), "");
  LoadOptions data_only;
  data_only.data_only = true;
  EXPECT_EQ(code("2.29.1", data_only), "");
  const TypedbServer old({.release = TypedbRelease::v2_29});
  model::DatabaseFacts of_3;
  of_3.version = "3.12.3";
  of_3.engine_facts.set("form", "export");
  EXPECT_EQ(engine().check_load(of_3, endpoint(old), {}).at(0).code, "typedb-export-mismatch");
}

TEST_F(TypedbServerEngine, ADirectoryAndAnExportDoNotFitIntoEachOther) {
  TypedbServer target;
  model::DatabaseFacts of_directory, of_export;
  of_directory.name = of_export.name = "shop";
  of_directory.engine_facts.set("encoding", "3.x/b");
  of_export.engine_facts.set("form", "export");
  model::Endpoint directory;
  directory.component = "shop";
  directory.uri = "typedb:" + (place_.path() / "shop").native();
  const test::MemoryPartSource parts;
  for (const auto& [facts, into] :
       {std::pair(&of_directory, endpoint(target)), std::pair(&of_export, directory)}) {
    EXPECT_EQ(engine().check_load(*facts, into, {}).at(0).code, "typedb-form-mismatch");
    EXPECT_EQ(code_of([&] { engine().load(parts, *facts, into, {}, {}); }), Errc::unsupported);
  }
  const fs::path file = write("shop.typedb", people_export(3).bytes);
  EXPECT_EQ(code_of([&] { engine().import_file(file, directory, {}, {}); }), Errc::unsupported);
}

TEST_F(TypedbServerEngine, ImportsAFileWithItsSchema) {
  TypedbServer server;
  const fs::path file = write("shop.typedb", people_export(30).bytes);
  ASSERT_TRUE(engine().inspect(file, {.deep = true}).has_value());
  const auto import = [&](const std::string& name, const LoadOptions& loading) {
    return engine().import_file(file, endpoint(server, name), loading, {});
  };
  EXPECT_EQ(code_of([&] { import("shop", options()); }), Errc::usage);
  LoadOptions loading = options();
  loading.schema_file = write("schema.tql", people_schema_3);
  const LoadReport report = import("shop", loading);
  EXPECT_EQ(report.rows, things_of_30);
  // As job compares them: labels with what was inspected, and no schema.
  model::DatabaseFacts expected, found = *report.found;
  expected.tables = engine().inspect(file, {.deep = true})->tables;
  engine().harmonize(expected, found, loading);
  EXPECT_EQ(found.tables.size(), expected.tables.size());
  EXPECT_TRUE(found.objects.empty());
  EXPECT_EQ(server.databases().at("shop").schema, people_schema_3);
  EXPECT_EQ(code_of([&] { import("shop", loading); }), Errc::exists);
  LoadOptions data_only = options();
  data_only.data_only = true;
  EXPECT_EQ(code_of([&] { import("other", data_only); }), Errc::not_found);
  server.put("other", empty_database(people_schema_3));
  EXPECT_EQ(import("other", data_only).rows, things_of_30);
  data_only.schema_file = loading.schema_file;
  EXPECT_EQ(code_of([&] { import("other", data_only); }), Errc::usage);
  loading.schema_file = write("other.tql", "define entity dog;\n");
  EXPECT_EQ(code_of([&] { import("third", loading); }), Errc::not_consistent);
  EXPECT_FALSE(server.databases().contains("third"));
}

TEST_F(TypedbServerEngine, MakesADatabaseThatDefinesNothingAgain) {
  TypedbServer source, target;
  source.put("shop", empty_database(""));
  const auto copy = back_up(endpoint(source));
  EXPECT_EQ(engine().load(copy->parts, copy->facts, endpoint(target), options(), {}).rows, 0U);
  EXPECT_TRUE(target.databases().contains("shop"));
  EXPECT_EQ(undo_all(endpoint(target)), "");
  EXPECT_TRUE(target.databases().empty());
}

// Names beside those that were there.
std::vector<std::string> made_on(const TypedbServer& server) {
  std::vector<std::string> names;
  for (const auto& [name, database] : server.databases())
    if (name != "shop") names.push_back(name);
  return names;
}

TEST_F(TypedbServerEngine, RehearsesBesideADatabaseThatIsNotTouched) {
  for (const TypedbRelease release :
       {TypedbRelease::v2_18, TypedbRelease::v2_29, TypedbRelease::v3_4, TypedbRelease::v3_12}) {
    SCOPED_TRACE(static_cast<int>(release));
    TypedbServer source({.release = release}), lent({.release = release});
    const bool is_3 = release >= TypedbRelease::v3_4;
    const auto content = [&](std::uint64_t count) {
      test::TypedbDatabase made = people(count, is_3 ? "3.12.3" : "2.29.1");
      if (!is_3) made.schema = people_schema_2;
      return made;
    };
    source.put("shop", content(30));
    lent.put("shop", content(2));
    const auto copy = back_up(endpoint(source));
    undos_.clear();
    model::Endpoint into = endpoint(lent);
    LoadOptions loading = options();
    const auto notes = engine().fit_beside(copy->facts, into, loading);
    // What a server does not say of its release may be another one.
    EXPECT_EQ(notes.size(), release == TypedbRelease::v3_12 ? 0U : 1U);
    EXPECT_TRUE(loading.only_beside);
    EXPECT_TRUE(engine().check_load(copy->facts, into, loading).empty());
    const LoadReport report = engine().load(copy->parts, copy->facts, into, loading, {});
    EXPECT_FALSE(report.switch_in);
    EXPECT_GT(report.proof_time.count(), 0);
    ASSERT_TRUE(report.found && report.beside);
    model::DatabaseFacts expected = copy->facts, found = *report.found, described;
    engine().harmonize(expected, found, loading);
    EXPECT_EQ(found.tables.size(), expected.tables.size());
    EXPECT_EQ(report.rows, things_of_30);
    ASSERT_EQ(found.objects.size(), 1U);
    EXPECT_EQ(found.objects[0].definition_sha256, expected.objects.at(0).definition_sha256);
    const std::vector<std::string> made = made_on(lent);
    ASSERT_EQ(made.size(), 1U);
    EXPECT_TRUE(made[0].starts_with("shop_holdfast_")) << made[0];
    EXPECT_TRUE(report.beside->uri.ends_with("/" + made[0])) << report.beside->uri;
    engine().describe(*report.beside, described);
    EXPECT_EQ(described.engine_facts, report.found->engine_facts);
    EXPECT_EQ(undo_all(into), "");
    ASSERT_EQ(lent.databases().size(), 1U);
    EXPECT_EQ(lent.databases().at("shop").items, content(2).items);
  }
}

TEST_F(TypedbServerEngine, RemovesWhatAKilledRehearsalHasMade) {
  for (const TypedbRelease release : {TypedbRelease::v2_29, TypedbRelease::v3_12}) {
    SCOPED_TRACE(static_cast<int>(release));
    TypedbServer source, lent({.release = release});
    const bool is_3 = release == TypedbRelease::v3_12;
    source.put("shop", people(30, is_3 ? "3.12.3" : "2.29.1"));
    auto copy = back_up(endpoint(source));
    const ByteView schema = as_bytes(people_schema_2);
    if (!is_3) copy->parts.put("schema.tql", Bytes(schema.begin(), schema.end()));
    lent.put("shop", people(2));
    model::Endpoint into = endpoint(lent);
    LoadOptions loading = options();
    static_cast<void>(engine().fit_beside(copy->facts, into, loading));
    undos_.clear();
    engine().load(copy->parts, copy->facts, into, loading, {});
    const std::vector<std::string> made = made_on(lent);
    ASSERT_EQ(made.size(), 1U);
    // Something was written to it meanwhile, and a neighbour looks much like it.
    lent.put(made[0], people(99));
    lent.put("shop_holdfast_other", people(30));
    Json elsewhere = undos_.back();
    elsewhere.set("database", "other");
    EXPECT_EQ(code_of([&] { static_cast<void>(engine().undo(elsewhere, into)); }), Errc::corrupt);
    for (int i = 0; i < 2; ++i) {
      lent.forget_tokens();
      EXPECT_EQ(undo_all(into), "");
      EXPECT_EQ(made_on(lent), std::vector<std::string>{"shop_holdfast_other"});
      EXPECT_EQ(lent.databases().at("shop").items, people(2).items);
    }
  }
}

TEST_F(TypedbServerEngine, RehearsesBesideAPlaceThatIsNotThereAndInNoDirectory) {
  TypedbServer source, lent;
  source.put("shop", people(30));
  const auto copy = back_up(endpoint(source));
  model::Endpoint into = endpoint(lent), directory;
  LoadOptions loading = options();
  static_cast<void>(engine().fit_beside(copy->facts, into, loading));
  EXPECT_TRUE(engine().check_load(copy->facts, into, loading).empty());
  copy->facts.tables.at(0).rows = 7;  // differs, which is for the caller to say
  const LoadReport report = engine().load(copy->parts, copy->facts, into, loading, {});
  EXPECT_EQ(report.rows, things_of_30);
  EXPECT_EQ(lent.databases().size(), 1U);
  EXPECT_FALSE(lent.databases().contains("shop"));
  directory.component = "shop";
  directory.uri = "typedb:" + (place_.path() / "shop").native();
  EXPECT_EQ(
      code_of([&] { static_cast<void>(engine().fit_beside(copy->facts, directory, loading)); }),
      Errc::unsupported);
  model::Endpoint stranger = endpoint(lent);
  stranger.password = std::make_shared<Secret>(std::string("wrong"));
  EXPECT_EQ(
      code_of([&] { static_cast<void>(engine().fit_beside(copy->facts, stranger, loading)); }),
      Errc::denied);
}

TEST_F(TypedbServerEngine, SaysHowToRestoreByHandAndWhoMay) {
  TypedbServer server;
  server.put("shop", people(3));
  const auto copy = back_up(endpoint(server));
  const std::string text = engine().restore_instructions(copy->facts);
  EXPECT_NE(text.find("'database import shop databases/shop/schema.tql "
                      "databases/shop/data.typedb'"),
            std::string::npos)
      << text;
  for (const char* words : {"--schema='databases/shop/schema.tql' --data='databases/shop/"
                            "data.typedb'",
                            "--file='databases/shop/data.typedb'"})
    EXPECT_NE(text.find(words), std::string::npos) << text;
  for (const char* purpose : {"backup", "restore", "application"})
    EXPECT_NE(engine().grants(endpoint(server), purpose).find("user create admin"),
              std::string::npos);
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().grants(endpoint(server), "dancing")); }),
            Errc::usage);
}

TEST_F(TypedbServerEngine, EndsSoonWhenAsked) {
  TypedbServer server;
  server.put("shop", people(30));
  std::stop_source stop;
  stop.request_stop();
  model::DatabaseFacts facts;
  EXPECT_EQ(code_of([&] { static_cast<void>(engine().probe(endpoint(server), stop.get_token())); }),
            Errc::cancelled);
  EXPECT_EQ(code_of([&] { engine().describe(endpoint(server), facts, stop.get_token()); }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::typedb
