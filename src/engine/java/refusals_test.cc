// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "engine/java/protocol.h"

namespace holdfast::engine::java {
namespace {

Refusal refusal_of(std::vector<Refusal::Link> chain, Refusal::Kind kind = Refusal::Kind::sql) {
  return {kind, std::move(chain)};
}

Errc code_of(const std::string& sqlstate) {
  return to_error(refusal_of({{"XJ040", 45'000, "failed"}, {sqlstate, 1, "because"}}), "db").code();
}

TEST(Refusals, MeanWhatAnOperatorCanDo) {
  EXPECT_EQ(code_of("XSDB6"), Errc::unavailable);
  EXPECT_EQ(code_of("90020"), Errc::unavailable);
  EXPECT_EQ(code_of("40XL1"), Errc::unavailable);
  EXPECT_EQ(code_of("08004"), Errc::denied);
  EXPECT_EQ(code_of("28000"), Errc::denied);
  EXPECT_EQ(code_of("42502"), Errc::denied);
  EXPECT_EQ(code_of("XJ004"), Errc::not_found);
  EXPECT_EQ(code_of("90146"), Errc::not_found);
  EXPECT_EQ(code_of("42X05"), Errc::not_found);
  EXPECT_EQ(code_of("XSLAN"), Errc::unsupported);
  EXPECT_EQ(code_of("90048"), Errc::unsupported);
  EXPECT_EQ(code_of("XSDG2"), Errc::corrupt);
  EXPECT_EQ(code_of("90030"), Errc::corrupt);
  EXPECT_EQ(code_of("90100"), Errc::no_space);
  EXPECT_EQ(code_of("23505"), Errc::failed_child);
  EXPECT_EQ(to_error(refusal_of({{"42X01", 0, "syntax"}}), "db").code(), Errc::usage);
  using Kind = Refusal::Kind;
  for (const auto& [kind, code] : {std::pair{Kind::usage, Errc::usage},
                                   {Kind::unsupported, Errc::unsupported},
                                   {Kind::memory, Errc::unsupported},
                                   {Kind::protocol, Errc::bug},
                                   {Kind::not_found, Errc::not_found}}) {
    EXPECT_EQ(to_error(refusal_of({{"", 0, "so"}}, kind), "db").code(), code);
  }
}

TEST(Refusals, AreToldOnOneLineWithTheirCause) {
  const Error error =
      to_error(refusal_of({{"XJ040", 40'000, "Failed to start;\n\tsee the next exception."},
                           {"XSDB6", 45'000, "Another instance may have it\x1b[2J."}}),
               "the database");
  EXPECT_EQ(error.message(),
            "the database: Failed to start; see the next exception: Another instance may have it"
            " [2J (SQLState XJ040)");
  EXPECT_LT(to_error(refusal_of({{"", 0, std::string(100'000, 'x')}}), "db").message().size(),
            2000U);
}

TEST(Refusals, AreReadOrRefused) {
  FrameWriter frames;
  frames.begin('e');
  frames.u8(0);
  frames.u32(1);
  frames.text("XJ004");
  frames.u32(0xffff'ffffU);
  frames.text("not found");
  frames.end();
  const ByteView body = frames.bytes().subspan(5);
  const Refusal refusal = parse_refusal(body);
  ASSERT_EQ(refusal.chain.size(), 1U);
  EXPECT_EQ(refusal.chain[0].sqlstate, "XJ004");
  EXPECT_EQ(refusal.chain[0].code, -1);
  EXPECT_EQ(refusal.chain[0].message, "not found");
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_THROW(static_cast<void>(parse_refusal(body.first(size))), Error) << size;
  for (const std::string_view hex : {"0600000001", "0000000000", "00ffffffff"})
    EXPECT_THROW(static_cast<void>(parse_refusal(*from_hex(hex))), Error) << hex;
}

}  // namespace
}  // namespace holdfast::engine::java
