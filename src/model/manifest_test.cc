// SPDX-License-Identifier: Apache-2.0
#include "model/manifest.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::model {
namespace {

Manifest sample() {
  Manifest manifest;
  manifest.program_version = "0.1.0";
  manifest.instance = "shop";
  manifest.profile = "custom";
  manifest.home = "/srv/shop";
  manifest.hostname = "alpha";
  manifest.started = parse_rfc3339("2026-11-20T10:56:01.5+01:00");
  manifest.ended = parse_rfc3339("2026-11-20T10:57:00Z");
  manifest.fenced = true;
  manifest.fence_held_ms = 12;
  manifest.quiesced = true;
  manifest.complete = false;
  DatabaseFacts database;
  database.name = "orders";
  database.directory = "databases/orders";
  database.engine = "sqlite";
  database.uri = "sqlite:/srv/shop/orders.db";
  database.version = "3.40.1";
  database.moment = {MomentKind::at_capture, manifest.started, manifest.ended, "wal 7", true};
  database.engine_facts = Json::object().set("page_size", 4096);
  database.parts = {{"data.db", 8192}, {"srv/app/db", 4096, true, std::string(64, 'a')}};
  database.tables = {{"", "t", 3, std::string(64, 'a')}, {"", "u", 0, ""}};
  database.objects = {{"index", "i", std::string(64, '0')}};
  manifest.databases.push_back(database);
  FilesFacts files;
  files.name = "uploads";
  files.directory = "files/uploads";
  files.paths = {{"/srv/shop/uploads", "files/uploads/srv/shop/uploads"}};
  files.exclude = {"*.tmp"};
  files.files = 2;
  files.directories = 1;
  files.bytes = 30;
  files.content_sha256 = std::string(64, '1');
  files.unreadable = {"/srv/shop/uploads/secret"};
  manifest.files.push_back(files);
  Finding finding;
  finding.code = "files-unreadable";
  finding.severity = Severity::warning;
  manifest.findings.push_back(finding);
  return manifest;
}

// The sample with one place in its JSON text changed.
std::string changed(std::string_view from, std::string_view to) {
  std::string text = to_json(sample()).dump();
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

Errc code_of(std::string_view text) {
  try {
    static_cast<void>(parse_manifest(text));
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}

TEST(Manifest, SurvivesJson) {
  const std::string text = to_json(sample()).dump_indented();
  const Manifest read = parse_manifest(text);
  EXPECT_EQ(to_json(read).dump_indented(), text);
  EXPECT_EQ(read.databases.at(0).tables.at(0).rows, 3U);
  EXPECT_EQ(read.databases.at(0).moment.position, "wal 7");
  EXPECT_EQ(read.files.at(0).paths.at(0).place, "files/uploads/srv/shop/uploads");
  EXPECT_EQ(read.started, sample().started);
  EXPECT_FALSE(read.complete);
}

TEST(Manifest, RefusesANewerSchemaByItsNumber) {
  const std::string text = changed("\"schema_version\":1", "\"schema_version\":7");
  EXPECT_EQ(code_of(text), Errc::unsupported);
  EXPECT_EQ(code_of(changed("\"schema_version\":1", "\"schema_version\":0")), Errc::corrupt);
}

TEST(Manifest, IgnoresFieldsItDoesNotKnow) {
  EXPECT_NO_THROW(static_cast<void>(
      parse_manifest(changed("\"instance\":", "\"later_addition\":[1],\"instance\":"))));
}

TEST(Manifest, RefusesPlacesThatLeaveTheSnapshot) {
  for (const char* place : {"../x", "/x", "databases//x", "databases/../../x", "", "./x", "x/"}) {
    EXPECT_EQ(code_of(changed("\"databases/orders\"", "\"" + std::string(place) + "\"")),
              Errc::corrupt)
        << place;
  }
}

TEST(Manifest, RefusesPathsThatLeadElsewhere) {
  for (const char* part : {"../x", "/x", "/etc/cron.d/x", "a//x", "a/../../x", "", ".", "..", "./x",
                           "x/", "a/..", R"(a\u0000b)"}) {
    EXPECT_EQ(code_of(changed("\"data.db\"", "\"" + std::string(part) + "\"")), Errc::corrupt)
        << part;
  }
  for (const char* source : {"srv/x", "../x", "/../x", "/srv/../../x", "//srv", "/srv//x",
                             "/srv/x/", "", ".", "/.", R"(/srv/\u0000x)"}) {
    EXPECT_EQ(code_of(changed("\"/srv/shop/uploads\"", "\"" + std::string(source) + "\"")),
              Errc::corrupt)
        << source;
  }
  for (const char* sound : {"/", "/...", "/srv/a b"}) {
    EXPECT_EQ(parse_manifest(changed("\"/srv/shop/uploads\"", "\"" + std::string(sound) + "\""))
                  .files.at(0)
                  .paths.at(0)
                  .source,
              sound);
  }
  EXPECT_EQ(parse_manifest(changed("\"data.db\"", "\"tables/public/a b.copy\""))
                .databases.at(0)
                .parts.at(0)
                .path,
            "tables/public/a b.copy");
}

TEST(Manifest, RefusesWhatIsMalformed) {
  EXPECT_EQ(code_of(""), Errc::corrupt);
  EXPECT_EQ(code_of("[]"), Errc::corrupt);
  EXPECT_EQ(code_of("{}"), Errc::corrupt);
  EXPECT_EQ(code_of(changed("\"rows\":3", "\"rows\":-3")), Errc::corrupt);
  EXPECT_EQ(code_of(changed("aaaa", "AAAA")), Errc::corrupt);
  EXPECT_EQ(code_of(changed("at-capture", "at-noon")), Errc::corrupt);
  EXPECT_EQ(code_of(changed("2026-11-20T10:57:00Z", "yesterday")), Errc::corrupt);
  EXPECT_EQ(code_of(changed("{\"page_size\":4096}", "4096")), Errc::corrupt);
  EXPECT_EQ(code_of(changed("\"fenced\":true", "\"fenced\":1")), Errc::corrupt);
}

TEST(EscapeName, KeepsPlainNamesAndEscapesTheRest) {
  EXPECT_EQ(escape_name("orders-2.db_x"), "orders-2.db_x");
  EXPECT_EQ(escape_name("a/b c%"), "a%2Fb%20c%25");
  EXPECT_EQ(escape_name("ü"), "%C3%BC");
  EXPECT_EQ(escape_name("."), "%2E");
  EXPECT_EQ(escape_name(".."), "%2E%2E");
  EXPECT_EQ(escape_name("..."), "...");
  EXPECT_EQ(escape_name(""), "%");
}

TEST(EscapeName, KnowsItsOwnHandwriting) {
  for (const char* name : {"", "a", "..", ".", "a/b", "100%", "%41", "%", "ü", "a b"})
    EXPECT_TRUE(is_escaped_name(escape_name(name))) << name;
  EXPECT_TRUE(is_escaped_name(escape_name(std::string(300, '/'))));
  for (const char* name : {"", ".", "..", "a b", "a/b", "100%", "%4", "%4x", "%c3", "ü"})
    EXPECT_FALSE(is_escaped_name(name)) << name;
  EXPECT_FALSE(is_escaped_name(std::string(201, 'a')));
}

TEST(EscapeName, CutsLongNamesAndKeepsThemApart) {
  EXPECT_EQ(escape_name(std::string(200, 'a')), std::string(200, 'a'));
  const std::string one = escape_name(std::string(300, 'a') + "1");
  const std::string other = escape_name(std::string(300, 'a') + "2");
  EXPECT_EQ(one.size(), 200U);
  EXPECT_NE(one, other);
  EXPECT_EQ(one.substr(0, 184), std::string(183, 'a') + "-");
  // 61 escapes are 183 bytes; with one byte before them the last one no longer fits and goes as a
  // whole.
  const std::string escapes = escape_name("x" + std::string(100, '/'));
  EXPECT_EQ(escapes.size(), 1 + 60 * 3 + 1 + 16U);
}

}  // namespace
}  // namespace holdfast::model
