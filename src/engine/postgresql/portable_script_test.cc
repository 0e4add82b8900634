// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/portable_script.h"

#include <gtest/gtest.h>

namespace holdfast::engine::postgresql {
namespace {

std::string portable(std::string_view script, std::size_t piece) {
  class Text final : public ByteSink {
   public:
    void write(ByteView bytes) override { text += as_text(bytes); }
    std::string text;
  } text;
  PortableScript filter(text, {"lock_timeout", "client_encoding"});
  for (; !script.empty(); script.remove_prefix(std::min(piece, script.size())))
    filter.write(as_bytes(script.substr(0, piece)));
  filter.finish();
  return text.text;
}

TEST(PortableScript, LeavesOutWhatOlderServersAndProgramsRefuse) {
  constexpr std::string_view body =
      "CREATE FUNCTION f() AS $$\nSET transaction_timeout = 0;\n\\restrict k1\n"
      "\\unrestrict other\n$$;\nSET transaction_timeout = 0;\n";
  const std::string script =
      "--\n-- PostgreSQL database dump\n--\n\n\\restrict k1\n\nSET lock_timeout = 0;\n"
      "SET transaction_timeout = 0;\nSET client_encoding = 'UTF8';\n"
      "SELECT pg_catalog.set_config('search_path', '', false);\n\n" +
      std::string(body) + "--\n\n\\unrestrict k1\n";
  const std::string expected =
      "--\n-- PostgreSQL database dump\n--\n\n\nSET lock_timeout = 0;\n"
      "SET client_encoding = 'UTF8';\n"
      "SELECT pg_catalog.set_config('search_path', '', false);\n\n" +
      std::string(body) + "--\n\n";
  for (const std::size_t piece : {1, 7, 1000}) EXPECT_EQ(portable(script, piece), expected);
}

TEST(PortableScript, LeavesScriptsWithoutThoseAsTheyAre) {
  const std::string script = "SET lock_timeout = 0;\nCREATE TABLE t ();\n\\unrestrict \nno end";
  EXPECT_EQ(portable(script, 3), script);
}

}  // namespace
}  // namespace holdfast::engine::postgresql
