// SPDX-License-Identifier: Apache-2.0
// The documentation lists every code that these readers find, with its severities, and no other.
#include <gtest/gtest.h>

#include "model/test_finding_codes.h"

namespace holdfast::engine::typedb {
namespace {

TEST(TypedbFindings, AreThoseOfTheDocumentation) {
  model::FindingCodes codes =
      model::codes_in_folder(HOLDFAST_SOURCES "/src/engine/typedb", "typedb-");
  for (auto& [code, severities] :
       model::codes_in_source(HOLDFAST_SOURCES "/src/job/inspect.cc", "typedb-"))
    codes[code].merge(severities);
  EXPECT_EQ(codes, model::codes_in_page(HOLDFAST_SOURCES, "typedb-"));
}

}  // namespace
}  // namespace holdfast::engine::typedb
