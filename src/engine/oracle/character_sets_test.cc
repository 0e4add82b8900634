// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/character_sets.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::engine::oracle {
namespace {

using model::Value;
using model::ValueKind;

Value decoded(std::uint16_t id, std::string_view stored) {
  TextDecoder decoder(*find_character_set(id));
  return decoder.decode(as_bytes(stored));
}

Value text(std::string_view utf8) {
  return Value::of_text(utf8);
}

TEST(OracleCharacterSets, AreFoundByNumberAndByName) {
  ASSERT_NE(find_character_set(178), nullptr);
  EXPECT_EQ(find_character_set(178)->name, "WE8MSWIN1252");
  EXPECT_EQ(find_character_set("AL32UTF8")->id, 873);
  EXPECT_EQ(find_character_set(3), nullptr);
  EXPECT_EQ(find_character_set("LATIN1"), nullptr);
  EXPECT_TRUE(find_character_set(846)->is_multibyte);
  EXPECT_EQ(find_character_set(846)->bytes_max, 2U);
}

TEST(OracleCharacterSets, EachThatIconvShouldKnowIsKnown) {
  unsigned with_a_name = 0;
  for (unsigned id = 0; id < 3000; ++id) {
    const CharacterSet* const set = find_character_set(static_cast<std::uint16_t>(id));
    if (set == nullptr) continue;
    EXPECT_EQ(find_character_set(set->name), set);
    if (set->iconv_name.empty()) continue;
    ++with_a_name;
    EXPECT_TRUE(TextDecoder(*set).is_complete()) << set->name;
  }
  EXPECT_EQ(with_a_name, 39U);
}

TEST(OracleCharacterSets, ASetWithoutACounterpartGivesAsciiOnly) {
  TextDecoder decoder(*find_character_set("JA16VMS"));
  EXPECT_FALSE(decoder.is_complete());
  EXPECT_EQ(decoder.decode(as_bytes("abc")), text("abc"));
  EXPECT_EQ(decoder.decode(as_bytes("\xa1\xa1")).kind, ValueKind::bytes);
}

TEST(OracleCharacterSets, SingleBytesBecomeTheirCharacters) {
  EXPECT_EQ(decoded(178, "caf\xe9 \x80"), text("café €"));
  EXPECT_EQ(decoded(31, "caf\xe9"), text("café"));
  EXPECT_EQ(decoded(171, "\xcf\xf0\xe8\xe2\xe5\xf2"), text("Привет"));
  EXPECT_EQ(decoded(175, "\xf9\xec\xe5\xed"), text("שלום"));
  EXPECT_EQ(decoded(560, "\xe3\xd1\xcd\xc8\xc7"), text("مرحبا"));
  EXPECT_EQ(decoded(41, "\xca\xc7"), text("สว"));
  EXPECT_EQ(decoded(28, "\xd5"), text("€"));
}

TEST(OracleCharacterSets, CombiningMarksStayBesideTheirLetters) {
  EXPECT_EQ(decoded(45, "e\xcc"), text("e\u0300"));
}

TEST(OracleCharacterSets, SeveralBytesBecomeTheirCharacters) {
  EXPECT_EQ(decoded(846, "\xc0\xcc\xb1\xa4\xbf\xad"), text("이광열"));
  EXPECT_EQ(decoded(852, "\xc4\xe3\xba\xc3"), text("你好"));
  EXPECT_EQ(decoded(865, "\xa7\x41\xa6\x6e"), text("你好"));
  EXPECT_EQ(decoded(830, "\xc6\xfc\xcb\xdc"), text("日本"));
  EXPECT_EQ(decoded(854, "\xa8\xa6\x81\x30\x81\x30"), text("é\u0080"));
}

TEST(OracleCharacterSets, TheWaveDashIsWhatTellsTheJapaneseSetsApart) {
  EXPECT_EQ(decoded(832, "\x81\x60\\"), text("\u301c\\"));
  EXPECT_EQ(decoded(838, "\x81\x60\\"), text("\uff5e\\"));
  EXPECT_EQ(decoded(830, "\xa1\xc1"), text("\u301c"));
  EXPECT_EQ(decoded(837, "\xa1\xc1"), text("\uff5e"));
}

TEST(OracleCharacterSets, SurrogatesInThreeBytesAreOneCharacter) {
  EXPECT_EQ(decoded(871, "a\xed\xa0\xbd\xed\xb8\x80z é"), text("a😀z é"));
  EXPECT_EQ(decoded(871, "\xf0\x9f\x98\x80"), text("😀"));
  EXPECT_EQ(decoded(873, "\xed\xa0\xbd\xed\xb8\x80").kind, ValueKind::bytes);
  EXPECT_EQ(decoded(873, "😀"), text("😀"));
  for (const char* cut : {"\xed\xa0\xbd", "\xed\xa0\xbdx", "\xed\xb8\x80\xed\xa0\xbd",
                          "\xed\xa0\xbd\xed\xa0\xbd", "\xed\xa0", "\xff"})
    EXPECT_EQ(decoded(871, cut).kind, ValueKind::bytes);
}

TEST(OracleCharacterSets, WideTextIsReadInItsOrder) {
  using namespace std::string_view_literals;
  EXPECT_EQ(decoded(2000, "\0A\0\xe9\xd8\x3d\xde\0\x20\xac"sv), text("Aé😀€"));
  EXPECT_EQ(decoded(2002, "A\0\xe9\0\x3d\xd8\0\xde\xac\x20"sv), text("Aé😀€"));
  EXPECT_EQ(decoded(2000, ""), text(""));
  for (const std::string_view cut : {"\0"sv, "\xd8\x3d"sv, "\xd8\x3d\0A"sv, "\xde\0"sv})
    EXPECT_EQ(decoded(2000, cut).kind, ValueKind::bytes);
}

TEST(OracleCharacterSets, WhatIsNoTextOfTheSetIsKeptAsItIs) {
  EXPECT_EQ(decoded(1, "caf\xe9"), Value::of_bytes(as_bytes("caf\xe9")));
  EXPECT_EQ(decoded(178, "a\x81"), Value::of_bytes(as_bytes("a\x81")));
  EXPECT_EQ(decoded(846, "a\xc0"), Value::of_bytes(as_bytes("a\xc0")));
  EXPECT_EQ(decoded(852, "\xff"), Value::of_bytes(as_bytes("\xff")));
}

TEST(OracleCharacterSets, ADecoderForgetsWhatItCouldNotRead) {
  TextDecoder decoder(*find_character_set(846));
  EXPECT_EQ(decoder.decode(as_bytes("\xc0")).kind, ValueKind::bytes);
  EXPECT_EQ(decoder.decode(as_bytes("\xcc\xcc\xb1\xa4")).kind, ValueKind::text);
  EXPECT_EQ(decoder.decode(as_bytes("\xc0\xcc")), text("이"));
}

}  // namespace
}  // namespace holdfast::engine::oracle
