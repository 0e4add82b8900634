// SPDX-License-Identifier: Apache-2.0
#include "profile/instance_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "profile/instance_keys.h"

namespace holdfast::profile {
namespace {

constexpr std::string_view full = R"(name = "shop"
home = "/srv/shop"

[repository]
location = "/backup/shop"
password_command = ["pass", "shop"]

[[database]]
name = "orders"
uri = "sqlite:/srv/shop/orders.db"

[[database]]
name = "stock"
uri = "sqlite:/srv/shop/stock.db"
after = ["orders"]

[[files]]
name = "uploads"
paths = ["/srv/shop/uploads"]
exclude = ["*.tmp"]

[quiesce]
stop = ["systemctl", "stop", "shop"]
start = ["systemctl", "start", "shop"]
when = "needed"
timeout = "30s"

[hooks]
before_backup = [["/usr/bin/true"], ["echo", "a b"]]

[limits]
fence_ms = 250

[drill]
scratch_dir = "/var/tmp"

[[drill.query]]
component = "orders"
sql = "select count(*) > 0 from orders"
expect = "1"

[restore]
role = "clone"

[[accept]]
code = "sqlite-rollback-journal"
reason = "writers are few"
until = "2027-01-31"
)";

// The message of the Error that parsing `toml` ends in; empty if it ends in none.
std::string refusal(std::string_view toml) {
  try {
    static_cast<void>(parse_instance(toml, "shop.toml"));
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(InstanceFile, ReadsMappingsOfNames) {
  const model::Instance instance = parse_instance(R"(name = "shop"
[drill]
user = "postgres"
[restore.owner]
"old \"one\"" = "new"
"*" = "rest"
[restore.schema]
a = "b"
[restore.tablespace]
fast = "pg_default"
)",
                                                  "f");
  EXPECT_EQ(instance.drill.user, "postgres");
  EXPECT_EQ(instance.restore_names.owners.at("old \"one\""), "new");
  EXPECT_EQ(instance.restore_names.schemas.at("a"), "b");
  EXPECT_EQ(instance.restore_names.tablespaces.at("fast"), "pg_default");
  const model::Instance again = parse_instance(to_toml(instance, {}), "again");
  EXPECT_EQ(again.restore_names.owners, instance.restore_names.owners);
  EXPECT_EQ(again.drill.user, "postgres");
  EXPECT_THROW(static_cast<void>(parse_instance("name = \"x\"\n[restore]\nowner = \"a\"", "f")),
               Error);
  EXPECT_THROW(static_cast<void>(parse_instance("name = \"x\"\n[restore.owner]\na = 1", "f")),
               Error);
}

TEST(InstanceFile, ReadsAndWritesWhoShallOwnWhatIsRestored) {
  const model::Instance instance = parse_instance(R"(name = "shop"
[restore.user]
password_command = ["pass", "fmemc"]
default_tablespace = "USERS"
quota = "10G"
)",
                                                  "f");
  const auto expect = [](const model::NewUserSettings& user) {
    EXPECT_EQ(user.password.command, (std::vector<std::string>{"pass", "fmemc"}));
    EXPECT_EQ(user.default_tablespace, "USERS");
    EXPECT_EQ(user.quota, "10G");
  };
  expect(instance.restore_user);
  expect(parse_instance(to_toml(instance, {}), "again").restore_user);
  EXPECT_THROW(static_cast<void>(parse_instance("name = \"x\"\n[restore.user]\nname = \"a\"", "f")),
               Error);
}

TEST(InstanceFile, ReadsEndpointsOfDrills) {
  constexpr std::string_view start =
      "name = \"shop\"\n[[database]]\nname = \"a\"\nuri = "
      "\"postgresql:///a\"\n[[database]]\nname = \"lite\"\nuri = "
      "\"sqlite:/a\"\n";
  const auto with = [&](std::string_view more) {
    return std::string(start) + "[[drill.endpoint]]\n" + std::string(more);
  };
  const model::Instance instance = parse_instance(
      with("component = \"a\"\nuri = \"postgres://lent/x\"\nuser = \"guest\"\n"
           "password_command = [\"pass\", \"lent\"]\nmaintenance_database = \"m\"\n"),
      "f");
  ASSERT_EQ(instance.drill.endpoints.size(), 1U);
  const model::Instance again = parse_instance(to_toml(instance, {}), "again");
  for (const model::Instance* one : {&instance, &again}) {
    const model::DatabaseSettings& endpoint = one->drill.endpoints.at(0);
    EXPECT_EQ(endpoint.name, "a");
    EXPECT_EQ(endpoint.engine, "postgresql");
    EXPECT_EQ(endpoint.uri, "postgres://lent/x");
    EXPECT_EQ(endpoint.user, "guest");
    EXPECT_EQ(endpoint.password.command, (std::vector<std::string>{"pass", "lent"}));
    EXPECT_EQ(endpoint.options.at("maintenance_database"), "m");
  }
  const std::string good = "component = \"a\"\nuri = \"postgresql:///x\"\n";
  for (const auto& [more, words] : std::vector<std::pair<std::string, std::string>>{
           {"component = \"b\"\nuri = \"postgresql:///x\"", "names \"b\", which is no database"},
           {good + "[[drill.endpoint]]\n" + good, "two [[drill.endpoint]] stand in for \"a\""},
           {"component = \"a\"", "`uri` is missing in [[drill.endpoint]]"},
           {"uri = \"postgresql:///x\"", "`component` is missing in [[drill.endpoint]]"},
           {"component = \"a\"\nuri = \"mysql:///x\"", "is of engine mariadb"},
           {"component = \"lite\"\nuri = \"sqlite:/x\"", "only servers are lent"},
           {"component = \"a\"\nuri = \"postgresql://u:p@h/x\"", "`uri` holds a password"},
           {good + "password = \"x\"", "unknown key `password` in [[drill.endpoint]]"},
           {good + "password_file = \"x\"", "must be an absolute path"}})
    EXPECT_NE(refusal(with(more)).find(words), std::string::npos) << refusal(with(more));
}

TEST(InstanceFile, ReadsEveryKey) {
  const model::Instance instance = parse_instance(full, "shop.toml");
  EXPECT_EQ(instance.name, "shop");
  EXPECT_EQ(instance.repository.password.command, (std::vector<std::string>{"pass", "shop"}));
  ASSERT_EQ(instance.databases.size(), 2U);
  EXPECT_EQ(instance.databases[0].engine, "sqlite");
  EXPECT_EQ(instance.databases[1].after, std::vector<std::string>{"orders"});
  EXPECT_EQ(instance.files[0].exclude, std::vector<std::string>{"*.tmp"});
  EXPECT_EQ(instance.quiesce.when, model::QuiesceWhen::needed);
  EXPECT_EQ(instance.quiesce.timeout, std::chrono::seconds(30));
  EXPECT_EQ(instance.hooks.before_backup.size(), 2U);
  EXPECT_EQ(instance.limits.fence_ms, 250U);
  EXPECT_EQ(instance.limits.writer_stall_ms, 1000U);
  EXPECT_EQ(instance.drill.queries.at(0).expect, "1");
  EXPECT_EQ(instance.restore_role, model::RestoreRole::clone);
  EXPECT_EQ(instance.accepts.at(0).until, "2027-01-31");
}

TEST(InstanceFile, ReadsWhatProfileMagnoliaIsTold) {
  const std::string toml =
      "name = 'a'\nprofile = 'magnolia'\nhome = '/srv/a'\n[magnolia]\nsearch_index = 'include'\n"
      "persistence = 'mariadb'\ndata_store = 'database'\n"
      "[magnolia.system_properties]\n'magnolia.home' = '/data'\n"
      "[[drill.query]]\ncomponent = 'db-magnolia'\nsql = 'select 1'\nexpect = '1'\n";
  const model::Instance instance = parse_instance(toml, "a.toml");
  EXPECT_TRUE(instance.magnolia.includes_search_index);
  EXPECT_EQ(instance.magnolia.system_properties.at("magnolia.home"), "/data");
  EXPECT_EQ(instance.quiesce.when, model::QuiesceWhen::needed);
  const model::Instance again = parse_instance(to_toml(instance, {}), "b.toml");
  EXPECT_TRUE(again.magnolia.includes_search_index);
  EXPECT_EQ(again.magnolia.persistence, "mariadb");
  EXPECT_EQ(again.magnolia.data_store, "database");
  EXPECT_EQ(again.magnolia.system_properties, instance.magnolia.system_properties);
  EXPECT_NE(refusal("name='a'\nprofile='magnolia'\n[magnolia]\nsearch_index='maybe'\n")
                .find("`search_index` must be \"skip\" or \"include\""),
            std::string::npos);
  EXPECT_NE(refusal("name='a'\nprofile='magnolia'\n[magnolia]\npersistence='oracle'\n")
                .find("`persistence` must be one of \"derby\", \"h2\""),
            std::string::npos);
  EXPECT_NE(refusal("name='a'\nprofile='magnolia'\n[magnolia]\ndata_store='s3'\n")
                .find("`data_store` must be one of"),
            std::string::npos);
  EXPECT_NE(refusal("name='a'\n[magnolia]\nsearch_index='skip'\n").find("of profile"),
            std::string::npos);
}

TEST(InstanceFile, WritesWhatItReads) {
  const model::Instance once = parse_instance(full, "shop.toml");
  const std::string text = to_toml(once, {{"orders", "found by its header\nin /srv/shop"}});
  EXPECT_NE(text.find("# in /srv/shop\n"), std::string::npos);
  const model::Instance again = parse_instance(text, "shop.toml");
  EXPECT_EQ(to_toml(again, {}), to_toml(once, {}));
  EXPECT_EQ(again.quiesce.timeout, once.quiesce.timeout);
}

TEST(InstanceFile, QuiescesCustomApplicationsAlwaysUnlessTold) {
  EXPECT_EQ(parse_instance("name='a'\n[quiesce]\nstop=['x']\nstart=['y']\n", "f").quiesce.when,
            model::QuiesceWhen::always);
}

TEST(InstanceFile, NamesUnknownKeysWithTheNearestOne) {
  const std::string message = refusal("name = 'a'\n\n[limits]\nfence_mss = 3\n");
  EXPECT_NE(message.find("shop.toml:4:1: unknown key `fence_mss` in [limits]"), std::string::npos)
      << message;
  EXPECT_NE(message.find("Did you mean `fence_ms`?"), std::string::npos) << message;
  EXPECT_EQ(refusal("name = 'a'\nbogus = 1\n").find("Did you mean"), std::string::npos);
  EXPECT_NE(refusal("name='a'\npassword='x'\n").find("never stands in the file"),
            std::string::npos);
}

TEST(InstanceFile, RefusesEachMistakeWithItsLine) {
  EXPECT_NE(refusal("profile = 'custom'\n").find("`name` is missing"), std::string::npos);
  EXPECT_NE(refusal("[repository]\nlocation = '/r'\nname = 'a'\n").find("above the first [table]"),
            std::string::npos);
  EXPECT_NE(refusal("name = 3\n").find("shop.toml:1:8: `name` must be a text"), std::string::npos);
  EXPECT_NE(
      refusal("name = 'a'\nprofile = 'nope'\n").find("unknown profile \"nope\"; known: custom"),
      std::string::npos);
  EXPECT_NE(refusal("name = 'a'\nhome = 'srv'\n").find("absolute path"), std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[limits]\nfence_ms = -1\n").find("whole number"),
            std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[limits]\nfence_ms = '1'\n").find("whole number"),
            std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[quiesce]\nstop = ['x']\n").find("`start` is missing"),
            std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[quiesce]\nstop='x'\nstart='y'\n").find("list of texts"),
            std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[[files]]\nname='f'\npaths=[]\n").find("empty"),
            std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[[files]]\nname='f'\npaths=['x']\n").find("absolute"),
            std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[files]\nname='f'\npaths=['/x']\n").find("[[files]]"),
            std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[[database]]\nname='d'\nuri='/x'\n").find("names no engine"),
            std::string::npos);
  EXPECT_NE(refusal("name = 'a'\n[[accept]]\ncode='c'\nreason='r'\nuntil='soon'\n").find("date"),
            std::string::npos);
  EXPECT_NE(
      refusal("name = 'a'\n[[files]]\nname='f'\npaths=['/x']\n[[files]]\nname='f'\npaths=['/y']\n")
          .find("two components"),
      std::string::npos);
  EXPECT_NE(
      refusal("name = 'a'\n[[files]]\nname='f'\npaths=['/x']\nafter=['g']\n").find("no component"),
      std::string::npos);
  EXPECT_NE(
      refusal(
          "name = "
          "'a'\n[[files]]\nname='f'\npaths=['/x']\nafter=['g']\n[[files]]\nname='g'\npaths=['/x']\n"
          "after=['f']\n")
          .find("circle"),
      std::string::npos);
  EXPECT_NE(refusal("name = 'a\n").find("no valid TOML"), std::string::npos);
  EXPECT_NE(refusal("name = 'a/b'\n").find("slash"), std::string::npos);
}

// With the slash kept, the manifest named a place that nobody could read back.
TEST(InstanceFile, TakesPathsWithoutTheirLastSlash) {
  const model::Instance instance =
      parse_instance("name='a'\n[[files]]\nname='f'\npaths=['/srv/x/', '/srv//y/./z']\n", "f");
  EXPECT_EQ(instance.files[0].paths, (std::vector<std::string>{"/srv/x", "/srv/y/z"}));
  EXPECT_NE(refusal("name='a'\n[[files]]\nname='f'\npaths=['/']\n").find("root directory"),
            std::string::npos);
}

TEST(InstanceFile, RefusesPasswordsInTheUri) {
  EXPECT_NE(refusal("name='a'\n[[database]]\nname='d'\nuri='postgresql://me:geheim@db/x'\n")
                .find("holds a password"),
            std::string::npos);
  EXPECT_EQ(refusal("name='a'\n[[database]]\nname='d'\nuri='postgresql://me:geheim@db/x'\n")
                .find("geheim"),
            std::string::npos);
}

TEST(InstanceFile, RefusesPasswordsInTheParametersOfAUri) {
  const std::string refused =
      refusal("name='a'\n[[database]]\nname='d'\nuri='postgresql://me@db/x?a=b&password=geheim'\n");
  EXPECT_NE(refused.find("holds a password"), std::string::npos) << refused;
  EXPECT_EQ(refused.find("geheim"), std::string::npos);
}

TEST(InstanceFile, KeepsLocationsWithPasswordsFromOthers) {
  const TemporaryDirectory directory("instance-file-test");
  const std::filesystem::path file = directory.path() / "shop.toml";
  const auto refused = [&](std::string_view location, ::mode_t mode) -> std::string {
    const std::string toml = "name='a'\n[repository]\nlocation='" + std::string(location) + "'\n";
    write_file_durably(file, as_bytes(toml), 0600);
    EXPECT_EQ(::chmod(file.c_str(), mode), 0);
    try {
      static_cast<void>(read_instance_file(file));
      return {};
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::denied);
      return error.message();
    }
  };
  for (const char* location : {"rest:https://me:geheim@host/", "rest:https://host/?token=geheim"}) {
    const std::string message = refused(location, 0644);
    EXPECT_NE(message.find("shop.toml:3:"), std::string::npos) << message;
    EXPECT_EQ(message.find("geheim"), std::string::npos) << message;
    EXPECT_EQ(refused(location, 0640), "");
  }
  EXPECT_EQ(refused("rest:https://me@host/", 0644), "");
}

