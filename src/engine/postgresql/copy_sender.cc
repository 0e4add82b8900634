// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/copy_sender.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

// What may lie ready: the maker of rows and the server each go by fits and starts.
constexpr std::size_t ready_bytes_max = std::size_t{1} << 20U;

Connection connect(const Location& place, const std::function<void(Connection&)>& prepare,
                   std::stop_token stop) {
  Connection connection(place, std::move(stop));
  prepare(connection);
  return connection;
}

}  // namespace

CopySender::CopySender(const Location& place, const std::function<void(Connection&)>& prepare,
                       std::string_view statement, const std::stop_token& stop)
    : forward_(stop, [this] { stop_.request_stop(); }),
      connection_(connect(place, prepare, stop_.get_token())),
      copy_(connection_, statement),
      pieces_(ready_bytes_max),
      crew_([this] {
        stop_.request_stop();
        pieces_.abandon();
      }) {
  crew_.start([this](const std::stop_token& /*stop*/) {
    while (const auto piece = pieces_.pop()) copy_.write(*piece);
  });
}

void CopySender::send(Bytes& piece) {
  const std::size_t size_bytes = piece.size();
  if (pieces_.push(std::move(piece), size_bytes)) {
    piece = Bytes();
    piece.reserve(size_bytes);
    return;
  }
  crew_.join();
  check_rule(false, "a copy that takes no more has failed");
}

void CopySender::send_copy(ByteView bytes) {
  while (!bytes.empty()) {
    const ByteView first = bytes.first(std::min(bytes.size(), piece_bytes));
    Bytes piece(first.begin(), first.end());
    send(piece);
    bytes = bytes.subspan(first.size());
  }
}

void CopySender::finish() {
  pieces_.close();
  crew_.join();
  static_cast<void>(copy_.end());
}

}  // namespace holdfast::engine::postgresql
