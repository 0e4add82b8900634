// SPDX-License-Identifier: Apache-2.0
#include "fuzz_target.h"
#include "profile/magnolia/bundle.h"
#include "profile/magnolia/references.h"

namespace fuzz = holdfast::fuzz;
namespace magnolia = holdfast::profile::magnolia;

namespace {

// What is told is never more than the bundle's bytes can hold.
class Counter final : public magnolia::BundleVisitor {
 public:
  std::size_t told = 0;
  void mixin(const magnolia::Name& /*type*/) override { ++told; }
  void value(const magnolia::PropertyValue& value) override { told += 1 + value.text.size(); }
  void child(const magnolia::Name& name, const magnolia::NodeId& /*id*/) override {
    told += 1 + name.local.size();
  }
  void shared_parent(const magnolia::NodeId& /*parent*/) override { ++told; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const holdfast::ByteView bytes = fuzz::view(data, size_bytes);
  Counter counter;
  fuzz::allow_errors([&] { magnolia::read_bundle(magnolia::root_id, bytes, counter); });
  // A common name is one byte and has up to 26 letters.
  fuzz::require(counter.told <= 40 * size_bytes, "more was told than there is");
  fuzz::allow_errors([&] {
    magnolia::read_references(magnolia::root_id, bytes, [](const magnolia::Referrer&) {});
  });
  return 0;
}
