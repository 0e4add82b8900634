// SPDX-License-Identifier: Apache-2.0
// Reads a bundle: one node of a Jackrabbit repository with its properties and the list of its
// children, as a row of a BUNDLE table holds it. Format 3, which Jackrabbit 2.2 and later write
// (classes BundleReader and BundleWriter of jackrabbit-core, read at tag jackrabbit-2.18.6); the
// older formats 1 and 2 have numbers that only their NAMES table explains, and are refused by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "profile/magnolia/name.h"
#include "profile/magnolia/node_id.h"

namespace holdfast::profile::magnolia {

// As JCR 2.0 numbers them (javax.jcr.PropertyType).
enum class PropertyType : std::uint8_t {
  string = 1,
  binary = 2,
  long_number = 3,
  double_number = 4,
  date = 5,
  boolean = 6,
  name = 7,
  path = 8,
  reference = 9,
  weak_reference = 10,
  uri = 11,
  decimal = 12,
};

enum class BinaryPlace : std::uint8_t {
  here,        // PropertyValue::text has the bytes
  data_store,  // text is what names the record: "dataStore:<id>"
  binval,      // text is the BINVAL_ID of a row beside it
};

// Views: they live as long as the bundle's bytes.
struct PropertyValue {
  PropertyType type = PropertyType::string;
  BinaryPlace place = BinaryPlace::here;  // binary
  std::string_view text;                  // string, path, uri, decimal, binary
  Name name;                              // name
  NodeId id;                              // reference, weak_reference
  std::int64_t number = 0;                // long_number, boolean; date: its packed form
  double real = 0;                        // double_number
};

// What a bundle says, in its order; each call may throw, which ends the reading. All names are
// views into the bundle, or of names that every bundle knows.
class BundleVisitor {
 public:
  virtual ~BundleVisitor() = default;
  BundleVisitor(const BundleVisitor&) = delete;
  BundleVisitor& operator=(const BundleVisitor&) = delete;
  // A namespace that names of this bundle are of. Never the empty one; jcr, nt, mix and internal
  // only where a name of theirs has no number.
  virtual void uri(std::string_view /*uri*/) {}
  // Nothing for the parent: the node is a root.
  virtual void node(const Name& /*type*/, const std::optional<NodeId>& /*parent*/,
                    bool /*referenceable*/) {}
  virtual void mixin(const Name& /*type*/) {}
  virtual void property(const Name& /*name*/, PropertyType /*type*/, bool /*multiple*/,
                        std::uint32_t /*values*/) {}
  virtual void value(const PropertyValue& /*value*/) {}  // of the last property
  virtual void child(const Name& /*name*/, const NodeId& /*id*/) {}
  // Of a node with several parents: one of them.
  virtual void shared_parent(const NodeId& /*parent*/) {}

 protected:
  BundleVisitor() = default;
};

// Reads the bundle of node `id` to its last byte. Errc::corrupt naming the node and the offset;
// Errc::unsupported naming the node and its format. Needs constant memory, whatever the bytes.
void read_bundle(const NodeId& id, ByteView bundle, BundleVisitor& visitor);

}  // namespace holdfast::profile::magnolia
