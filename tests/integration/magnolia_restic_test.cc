// SPDX-License-Identifier: Apache-2.0
// A Magnolia instance comes back without Holdfast: restic and the commands that RESTORE.md prints,
// in their order, lead to an instance with the same content at another place.
#include <algorithm>
#include <sstream>

#include "base/process.h"
#include "integration/magnolia_run.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

class MagnoliaByHand : public MagnoliaRun, public testing::WithParamInterface<MagnoliaVariant> {
 protected:
  // The commands of RESTORE.md for this target, as somebody would type them.
  [[nodiscard]] std::string script(const std::string& text, const fs::path& unpacked,
                                   const MagnoliaLab& from, const MagnoliaLab& to) const {
    std::string all;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      if (!line.starts_with("    ")) continue;
      line.erase(0, 4);
      const std::string program = line.substr(0, line.find(' '));
      // Nothing is there that has to be moved away; the schema has another name than it had; and
      // looking into embedded databases is not needed.
      const bool is_skipped = program == "mv" || program == "restic" || program == "java" ||
                              program == "ij>" || program.starts_with("CLASSPATH=") ||
                              line.ends_with("< grants.sql") || line.starts_with("    ");
      if (is_skipped) continue;
      replace_all(line, "/tmp/restore", unpacked.string());
      replace_all(line, "'" + from.directory().string(), "'" + to.directory().string());
      if (line.find("jdbc:postgresql:") != std::string::npos)
        replace_all(line, "HOST:PORT/NAME", to.servers().address() + ":5432/" + to.database());
      replace_all(line, "HOST:PORT/NAME", to.servers().address() + ":3306/" + to.database());
      replace_all(line, "HOST", "127.0.0.1");
      if (program == "psql" || program == "createdb") replace_all(line, "NEW", to.database());
      if (program == "mariadb") replace_all(line, "target", to.database());
      all += line + "\n";
    }
    return all;
  }

  // What reaches the servers as their administrator.
  [[nodiscard]] static std::string preamble(const MagnoliaLab& lab) {
    std::string text;
    if (uses_postgres(lab.variant())) {
      engine::postgresql::PrivateServer& server = lab.servers().postgres().server();
      text += fmt::format("export PGHOST={} PGPORT={} PGUSER={}\n",
                          shell_quote(server.socket_directory().string()),
                          engine::postgresql::PrivateServer::port(), server.superuser());
    }
    if (uses_mariadb(lab.variant())) {
      std::string words;
      for (const std::string& word : lab.servers().mariadb().client("mariadb", {}))
        words += " " + shell_quote(word);
      text += "mariadb() { command" + words + " \"$@\"; }\n";
    }
    return text;
  }
};

TEST_P(MagnoliaByHand, ComesBackByResticAndTheEnginesOwnTools) {
  const MagnoliaLab source = lab(GetParam());
  source.create();
  const std::string digest = source.verify().digest;
  const Outcome copied = back_up(discovered(source));
  ASSERT_EQ(copied.exit_code, 0) << copied.text();
  // Nothing of it is left, and no Holdfast.
  fs::remove_all(source.directory());
  if (uses_postgres(source.variant())) source.servers().postgres().drop_database(source.database());
  if (uses_mariadb(source.variant()))
    source.servers().mariadb().run("DROP DATABASE " + source.database());

  const fs::path unpacked = place_ / "unpacked";
  const Outcome restic =
      place_.run({"restic", "-r", place_.repository().string(), "restore", "latest", "--target",
                  unpacked.string()},
                 {.environment = {{"RESTIC_PASSWORD_FILE", place_.password_file().string()}}});
  ASSERT_EQ(restic.exit_code, 0) << restic.text();
  const std::string text = read_text(unpacked / "magnoliaAuthor" / "RESTORE.md");
  const MagnoliaLab target = source.elsewhere(place_ / "test");
  const std::string commands = preamble(target) + script(text, unpacked, source, target);
  const Outcome done = place_.run({"bash", "-ec", commands});
  ASSERT_EQ(done.exit_code, 0) << commands << done.text();
  EXPECT_EQ(text.find(magnolia_password), std::string::npos) << text;
  const MagnoliaVerdict verdict = target.verify();
  EXPECT_TRUE(verdict.is_whole()) << verdict.text << text;
  EXPECT_EQ(verdict.digest, digest) << verdict.text << text;
  // The connection is the new one's, or the old database could have been read.
  if (uses_postgres(target.variant())) {
    EXPECT_NE(read_text(target.conf()).find(target.postgres_jdbc()), std::string::npos);
  }
}

// With the long counts each of them; else one of each way to keep content.
std::vector<MagnoliaVariant> variants() {
  if (is_soak()) return {std::begin(magnolia_variants), std::end(magnolia_variants)};
  return {MagnoliaVariant::derby, MagnoliaVariant::pg, MagnoliaVariant::mixed};
}

INSTANTIATE_TEST_SUITE_P(Each, MagnoliaByHand, testing::ValuesIn(variants()),
                         [](const auto& one) { return std::string(variant_name(one.param)); });

}  // namespace
}  // namespace holdfast::test
