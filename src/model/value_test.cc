// SPDX-License-Identifier: Apache-2.0
// Holds docs/digest.md: its worked vectors stand here, and a test compares the page with them.
#include "model/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"

namespace holdfast::model {
namespace {

std::string canonical_hex(const Row& row) {
  Bytes bytes;
  append_canonical(bytes, row);
  return to_hex(bytes);
}

TableDigest digest_of(const std::vector<Row>& rows) {
  RowHasher hasher;
  for (const Row& row : rows) hasher.add(row);
  return hasher.digest();
}

TEST(Value, WritesNumbersWithoutExponentAndSuperfluousZeros) {
  EXPECT_EQ(Value::number("5.00").text, "5");
  EXPECT_EQ(Value::number("+0012.50").text, "12.5");
  EXPECT_EQ(Value::number("-0.0").text, "0");
  EXPECT_EQ(Value::number("1.5e3").text, "1500");
  EXPECT_EQ(Value::number("1.5E-3").text, "0.0015");
  EXPECT_EQ(Value::number(".5").text, "0.5");
  EXPECT_EQ(Value::number("5.").text, "5");
  EXPECT_EQ(Value::number("-120e-1").text, "-12");
  EXPECT_EQ(Value::number("0e999999999999").text, "0");
  EXPECT_EQ(Value::integer(std::numeric_limits<std::int64_t>::min()).text, "-9223372036854775808");
  EXPECT_EQ(Value::integer(5), Value::number("5.00"));
}

// Wide texts are hashed without being copied; the digest is that of the encoding all the same.
TEST(TableDigest, IsTheSameForWideValues) {
  const std::string wide(3U << 20U, 'w');
  for (const Row& row :
       {Row{Value::of_text("a"), Value::of_text(wide), Value::integer(7)},
        Row{Value::of_text(wide), Value{}, Value::of_text(wide + "\xff"), Value::of_real(1)},
        Row{Value::of_text("narrow"), Value::of_real(0.5)}}) {
    Bytes bytes;
    append_canonical(bytes, row);
    EXPECT_EQ(digest_of({row}).hex(), to_hex(sha256(bytes)));
  }
}

TEST(Value, RefusesWhatIsNoDecimal) {
  for (const char* text :
       {"", "-", ".", "1e", "1e+", "1e+-1", "0x10", "1 ", "NaN", "1e999999999", "1,5"}) {
    EXPECT_THROW(static_cast<void>(Value::number(text)), Error) << text;
  }
}

TEST(Value, KeepsTextThatIsNoUtf8AsBytes) {
  EXPECT_EQ(Value::of_text("Zürich").kind, ValueKind::text);
  EXPECT_EQ(Value::of_text("Z\xfcrich").kind, ValueKind::bytes);
  EXPECT_NE(Value::of_text("a"), Value::of_bytes(as_bytes("a")));
}

TEST(Value, KnowsOneNaNAndOneZero) {
  EXPECT_EQ(Value::of_real(std::nan("1")), Value::of_real(-std::nan("2")));
  EXPECT_EQ(Value::of_real(-0.0), Value::of_real(0.0));
  EXPECT_EQ(canonical_hex({Value::of_real(-0.0)}), canonical_hex({Value::of_real(0.0)}));
  Value unclean;
  unclean.kind = ValueKind::real;
  unclean.real = -std::nan("7");
  EXPECT_EQ(canonical_hex({unclean}), canonical_hex({Value::of_real(std::nan("1"))}));
}

TEST(Value, EncodesLengthsAsVarints) {
  EXPECT_EQ(canonical_hex({Value::of_text(std::string(300, 'x'))}).substr(0, 6), "03ac02");
}

TEST(Value, EncodesRowsOfOtherShapesDifferently) {
  EXPECT_NE(canonical_hex({Value::of_text("ab"), Value::of_text("c")}),
            canonical_hex({Value::of_text("a"), Value::of_text("bc")}));
  EXPECT_NE(canonical_hex({Value::null()}), canonical_hex({Value::null(), Value::null()}));
  EXPECT_NE(canonical_hex({Value::of_text("5")}), canonical_hex({Value::integer(5)}));
}

TEST(TableDigest, OfNoRowsIsZero) {
  EXPECT_EQ(TableDigest().hex(), std::string(64, '0'));
  EXPECT_EQ(TableDigest().rows(), 0U);
}

// However many are hashed at once, it is the sum of what each is alone.
TEST(TableDigest, AddsUpTheHashesOfItsRows) {
  RowHasher hasher;
  TableDigest sum;
  for (std::size_t i = 0; i < 300; ++i) {
    // Narrow ones, some that are much of what may wait, and some that are hashed apart.
    const std::size_t size = i % 50 == 49 ? 2U << 20U : i % 20 == 19 ? 50'000 : i;
    const Row row{Value::integer(static_cast<std::int64_t>(i)),
                  Value::of_text(std::string(size, 'a'))};
    hasher.add(row);
    Bytes bytes;
    append_canonical(bytes, row);
    sum.add(sha256(bytes));
    if (i % 37 == 0) {
      EXPECT_EQ(hasher.digest(), sum) << i;
    }
  }
  EXPECT_EQ(hasher.digest(), sum);
  EXPECT_EQ(sum.rows(), 300U);
}

TEST(TableDigest, DoesNotDependOnOrder) {
  const Row a{Value::integer(1), Value::of_text("a")};
  const Row b{Value::integer(2), Value::of_text("b")};
  EXPECT_EQ(digest_of({a, b}), digest_of({b, a}));
  EXPECT_NE(digest_of({a, b}), digest_of({a, a}));
}

TEST(TableDigest, CountsDuplicatesUnlikeAnExclusiveOr) {
  const Row a{Value::integer(1)};
  EXPECT_NE(digest_of({a, a}).hex(), TableDigest().hex());
  EXPECT_NE(digest_of({a, a, a}).hex(), digest_of({a}).hex());
}

TEST(TableDigest, OfTwoHalvesAddsUpWithCarries) {
  std::vector<Row> rows;
  for (int i = 0; i < 100; ++i) rows.push_back({Value::integer(i)});
  TableDigest front = digest_of({rows.begin(), rows.begin() + 37});
  front.add(digest_of({rows.begin() + 37, rows.end()}));
  EXPECT_EQ(front, digest_of(rows));
}

// The vectors of docs/digest.md.
TEST(TableDigest, HoldsTheWorkedVectors) {
  const Row first{Value::integer(1), Value::of_text("Ann"), Value::number("12.50"), Value::null()};
  EXPECT_EQ(canonical_hex(first),
            "010131"
            "0303416e6e"
            "010431322e35"
            "00");
  EXPECT_EQ(digest_of({first}).hex(),
            "572ce36faed79d7f81491d773cbb7e51661ca9578313d8e75c01fa38cf78c355");

  const Row second{Value::integer(2), Value::of_text("Zoë"), Value::of_real(-0.5),
                   Value::of_bytes(as_bytes(std::string_view("\x00\xff", 2)))};
  EXPECT_EQ(canonical_hex(second),
            "010132"
            "03045a6fc3ab"
            "02000000000000e0bf"
            "040200ff");
  EXPECT_EQ(digest_of({second}).hex(),
            "115c77ebde28fbcac515bc2b9c4bf4e16e47260e73cc01f0467abcb4993163ad");

  EXPECT_EQ(digest_of({first, second}).hex(),
            "68885a5b8d00994a475fd9a2d8067333d563cf65f6dfd9d7a37bb6ed68aa2603");

  const Row times{Value::of_kind(ValueKind::date, "2026-11-20"),
                  Value::of_kind(ValueKind::time, "10:56:01.5"),
                  Value::of_kind(ValueKind::timestamp, "2026-11-20T10:56:01.5"),
                  Value::of_kind(ValueKind::instant, "2026-11-20T10:56:01.5Z"),
                  Value::of_kind(ValueKind::other, "POINT(1 2)")};
  EXPECT_EQ(digest_of({times}).hex(),
            "d17f4bc86062f11e62ebfbb8caa18d39f0d709c1a76f83a52379c3f716b7c978");
}

TEST(TableDigest, IsSpecifiedByTheSameVectorsInTheDocumentation) {
  const std::string page = read_text_file(HOLDFAST_DOCS "/digest.md");
  for (const char* vector :
       {"0101310303416e6e010431322e3500", "01013203045a6fc3ab02000000000000e0bf040200ff",
        "572ce36faed79d7f81491d773cbb7e51661ca9578313d8e75c01fa38cf78c355",
        "115c77ebde28fbcac515bc2b9c4bf4e16e47260e73cc01f0467abcb4993163ad",
        "68885a5b8d00994a475fd9a2d8067333d563cf65f6dfd9d7a37bb6ed68aa2603",
        "d17f4bc86062f11e62ebfbb8caa18d39f0d709c1a76f83a52379c3f716b7c978"}) {
    EXPECT_NE(page.find(vector), std::string::npos) << vector;
  }
}

}  // namespace
}  // namespace holdfast::model