TEST(InstanceFile, RefusesPasswordFilesThatOthersCanRead) {
  const TemporaryDirectory directory("instance-file-test");
  const std::string file = directory.path() / "pw";
  write_file_durably(file, as_bytes(" secret \n"), 0600);
  const std::string toml = "name='a'\n[repository]\nlocation='/r'\npassword_file='" + file + "'\n";
  EXPECT_EQ(
      resolve_password(parse_instance(toml, "f").repository.password, "the repository")->reveal(),
      "secret");
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  EXPECT_NE(refusal(toml).find("every user"), std::string::npos);
}

TEST(InstanceFile, RunsPasswordCommands) {
  EXPECT_EQ(resolve_password({"", {"printf", "x y\n"}}, "d")->reveal(), "x y");
  EXPECT_THROW(static_cast<void>(resolve_password({"", {"false"}}, "d")), Error);
  EXPECT_EQ(resolve_password({}, "d"), nullptr);
  ::setenv("HOLDFASTS_VAULT_TOKEN", "s.123", 1);  // it may need the caller's own
  EXPECT_EQ(resolve_password({"", {"printenv", "HOLDFASTS_VAULT_TOKEN"}}, "d")->reveal(), "s.123");
  ::unsetenv("HOLDFASTS_VAULT_TOKEN");
}

