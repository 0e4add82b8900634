// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/restore_text.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::engine::postgresql {
namespace {

model::DatabaseFacts facts_of(std::string_view provider, std::string_view locale,
                              std::string_view rules = {}) {
  model::DatabaseFacts facts;
  facts.directory = "databases/data";
  facts.version = "18.1";
  facts.engine_facts = Json::object();
  for (const auto& [key, value] : {std::pair<const char*, std::string_view>{"database", "shop"},
                                   {"encoding", "UTF8"},
                                   {"collate", "C"},
                                   {"ctype", "C.UTF-8"},
                                   {"locale_provider", provider},
                                   {"icu_locale", locale},
                                   {"icu_rules", rules}})
    facts.engine_facts.set(key, value);
  return facts;
}

TEST(RestoreText, MakesADatabaseOfEveryLocaleProvider) {
  const std::string libc = restore_paragraphs(facts_of("c", ""));
  EXPECT_NE(libc.find("    cd databases/data\n"
                      "    createdb --template=template0 --encoding=UTF8 --lc-collate=C"
                      " --lc-ctype=C.UTF-8 NEW\n"),
            std::string::npos)
      << libc;
  // The next database's commands are for the same directory.
  EXPECT_NE(libc.find("--file=restore.sql\n    cd ../..\n"), std::string::npos) << libc;
  const std::string icu = restore_paragraphs(facts_of("i", "de-u-co-phonebk", "&a < b"));
  EXPECT_NE(
      icu.find(" --locale-provider=icu --icu-locale=de-u-co-phonebk '--icu-rules=&a < b' NEW"),
      std::string::npos)
      << icu;
  const std::string builtin = restore_paragraphs(facts_of("b", "C.UTF-8"));
  EXPECT_NE(builtin.find(" --locale-provider=builtin --builtin-locale=C.UTF-8 NEW"),
            std::string::npos)
      << builtin;
}

TEST(RestoreText, ALocaleIsNoCommand) {
  const std::string text = restore_paragraphs(facts_of("i", "de'; touch x; '"));
  EXPECT_NE(text.find(R"('--icu-locale=de'\''; touch x; '\''')"), std::string::npos) << text;
}

}  // namespace
}  // namespace holdfast::engine::postgresql
