// SPDX-License-Identifier: Apache-2.0
// What is read of a Derby database: properties, the control file, log records, containers, pages.
#include "engine/derby/control.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace derby = holdfast::engine::derby;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  if (const auto properties = derby::parse_properties(holdfast::as_text(bytes))) {
    static_cast<void>(derby::names_database(*properties));
    static_cast<void>(derby::is_encrypted(*properties));
  }
  static_cast<void>(derby::parse_log_control(bytes));
  if (const auto header = derby::parse_log_header(bytes)) {
    const std::uint64_t instant = header->number << 32U | derby::log_header_bytes;
    static_cast<void>(derby::count_records(bytes.subspan(derby::log_header_bytes), instant, 1000));
  }
  static_cast<void>(derby::count_records(bytes, 0, 1000));
  if (const auto container = derby::parse_container(bytes)) {
    for (std::size_t at = 0; bytes.size() - at >= container->page_bytes;
         at += container->page_bytes)
      static_cast<void>(derby::is_good_page(bytes.subspan(at, container->page_bytes), at == 0));
  }
  static_cast<void>(derby::is_good_page(bytes, false));
  return 0;
}
