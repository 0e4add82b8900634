// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/references.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "profile/magnolia/bundle_fixture.h"

namespace holdfast::profile::magnolia {
namespace {

const NodeId target{1, 2};

std::string row_of(const std::vector<std::string>& texts) {
  fixture::Writer to;
  to.be(texts.size(), 4);
  for (const std::string& text : texts) {
    to.be(text.size(), 2);
    to.bytes += text;
  }
  return to.bytes;
}

std::string read(std::string_view row) {
  std::string lines;
  read_references(target, as_bytes(row), [&](const Referrer& referrer) {
    lines += referrer.node.text() + " " + referrer.property.display() + "\n";
  });
  return lines;
}

std::string error_of(std::string_view row) {
  try {
    static_cast<void>(read(row));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    return error.message();
  }
  return "no error";
}

TEST(References, AreToldInTheirOrder) {
  const std::string id = root_id.text();
  EXPECT_EQ(read(row_of({id + "/{}self", id + "/{http://www.jcp.org/jcr/1.0}predecessors"})),
            id + " self\n" + id + " jcr:predecessors\n");
  EXPECT_EQ(read(row_of({})), "");
}

TEST(References, CutAnywhereAreCorrupt) {
  const std::string whole = row_of({root_id.text() + "/{}self", root_id.text() + "/{a}b"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(error_of(whole.substr(0, size)).find("references to node 0000"), std::string::npos);
  }
  EXPECT_NE(error_of(whole + "x").find("1 bytes are left over"), std::string::npos);
  EXPECT_NE(error_of("\xff\xff\xff\xff").find("4294967295 of 4294967295 are missing"),
            std::string::npos);
}

TEST(References, ThatNameNoPropertyAreCorrupt) {
  for (const char* text : {"", "/{}a", "{}a", "x/{}a"})
    EXPECT_NE(error_of(row_of({text})).find("no property"), std::string::npos);
  for (const char* rest : {"", "/", "/a", "/{}", "/{a", "/{a}"})
    EXPECT_NE(error_of(row_of({root_id.text() + rest})).find("no property"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
