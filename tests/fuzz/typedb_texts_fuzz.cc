// SPDX-License-Identifier: Apache-2.0
// The small files of TypeDB directories, and schemas: metadata of a checkpoint, CURRENT, MANIFEST,
// logs and keys of RocksDB, TypeQL.
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/releases.h"
#include "engine/typedb/rocks_manifest.h"
#include "engine/typedb/schema_adapter.h"
#include "engine/typedb/schema_regex.h"
#include "engine/typedb/type_names.h"
#include "engine/typedb/vertex_keys.h"
#include "fuzz_target.h"

namespace fuzz = holdfast::fuzz;
namespace typedb = holdfast::engine::typedb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  const std::string_view text = holdfast::as_text(bytes);
  fuzz::allow_errors([&] { static_cast<void>(typedb::parse_checkpoint_metadata(text)); });
  fuzz::allow_errors([&] {
    const std::string name = typedb::parse_rocks_current(text);
    fuzz::require(name.find('/') == std::string::npos, "it names something elsewhere");
  });
  fuzz::allow_errors([&] {
    holdfast::BytesSource source(bytes);
    const typedb::RocksManifest manifest = typedb::parse_rocks_manifest(source);
    fuzz::require(manifest.whole_bytes > 0 && manifest.whole_bytes <= size_bytes, "a wrong end");
  });
  fuzz::allow_errors([&] {
    holdfast::BytesSource source(bytes);
    const typedb::RocksLogEnd end = typedb::check_rocks_log(source, "000001.log");
    fuzz::require(end.whole_bytes <= size_bytes, "a wrong end of a log");
  });
  for (const typedb::Encoding encoding : {typedb::Encoding::v2_0, typedb::Encoding::v2_2}) {
    typedb::ThingCounts counts;
    typedb::count_key(encoding, bytes, counts);
    const std::int64_t things = counts.entities + counts.attributes + counts.relations;
    fuzz::require(things + counts.players + counts.ownerships <= 1, "a key is two things");
  }
  fuzz::allow_errors([&] {
    const typedb::TypeNames names = typedb::scan_schema(text);
    fuzz::require(!names.types.empty(), "it defines nothing");
  });
  fuzz::allow_errors([&] {
    const typedb::AdaptedSchema adapted = typedb::adapt_schema(text);
    for (const typedb::SchemaPlace& place : adapted.open)
      fuzz::require(place.line > 0 && adapted.text.find(place.what) != std::string::npos,
                    "a place is not in the draft");
    // What was adapted is of the new generation and reads as a schema.
    if (adapted.text.find("\nentity ") != std::string::npos && adapted.open.empty()) {
      fuzz::require(typedb::is_typeql_3(adapted.text), "it is not told apart from TypeQL 2");
      static_cast<void>(typedb::scan_schema(adapted.text));
    }
  });
  fuzz::allow_errors([&] { static_cast<void>(typedb::is_typeql_3(text)); });
  static_cast<void>(typedb::adapt_regex(text));
  static_cast<void>(typedb::range_of(text));
  return 0;
}
