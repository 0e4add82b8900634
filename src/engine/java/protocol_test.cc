// SPDX-License-Identifier: Apache-2.0
#include "engine/java/protocol.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace holdfast::engine::java {
namespace {

using model::Row;
using model::Value;
using model::ValueKind;

Bytes copied(ByteView bytes) {
  Bytes copy;
  append(copy, bytes);
  return copy;
}

// The frames that carry these rows.
Bytes frames_of(const std::vector<Row>& rows) {
  FrameWriter frames;
  Bytes all;
  for (const Row& row : rows) {
    frames.begin('d');
    const std::vector<std::string_view> wide = append_row(frames, row);
    frames.end();
    for (std::string_view rest : wide) {
      while (!rest.empty()) {
        frames.begin('p');
        frames.raw(as_bytes(rest.substr(0, piece_bytes)));
        frames.end();
        rest.remove_prefix(std::min(rest.size(), piece_bytes));
      }
    }
    append(all, frames.bytes());
    frames.clear();
  }
  return all;
}

std::vector<Row> rows_from(ByteView stream, std::size_t columns, std::size_t step_bytes) {
  FrameReader frames;
  RowReader rows(columns);
  std::vector<Row> found;
  for (std::size_t at = 0; at < stream.size(); at += step_bytes) {
    frames.add(stream.subspan(at, std::min(step_bytes, stream.size() - at)));
    while (const auto frame = frames.next())
      rows.take(*frame, [&](Row& row) { found.push_back(row); });
  }
  EXPECT_TRUE(frames.is_between_frames());
  EXPECT_EQ(rows.rows(), found.size());
  return found;
}

Errc code_of_rows(std::string_view body, std::size_t columns, char type = 'd') {
  RowReader rows(columns);
  try {
    rows.take({type, as_bytes(body)}, [](Row&) {});
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::bug;
}

TEST(FrameReader, CutsFramesHoweverTheyCome) {
  FrameWriter frames;
  frames.begin('T');
  frames.end();
  frames.begin('Q');
  frames.text("SELECT 1");
  frames.end();
  const Bytes stream = copied(frames.bytes());
  EXPECT_EQ(to_hex(stream),
            "0000000154"
            "0000000d510000000853454c4543542031");
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    FrameReader reader;
    std::string types;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.add(ByteView(stream).subspan(at, std::min(step, stream.size() - at)));
      while (const auto frame = reader.next()) types += frame->type;
    }
    EXPECT_EQ(types, "TQ");
    EXPECT_TRUE(reader.is_between_frames());
  }
}

TEST(FrameReader, RefusesLengthsThatNoFrameHas) {
  for (const std::string_view hex : {"0000000041", "0020000141", "ffffffff41"}) {
    FrameReader reader;
    reader.add(*from_hex(hex));
    EXPECT_THROW(static_cast<void>(reader.next()), Error) << hex;
  }
  FrameReader reader;
  reader.add(*from_hex("0020000041"));  // 2 MiB are allowed, and waited for
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.is_between_frames());
}

TEST(BodyReader, DoesNotReadPastTheEnd) {
  const Bytes body = *from_hex("000000050102");
  EXPECT_THROW(static_cast<void>(BodyReader(body).text()), Error);
  EXPECT_THROW(static_cast<void>(BodyReader(body).u64()), Error);
  BodyReader reader(body);
  EXPECT_EQ(reader.u32(), 5U);
  EXPECT_THROW(reader.check_end(), Error);
  EXPECT_EQ(reader.u8(), 1U);
  EXPECT_EQ(reader.u8(), 2U);
  reader.check_end();
  EXPECT_THROW(static_cast<void>(reader.u8()), Error);
}

TEST(Rows, OfEveryKindComeBackAsTheyWere) {
  const Row row{Value::null(),
                Value::number("-12.5"),
                Value::of_real(-0.5),
                Value::of_text("Zoë"),
                Value::of_kind(ValueKind::bytes, std::string("\0\xff", 2)),
                Value::of_kind(ValueKind::date, "-0044-03-15"),
                Value::of_kind(ValueKind::time, "10:56:01.5"),
                Value::of_kind(ValueKind::timestamp, "2026-11-20T10:56:01.5"),
                Value::of_kind(ValueKind::instant, "2026-11-20T10:56:01.5Z"),
                Value::of_kind(ValueKind::other, "POINT(1 2)")};
  const std::vector<Row> rows{row, Row(row.size()), row};
  const Bytes stream = frames_of(rows);
  EXPECT_EQ(rows_from(stream, row.size(), 1), rows);
  EXPECT_EQ(rows_from(stream, row.size(), stream.size()), rows);
}

TEST(Rows, AreWrittenAsTheirTagsHaveIt) {
  EXPECT_EQ(to_hex(frames_of({{Value::integer(7), Value::null(), Value::of_real(1)}})),
            "00000011"
            "64"
            "010000000137"
            "00"
            "023ff0000000000000");
}

