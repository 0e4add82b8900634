// SPDX-License-Identifier: Apache-2.0
// The documentation lists every code that is found of schemas and dump files, with its severities,
// and no other.
#include <gtest/gtest.h>

#include <string>

#include "model/test_finding_codes.h"

namespace holdfast::engine::oracle {
namespace {

const std::string folder = HOLDFAST_SOURCES "/src/engine/oracle";

TEST(OracleFindings, OfExpFilesAreThoseOfTheDocumentation) {
  EXPECT_EQ(model::codes_in_folder(folder, "oracle-exp-"),
            model::codes_in_page(HOLDFAST_SOURCES, "oracle-exp-"));
}

TEST(OracleFindings, OfDataPumpFilesAreThoseOfTheDocumentation) {
  EXPECT_EQ(model::codes_in_folder(folder, "oracle-pump-"),
            model::codes_in_page(HOLDFAST_SOURCES, "oracle-pump-"));
}

TEST(OracleFindings, OfSchemasAreThoseOfTheDocumentation) {
  model::FindingCodes in_sources;
  for (const char* file : {"/probe.cc", "/load_checks.cc"}) {
    for (auto& [code, severities] : model::codes_in_source(folder + file, "oracle-"))
      in_sources[code].merge(severities);
  }
  // unseen() of probe.cc and look_at_names() of load_checks.cc give one severity to all.
  for (const char* code : {"oracle-sqlplus-missing", "oracle-access-denied", "oracle-server-silent",
                           "oracle-server-unobservable"})
    in_sources[code] = {"blocker"};
  in_sources["oracle-target-tablespace"] = {"warning"};
  model::FindingCodes in_page = model::codes_in_page(HOLDFAST_SOURCES, "oracle-");
  std::erase_if(in_page, [](const auto& one) {
    return one.first.starts_with("oracle-exp-") || one.first.starts_with("oracle-pump-");
  });
  EXPECT_EQ(in_sources, in_page);
}

}  // namespace
}  // namespace holdfast::engine::oracle
