// SPDX-License-Identifier: Apache-2.0
// Files of Oracle's Data Pump: whatever is in them ends in something told, or in one Error.
#include "base/stream.h"
#include "engine/oracle/pump_inspect.h"
#include "engine/oracle/pump_master.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace oracle = holdfast::engine::oracle;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  const std::string_view text = holdfast::as_text(bytes);
  static_cast<void>(oracle::star_passwords(text.substr(0, 4096)));
  if (!oracle::is_pump_file(bytes)) return 0;
  for (const auto depth :
       {oracle::PumpDepth::outline, oracle::PumpDepth::counted, oracle::PumpDepth::decoded})
    fuzz::allow_errors([&] {
      holdfast::BytesSource source(bytes);
      const oracle::PumpFile file = oracle::read_pump_file(source, "fuzz.dmp", depth, {});
      fuzz::require(file.size_bytes == size_bytes, "it is not read to its end");
      const bool deep = depth == oracle::PumpDepth::decoded;
      const auto found = oracle::tell_pump_job(std::span(&file, 1), deep);
      fuzz::require(found.whole != holdfast::model::has_blocker(found.findings), "what is whole");
      static_cast<void>(found.facts.dump());
    });
  return 0;
}