TEST(Rows, WithWideValuesComeInPieces) {
  const std::string wide(2 * piece_bytes + 5, 'w');
  const std::vector<Row> rows{
      {Value::of_text("a"), Value::of_text(wide), Value::integer(1), Value::of_text(wide + "x")},
      {Value::of_text("b"), Value::of_text(""), Value::null(), Value::of_text("c")}};
  const Bytes stream = frames_of(rows);
  EXPECT_EQ(rows_from(stream, 4, 70'000), rows);

  RowReader reader(4);
  FrameReader frames;
  frames.add(stream);
  std::vector<std::size_t> awaited;
  std::size_t at_handing_over = 0;
  for (int i = 0; i < 4; ++i) {
    reader.take(*frames.next(), [&](Row&) { at_handing_over = reader.awaited_row_bytes(); });
    awaited.push_back(reader.awaited_row_bytes());
  }
  EXPECT_EQ(awaited, std::vector<std::size_t>(4, 2 * wide.size() + 1));
  EXPECT_EQ(at_handing_over, 0U);
}

TEST(Rows, BreakNoRuleUnnoticed) {
  using namespace std::string_literals;
  const std::string text =
      "\x03\0\0\0\x01"
      "a"s;
  EXPECT_EQ(code_of_rows(text, 1), Errc::bug);  // this one is as it must be
  EXPECT_EQ(code_of_rows(text, 2), Errc::corrupt);
  EXPECT_EQ(code_of_rows(text, 0), Errc::corrupt);
  EXPECT_EQ(code_of_rows(text, 1, 'p'), Errc::corrupt);
  EXPECT_EQ(code_of_rows(text, 1, 'x'), Errc::corrupt);
  EXPECT_EQ(code_of_rows("\x0a\0\0\0\0"s, 1), Errc::corrupt);            // no such kind
  EXPECT_EQ(code_of_rows("\x03\0\0\0\x01\xff"s, 1), Errc::corrupt);      // no UTF-8
  EXPECT_EQ(code_of_rows("\x01\0\0\0\x02\x30\x31"s, 1), Errc::corrupt);  // 01
  EXPECT_EQ(code_of_rows("\x01\0\0\0\x02-0"s, 1), Errc::corrupt);
  EXPECT_EQ(code_of_rows("\x01\0\0\0\x03\x31.0"s, 1), Errc::corrupt);
  EXPECT_EQ(code_of_rows("\x01\0\0\0\x03"
                         "1e5"s,
                         1),
            Errc::corrupt);
  EXPECT_EQ(code_of_rows("\x05\0\0\0\x01x"s, 1), Errc::corrupt);   // no date
  EXPECT_EQ(code_of_rows("\x80"s, 1), Errc::corrupt);              // null in pieces
  EXPECT_EQ(code_of_rows("\x81\0\0\0\x01"s, 1), Errc::corrupt);    // a number in pieces
  EXPECT_EQ(code_of_rows("\x83\x80\0\0\0"s, 1), Errc::corrupt);    // over 2 GiB
  EXPECT_EQ(code_of_rows("\x83\0\0\0\x01\0"s, 1), Errc::corrupt);  // and then another row

  RowReader awaiting(1);
  awaiting.take({'d', as_bytes("\x83\0\0\0\x02"s)}, [](Row&) {});
  EXPECT_THROW(awaiting.take({'d', as_bytes(text)}, [](Row&) {}), Error);
  EXPECT_THROW(awaiting.take({'p', as_bytes(""s)}, [](Row&) {}), Error);
  EXPECT_THROW(awaiting.take({'p', as_bytes("abc"s)}, [](Row&) {}), Error);
  awaiting.take({'p', as_bytes("a"s)}, [](Row&) {});
  EXPECT_THROW(awaiting.take({'p', as_bytes("\xff"s)}, [](Row&) {}), Error);
}

TEST(Rows, OfAWidthThatIsOnlyToldTakeNoMemory) {
  using namespace std::string_literals;
  // A thousand values of 2 GiB each.
  std::string body;
  for (int i = 0; i < 1000; ++i) body += "\x84\x7f\xff\xff\xff"s;
  RowReader reader(1000);
  reader.take({'d', as_bytes(body)}, [](Row&) { FAIL(); });
  EXPECT_EQ(reader.awaited_row_bytes(), std::size_t{1000} * value_bytes_max);
}

TEST(Versions, AreRead) {
  FrameWriter frames;
  frames.begin('h');
  for (const char* text : {"10.14.2", "17.0.2", "Apache Derby", "10.14.2.0 - (1)"})
    frames.text(text);
  frames.end();
  const Versions versions = parse_versions(frames.bytes().subspan(5));
  EXPECT_EQ(versions.driver, "10.14.2");
  EXPECT_EQ(versions.java, "17.0.2");
  EXPECT_EQ(versions.product, "Apache Derby");
  EXPECT_EQ(versions.product_version, "10.14.2.0 - (1)");
  EXPECT_THROW(static_cast<void>(parse_versions(frames.bytes().subspan(5, 9))), Error);
}

}  // namespace
}  // namespace holdfast::engine::java
