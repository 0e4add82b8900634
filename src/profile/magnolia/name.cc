// SPDX-License-Identifier: Apache-2.0
// The common names of the bundle format, in their order.
#include "profile/magnolia/name.h"

#include <array>

namespace holdfast::profile::magnolia {
namespace {

// clang-format off
constexpr std::array<Name, 126> names_by_number{{
    {nt_uri, "unstructured"},
    {nt_uri, "resource"},
    {nt_uri, "file"},
    {nt_uri, "folder"},
    {nt_uri, "hierarchyNode"},
    {mix_uri, "referenceable"},
    {jcr_uri, "created"},
    {jcr_uri, "createdBy"},
    {jcr_uri, "lastModified"},
    {jcr_uri, "lastModifiedBy"},
    {jcr_uri, "content"},
    {jcr_uri, "mimeType"},
    {jcr_uri, "data"},
    {jcr_uri, "title"},
    {jcr_uri, "language"},
    {jcr_uri, "encoding"},
    {jcr_uri, "system"},
    {rep_uri, "root"},
    {rep_uri, "system"},
    {jcr_uri, "addChildNodes"},
    {jcr_uri, "lifecycleManagement"},
    {jcr_uri, "lockManagement"},
    {jcr_uri, "modifyAccessControl"},
    {jcr_uri, "modifyProperties"},
    {jcr_uri, "nodeTypeManagement"},
    {jcr_uri, "read"},
    {jcr_uri, "readAccessControl"},
    {jcr_uri, "removeChildNodes"},
    {jcr_uri, "removeNode"},
    {jcr_uri, "versionManagement"},
    {rep_uri, "accesscontrol"},
    {rep_uri, "AccessControl"},
    {rep_uri, "AccessControllable"},
    {rep_uri, "ACE"},
    {rep_uri, "ACL"},
    {rep_uri, "DenyACE"},
    {rep_uri, "glob"},
    {rep_uri, "GrantACE"},
    {rep_uri, "policy"},
    {rep_uri, "PrincipalAccessControl"},
    {rep_uri, "principalName"},
    {rep_uri, "privileges"},
    {mix_uri, "lockable"},
    {jcr_uri, "lockIsDeep"},
    {jcr_uri, "lockOwner"},
    {mix_uri, "versionable"},
    {nt_uri, "frozenNode"},
    {nt_uri, "version"},
    {nt_uri, "versionedChild"},
    {nt_uri, "versionHistory"},
    {nt_uri, "versionLabels"},
    {jcr_uri, "versionStorage"},
    {jcr_uri, "frozenPrimaryType"},
    {jcr_uri, "frozenUuid"},
    {jcr_uri, "frozenNode"},
    {jcr_uri, "predecessors"},
    {jcr_uri, "successors"},
    {jcr_uri, "versionLabels"},
    {jcr_uri, "versionHistory"},
    {jcr_uri, "versionableUuid"},
    {jcr_uri, "rootVersion"},
    {jcr_uri, "isCheckedOut"},
    {jcr_uri, "baseVersion"},
    {jcr_uri, "mergeFailed"},
    {rep_uri, "nodeTypes"},
    {nt_uri, "nodeType"},
    {nt_uri, "propertyDefinition"},
    {nt_uri, "childNodeDefinition"},
    {nt_uri, "base"},
    {jcr_uri, "nodeTypes"},
    {jcr_uri, "protected"},
    {jcr_uri, "onParentVersion"},
    {jcr_uri, "mandatory"},
    {jcr_uri, "autoCreated"},
    {jcr_uri, "frozenMixinTypes"},
    {jcr_uri, "name"},
    {jcr_uri, "valueConstraints"},
    {jcr_uri, "requiredType"},
    {jcr_uri, "propertyDefinition"},
    {jcr_uri, "multiple"},
    {jcr_uri, "defaultValues"},
    {jcr_uri, "supertypes"},
    {jcr_uri, "nodeTypeName"},
    {jcr_uri, "isMixin"},
    {jcr_uri, "hasOrderableChildNodes"},
    {jcr_uri, "sameNameSiblings"},
    {jcr_uri, "requiredPrimaryTypes"},
    {jcr_uri, "childNodeDefinition"},
    {jcr_uri, "defaultPrimaryType"},
    {jcr_uri, "primaryItemName"},
    {jcr_uri, "childVersionHistory"},
    {rep_uri, "versions"},
    {rep_uri, "versionStorage"},
    {rep_uri, "VersionReference"},
    {rep_uri, "baseVersions"},
    {mix_uri, "created"},
    {mix_uri, "etag"},
    {mix_uri, "language"},
    {mix_uri, "lastModified"},
    {mix_uri, "lifecycle"},
    {mix_uri, "mimeType"},
    {mix_uri, "shareable"},
    {mix_uri, "simpleVersionable"},
    {mix_uri, "title"},
    {nt_uri, "activity"},
    {nt_uri, "address"},
    {nt_uri, "configuration"},
    {nt_uri, "query"},
    {nt_uri, "share"},
    {rep_uri, "Activities"},
    {jcr_uri, "activities"},
    {jcr_uri, "activity"},
    {jcr_uri, "activityTitle"},
    {jcr_uri, "xmlcharacters"},
    {jcr_uri, "xmltext"},
    {rep_uri, "Configurations"},
    {jcr_uri, "configuration"},
    {jcr_uri, "configurations"},
    {jcr_uri, "copiedFrom"},
    {jcr_uri, "currentLifecycleState"},
    {jcr_uri, "etag"},
    {jcr_uri, "host"},
    {jcr_uri, "id"},
    {jcr_uri, "lifecyclePolicy"},
    {jcr_uri, "path"},
    {jcr_uri, "statement"},
}};
// clang-format on

}  // namespace

std::span<const Name> common_names() noexcept {
  return names_by_number;
}

bool is_built_in_namespace(std::string_view uri) noexcept {
  return uri.empty() || uri == jcr_uri || uri == nt_uri || uri == mix_uri || uri == rep_uri;
}

std::string Name::display() const {
  std::string text;
  if (uri == jcr_uri) {
    text = "jcr:";
  } else if (uri == nt_uri) {
    text = "nt:";
  } else if (uri == mix_uri) {
    text = "mix:";
  } else if (uri == rep_uri) {
    text = "rep:";
  } else if (!uri.empty()) {
    text = "{" + std::string(uri) + "}";
  }
  return text += local;
}

}  // namespace holdfast::profile::magnolia
