// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/location.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using Location = SqliteTest;

std::string path_of_uri(const std::string& uri) {
  model::Endpoint endpoint;
  endpoint.uri = uri;
  return path_of(endpoint).native();
}

TEST_F(Location, ReadsTheFormsOfAUri) {
  EXPECT_EQ(path_of_uri("sqlite:/no/such/a.db"), "/no/such/a.db");
  EXPECT_EQ(path_of_uri("/no/such/a.db"), "/no/such/a.db");
  EXPECT_EQ(path_of_uri("sqlite:///no/such/a.db"), "/no/such/a.db");
  EXPECT_EQ(path_of_uri("sqlite:/no/such/with space%20.db"), "/no/such/with space%20.db");
  EXPECT_EQ(code_of([] { static_cast<void>(path_of_uri(std::string("sqlite:/a\0b", 11))); }),
            Errc::usage);
}

TEST_F(Location, FollowsLinksBecauseSiblingsAreNamedAfterTheTarget) {
  make("a.db", "CREATE TABLE t (a)");
  std::filesystem::create_symlink(path("a.db"), path("link.db"));
  EXPECT_EQ(path_of(endpoint("link.db")), std::filesystem::canonical(path("a.db")));
}

TEST_F(Location, SeesSiblings) {
  Siblings none = siblings_of(path("a.db"));
  EXPECT_EQ(none.wal_bytes, 0U);
  EXPECT_FALSE(none.shm);
  write_file_durably(path("a.db-wal"), as_bytes("12345"));
  write_file_durably(path("a.db-shm"), {});
  write_file_durably(path("a.db-journal"), as_bytes(std::string_view("\0x", 2)));
  Siblings some = siblings_of(path("a.db"));
  EXPECT_EQ(some.wal_bytes, 5U);
  EXPECT_TRUE(some.shm);
  EXPECT_EQ(some.journal_bytes, 2U);
  EXPECT_FALSE(some.journal_live) << "a journal in mode PERSIST begins with zeros";
  write_file_durably(path("a.db-journal"), as_bytes("x"));
  EXPECT_TRUE(siblings_of(path("a.db")).journal_live);
  remove_siblings(path("a.db"));
  remove_siblings(path("a.db"));
  EXPECT_TRUE(names().empty());
}

TEST_F(Location, RecordsAndRestoresOwnership) {
  write_file_durably(path("a"), {}, 0640);
  ::chmod(path("a").c_str(), 0640);
  Json facts = Json::object();
  add_ownership(facts, *file_facts(path("a")));
  EXPECT_EQ(facts.string_or("file_mode", ""), "0640");
  const Fd other = open_file(path("b"), O_RDWR | O_CREAT, 0600);
  apply_ownership(other.get(), facts, std::nullopt);
  EXPECT_EQ(file_facts(path("b"))->mode, 0640U);
  apply_ownership(other.get(), Json::object(), std::nullopt);
  EXPECT_EQ(file_facts(path("b"))->mode, 0600U);
  apply_ownership(other.get(), Json::object(), file_facts(path("a")));
  EXPECT_EQ(file_facts(path("b"))->mode, 0640U);
}

TEST_F(Location, RefusesHostileOwnership) {
  const Fd file = open_file(path("a"), O_RDWR | O_CREAT, 0600);
  const auto apply = [&](const Json& facts) { apply_ownership(file.get(), facts, std::nullopt); };
  EXPECT_EQ(code_of([&] { apply(Json::object().set("file_mode", "rwx")); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { apply(Json::object().set("file_mode", 7)); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { apply(Json::object().set("file_uid", -1)); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { apply(Json::object().set("file_gid", 4294967295U)); }), Errc::corrupt);
  apply(Json::object().set("file_mode", "6777"));
  EXPECT_EQ(file_facts(path("a"))->mode, 0777U) << "no set-user-id from a manifest";
}

TEST_F(Location, LocalFilesAreOnNoNetwork) {
  EXPECT_EQ(network_filesystem(home_.path()), std::optional<std::string>(""));
  EXPECT_EQ(network_filesystem("/no/such/file"), std::nullopt);
  EXPECT_NE(beside("/a/b.db"), beside("/a/b.db"));
  EXPECT_TRUE(beside("/a/b.db").native().starts_with("/a/b.db.holdfast-"));
}

}  // namespace
}  // namespace holdfast::engine::sqlite
