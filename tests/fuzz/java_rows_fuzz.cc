// SPDX-License-Identifier: Apache-2.0
// What the Java program may answer: frames in any cut, rows with their pieces, refusals, versions.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/java/protocol.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace java = holdfast::engine::java;
namespace model = holdfast::model;

namespace {

// What a row says is what is read of it once more.
void check_row(const model::Row& row) {
  java::FrameWriter frames;
  frames.begin('d');
  fuzz::require(java::append_row(frames, row).empty(), "a small row is sent in pieces");
  frames.end();
  java::RowReader reader(row.size());
  java::FrameReader cutter;
  cutter.add(frames.bytes());
  bool came = false;
  reader.take(*cutter.next(), [&](const model::Row& again) {
    came = true;
    fuzz::require(again == row, "written and read again, a row differs");
  });
  fuzz::require(came, "a row is lost");
  model::RowHasher hasher;
  hasher.add(row);
  static_cast<void>(hasher.digest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView all = fuzz::view(data, size_bytes);
  if (all.size() < 2) return 0;
  // The first byte says how wide the rows are, the second how much comes at once.
  const std::size_t columns = static_cast<std::size_t>(all[0]) % 8;
  const std::size_t step_bytes = static_cast<std::size_t>(all[1]) + 1;
  fuzz::allow_errors([&] {
    java::FrameReader frames;
    java::RowReader rows(columns);
    for (holdfast::ByteView rest = all.subspan(2); !rest.empty();) {
      const std::size_t taken = std::min(step_bytes, rest.size());
      frames.add(rest.first(taken));
      rest = rest.subspan(taken);
      while (const auto frame = frames.next()) {
        if (frame->type == 'e') {
          const holdfast::Error error = to_error(java::parse_refusal(frame->body), "fuzz");
          fuzz::require(error.message().find('\n') == std::string::npos, "a message of two lines");
        } else if (frame->type == 'h') {
          static_cast<void>(java::parse_versions(frame->body));
        } else {
          rows.take(*frame, [](const model::Row& row) { check_row(row); });
        }
      }
    }
  });
  return 0;
}
