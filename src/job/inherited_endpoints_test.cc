// SPDX-License-Identifier: Apache-2.0
#include "job/inherited_endpoints.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/error.h"

namespace holdfast::job {
namespace {

Json endpoints(std::size_t count) {
  Json list = Json::array();
  for (std::size_t i = 0; i < count; ++i)
    list.push(Json::object().set("where", "key" + std::to_string(i)).set("value", "a.example.org"));
  return Json::object().set("endpoints", std::move(list));
}

TEST(InheritedEndpoints, AreToldToWhoeverMakesAClone) {
  EXPECT_FALSE(find_inherited_endpoints(Json::object()));
  EXPECT_FALSE(find_inherited_endpoints(endpoints(0)));
  const auto finding = find_inherited_endpoints(endpoints(2).set("endpoints_untold", 7));
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->code, "endpoints-inherited");
  EXPECT_EQ(finding->severity, model::Severity::warning);
  EXPECT_EQ(finding->seen,
            "the copy will talk to a.example.org (key0), a.example.org (key1), and 7 more");
}

// Whoever wrote the manifest is not trusted to keep to a bound, nor to a form.
TEST(InheritedEndpoints, AreBoundedWhateverTheManifestSays) {
  const auto finding = find_inherited_endpoints(endpoints(1'000));
  ASSERT_TRUE(finding);
  EXPECT_TRUE(finding->seen.ends_with("(key99), and 900 more")) << finding->seen;
  EXPECT_THROW(static_cast<void>(find_inherited_endpoints(Json::object().set("endpoints", "x"))),
               Error);
}

}  // namespace
}  // namespace holdfast::job