TEST(InstanceFile, EndsPasswordCommandsAtAStopRequest) {
  std::stop_source stop;
  stop.request_stop();
  const auto begun = std::chrono::steady_clock::now();
  try {
    static_cast<void>(resolve_password({"", {"sleep", "60"}}, "d", stop.get_token()));
    FAIL() << "it was stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
}

TEST(InstanceFile, SchemaNamesEveryKey) {
  const Json schema = Json::parse(keys_as_json_schema(), "schema");
  const std::string text = schema.dump();
  const std::string markdown = keys_as_markdown();
  for (const InstanceKey& key : instance_keys()) {
    EXPECT_NE(text.find('"' + std::string(key.name) + '"'), std::string::npos) << key.name;
    EXPECT_NE(markdown.find("| `" + std::string(key.name) + "` |"), std::string::npos) << key.name;
  }
  EXPECT_NE(schema.at("properties").at("drill").at("properties").find("query"), nullptr);
}

TEST(InstanceFile, NamesFurtherRepositoriesAsTextsOrWithPasswords) {
  const std::string begin = "name='a'\n[repository]\nlocation='/r'\npassword_file='/p'\n";
  const auto extras = [&](const std::string& more) {
    return parse_instance(begin + more, "f").repository.extra_locations;
  };
  EXPECT_TRUE(extras("").empty());
  const auto both =
      extras("extra_locations = ['/s', {location = '/t', password_command = ['pass', 't']}]\n");
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].location, "/s");
  EXPECT_TRUE(both[0].password.empty());
  EXPECT_EQ(both[1].location, "/t");
  EXPECT_EQ(both[1].password.command, (std::vector<std::string>{"pass", "t"}));
  const auto tables = extras(
      "[[repository.extra_locations]]\nlocation = '/s'\npassword_file = '/q'\n"
      "[[repository.extra_locations]]\nlocation = '/t'\n");
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0].password.file, "/q");
  const model::Instance instance = parse_instance(
      begin + "[[repository.extra_locations]]\nlocation = '/s'\npassword_file = '/q'\n", "f");
  const auto again = parse_instance(to_toml(instance, {}), "f").repository.extra_locations;
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].location, "/s");
  EXPECT_EQ(again[0].password.file, "/q");
  for (const std::string wrong :
       {"extra_locations = '/s'\n", "extra_locations = ['']\n", "extra_locations = [7]\n",
        "extra_locations = ['/r']\n", "extra_locations = ['/s', {location = '/s'}]\n",
        "extra_locations = [{password_file = '/q'}]\n",
        "extra_locations = [{location = '/s', place = '/q'}]\n",
        "extra_locations = [{location = '/s', password_file = '/q', password_command = "
        "['x']}]\n"}) {
    EXPECT_THROW(static_cast<void>(extras(wrong)), Error) << wrong;
  }
}

// Documents made from the table of keys; HOLDFAST_ACCEPT=1 writes them anew.
TEST(InstanceFile, DocumentsAreWhatTheTableSays) {
  const std::filesystem::path docs = std::filesystem::path(HOLDFAST_SOURCE_DIR) / "docs";
  const std::string page = read_text_file(docs / "instance-file.md");
  const std::string heading = "## All keys\n\n";
  const std::size_t keys = page.find(heading);
  ASSERT_NE(keys, std::string::npos);
  std::string wanted = page.substr(0, keys) + heading + keys_as_markdown();
  while (wanted.ends_with("\n\n")) wanted.pop_back();
  if (std::getenv("HOLDFAST_ACCEPT") != nullptr) {
    write_file_durably(docs / "instance-file.md", as_bytes(wanted), 0644);
    write_file_durably(docs / "instance-file.schema.json", as_bytes(keys_as_json_schema()), 0644);
    return;
  }
  EXPECT_EQ(page, wanted);
  EXPECT_EQ(read_text_file(docs / "instance-file.schema.json"), keys_as_json_schema());
}

}  // namespace
}  // namespace holdfast::profile
