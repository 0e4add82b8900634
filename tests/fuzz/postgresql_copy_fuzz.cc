// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <vector>

#include "engine/postgresql/copy_text.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace model = holdfast::model;
namespace postgresql = holdfast::engine::postgresql;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  static constexpr std::array types{"int8",   "numeric",   "bool",        "float4",
                                    "float8", "text",      "bytea",       "date",
                                    "time",   "timestamp", "timestamptz", "jsonb"};
  const holdfast::ByteView all = fuzz::view(data, size_bytes);
  if (all.empty()) return 0;
  // The first byte says how wide the rows are.
  std::vector<postgresql::CopyColumn> columns;
  const std::size_t width = static_cast<std::size_t>(all.front()) % (types.size() + 1);
  for (std::size_t i = 0; i < width; ++i)
    columns.push_back({"c", types[i], postgresql::form_of(types[i])});
  postgresql::RowReader reader(columns);
  model::Row row, again;
  fuzz::allow_errors([&] {
    postgresql::LineCutter lines(
        [&](holdfast::ByteView line) {
          reader.read(line, row);
          fuzz::require(row.size() == width, "a row has another width");
          reader.read(line, again);
          fuzz::require(row == again, "read again, it differs");
          model::RowHasher hasher;
          hasher.add(row);
          static_cast<void>(hasher.digest());
        },
        1U << 20U);
    lines.write(all.subspan(1));
    lines.finish();
  });
  return 0;
}
