// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_draft.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/releases.h"
#include "engine/typedb/schema_adapter.h"
#include "engine/typedb/test_exports.h"

namespace holdfast::engine::typedb {
namespace {

const std::size_t old_2 = range_of("2.3.0").value(), new_2 = range_of("2.29.1").value(),
                  old_3 = range_of("3.4.0").value(), new_3 = range_of("3.12.3").value();
constexpr std::string_view with_rule =
    "define p sub entity;\nrule r: when { $x isa p; } then { $x isa p; };\n";

TEST(TypedbSchemaDraft, OnlyFrom2To3IsAnythingAdapted) {
  EXPECT_EQ(schema_for(new_2, old_2, with_rule, "shop"), with_rule);
  EXPECT_EQ(schema_for(old_2, new_2, with_rule, "shop"), with_rule);
  EXPECT_EQ(schema_for(old_3, new_3, people_schema_3, "shop"), people_schema_3);
  EXPECT_EQ(schema_for(new_2, new_3, people_schema_2, "shop"), adapt_schema(people_schema_2).text);
}

TEST(TypedbSchemaDraft, WhatIsAlreadyTypeql3IsLeftAsItIs) {
  EXPECT_EQ(schema_for(new_2, new_3, people_schema_3, "shop"), people_schema_3);
}

TEST(TypedbSchemaDraft, DecisionsAreAskedForWithADraftThatIsNeverWrittenOver) {
  const TemporaryDirectory place("typedb-draft");
  const std::filesystem::path draft = place.path() / "shop.tql.draft";
  const auto refusal = [&](const std::filesystem::path& directory) {
    try {
      static_cast<void>(schema_for(new_2, new_3, with_rule, "shop", directory));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
      EXPECT_NE(error.hint().find("--schema"), std::string::npos);
      return error.message();
    }
    return std::string("none");
  };
  EXPECT_EQ(refusal(place.path()),
            "the schema of shop needs 1 decision before TypeDB 3.11.0 and later takes it, the "
            "first for line 2 (rule r: TypeDB 3 has functions in place of rules; nothing that was "
            "inferred is in an export); a draft is in " +
                draft.native());
  EXPECT_EQ(read_text_file(draft), adapt_schema(with_rule).text);
  // Its comments are no obstacle: the draft itself goes on.
  EXPECT_EQ(schema_for(new_2, new_3, read_text_file(draft), "shop"), read_text_file(draft));
  write_file_durably(draft, as_bytes("mine"));
  EXPECT_NE(refusal(place.path()).find("was there before and is as it was"), std::string::npos);
  EXPECT_EQ(read_text_file(draft), "mine");
  EXPECT_NE(refusal(place.path() / "no").find("no draft could be written"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::typedb
