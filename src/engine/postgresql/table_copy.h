// SPDX-License-Identifier: Apache-2.0
// Copying streams of rows into a table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/copy_binary.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

// The forms of columns, in their order; empty if not every one of them is there and has a form.
[[nodiscard]] std::vector<BinaryForm> binary_forms_of(Connection& connection,
                                                      const model::TableName& table,
                                                      const std::vector<std::string>& columns);

class TableCopy {
 public:
  // The table is there, with these columns; `encoding` is that of the streams, as the server names
  // it. `frozen` as of copy_in_statement(). The connection outlives this.
  TableCopy(Connection& connection, const model::TableName& table,
            const std::vector<std::string>& columns, std::string_view encoding,
            bool frozen = false);

  // Copies a stream of COPY's text format; returns the rows. They are sent in the binary format
  // where every column has such a form, up to the first row that is very long or otherwise written
  // than COPY TO writes it: from there on the server gets the text, in a statement of its own. If
  // that is refused the rows before it stay, unless a transaction is open. Errc::corrupt if a
  // carriage return stands in a row.
  std::uint64_t copy(ByteSource& source);

 private:
  // Up to the end of the stream or of its data (`\.`), or to a row that is to be sent as text:
  // `held` bytes of `buffer` are left then.
  std::uint64_t copy_binary(ByteSource& source, Bytes& buffer, std::size_t& held);

  Connection& connection_;
  std::string text_statement_, binary_statement_;
  std::vector<BinaryForm> forms_;  // of the columns; empty: only as text
};

}  // namespace holdfast::engine::postgresql
