// SPDX-License-Identifier: Apache-2.0
// Which node types a repository has registered: custom_nodetypes.xml of its directory "nodetypes".
// Source of the format: classes NodeTypeReader and Constants of jackrabbit-spi-commons
// (org.apache.jackrabbit.spi.commons.nodetype.xml), read at tag jackrabbit-2.18.6.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/xml.h"
#include "profile/magnolia/name.h"

namespace holdfast::profile::magnolia {

class NodeTypes {
 public:
  // Of the root <nodeTypes> with a <nodeType name="mgnl:page"> each; prefixes are those that the
  // root declares with xmlns:…. Errc::corrupt naming `file` and the line for another root, a type
  // without a name and a prefix that nothing declares.
  [[nodiscard]] static NodeTypes of(const XmlElement& root, std::string_view file);

  // Registered here, or in one of the namespaces nt, mix and rep, whose types Jackrabbit has built
  // in and allows nobody else to make.
  [[nodiscard]] bool has(const Name& type) const;

  // "{uri}local" of each that is registered here.
  [[nodiscard]] std::set<std::string> names() const;

  // A supertype that a type here names and that is not registered, "{uri}local" of both: (type,
  // supertype). In the order of their names.
  [[nodiscard]] std::set<std::pair<std::string, std::string>> missing_supertypes() const;

 private:
  using OwnedName = std::pair<std::string, std::string>;  // URI, local part
  std::set<OwnedName> names_;
  std::set<std::pair<OwnedName, OwnedName>> supertypes_;
};

}  // namespace holdfast::profile::magnolia
