// SPDX-License-Identifier: Apache-2.0
// Problems in words.
#include "profile/magnolia/proof_result.h"

#include <fmt/format.h>

#include <array>

#include "base/bytes.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::size_t shown_bytes_max = 300;
// So many problems stand in a finding's text.
constexpr std::size_t problems_shown_max = 5;

// Names in bundles are anybody's: what is no well-formed text, or moves a cursor, is a `?`.
std::string shown(std::string_view text) {
  std::string shown;
  while (!text.empty() && shown.size() < shown_bytes_max) {
    const Utf8Rune rune = decode_utf8(text);
    const bool is_good =
        rune.size_bytes != 0 && rune.rune >= 0x20 && (rune.rune < 0x7f || rune.rune >= 0xa0);
    const std::size_t size_bytes = rune.size_bytes == 0 ? 1 : rune.size_bytes;
    if (is_good) {
      shown += text.substr(0, size_bytes);
    } else {
      shown += '?';
    }
    text.remove_prefix(size_bytes);
  }
  return text.empty() ? shown : shown + "…";
}

struct Kind {
  Problems ProofResult::*problems;
  std::string_view code;
  model::Severity severity;
  std::string_view what;  // "records that bundles name and that are not there"
  std::string_view why;
  std::string_view mend;
};

constexpr auto blocker = model::Severity::blocker;
constexpr auto warning = model::Severity::warning;

constexpr std::array kinds{
    Kind{&ProofResult::missing_records, "magnolia-record-missing", blocker,
         "binaries are not in the copy",
         "Jackrabbit starts over it without a word; who opens the image or document gets an error.",
         "Copy again without a data store garbage collection in between; what the application "
         "itself has lost comes from an older snapshot."},
    Kind{&ProofResult::damaged_records, "magnolia-record-damaged", blocker,
         "data store records do not have the bytes that they are named by",
         "The binary is damaged, and everything that shares it.",
         "Put the record back from an older snapshot, where the same name has the right bytes."},
    Kind{&ProofResult::wrong_lengths, "magnolia-record-length", warning,
         "data store records have another length than their row says",
         "Jackrabbit tells callers the wrong length and may cut the binary off.",
         "Set LENGTH of the row to the length of DATA."},
    Kind{&ProofResult::unobserved_binaries, "magnolia-record-unobservable", blocker,
         "binaries lie where this copy does not reach",
         "Whether they are there, and fit, cannot be told.",
         "Back that store up as well, and accept this finding."},
    Kind{&ProofResult::unreadable_bundles, "magnolia-bundle-unreadable", blocker,
         "nodes cannot be read", "Jackrabbit cannot read them either, nor anything below them.",
         "Put the rows back from an older snapshot, or remove the nodes with Jackrabbit's "
         "consistency check."},
    Kind{&ProofResult::old_formats, "magnolia-bundle-format", blocker,
         "nodes are in a bundle format that is not read",
         "What they refer to is unknown, so that nobody can vouch for the copy.",
         "Let the application write these nodes once more (Jackrabbit 2.2 and later write format "
         "3), or accept the finding."},
    Kind{&ProofResult::unreadable_references, "magnolia-references-unreadable", blocker,
         "lists of references cannot be read",
         "Jackrabbit cannot delete or move the nodes that they belong to.",
         "Put the rows of the REFS table back from an older snapshot."},
    Kind{&ProofResult::missing_nodes, "magnolia-node-missing", blocker,
         "child nodes are listed and not there", "Whoever walks through the parent gets an error.",
         "If the application has the same damage, mend it with the persistence manager's "
         "consistencyCheck and consistencyFix; else copy again."},
    Kind{&ProofResult::unlisted_nodes, "magnolia-node-unlisted", blocker,
         "nodes are not listed by their parent", "Nobody reaches them any more.",
         "If the application has the same damage, mend it with the persistence manager's "
         "consistencyCheck and consistencyFix; else copy again."},
    Kind{&ProofResult::missing_types, "magnolia-node-type-missing", warning,
         "node types are used and not registered",
         "Jackrabbit reads such nodes, but queries for their type fail.",
         "Put custom_nodetypes.xml back, or register the types anew."},
    Kind{&ProofResult::missing_uris, "magnolia-namespace-missing", warning,
         "namespaces are used and not registered",
         "Names of such a namespace cannot be read: there is no prefix for them.",
         "Put ns_reg.properties back, or register the namespaces anew."},
    Kind{&ProofResult::missing_history, "magnolia-version-history-missing", warning,
         "version histories are named and not in the version store",
         "These nodes can no longer be checked in or out, and their versions are lost.",
         "Remove mix:versionable from the nodes and add it again."},
    Kind{&ProofResult::missing_tables, "magnolia-table-missing", blocker,
         "tables of workspaces are not there",
         "Jackrabbit makes them anew, empty, at its next start, without a word.",
         "Restore the table from an older snapshot before the application starts."},
    Kind{&ProofResult::empty_workspaces, "magnolia-workspace-empty", warning,
         "workspaces have tables without a single node",
         "Jackrabbit writes a root node as soon as it opens a workspace: the content was lost, or "
         "it was never opened.",
         "Compare with an older snapshot."},
    Kind{&ProofResult::unknown_workspaces, "magnolia-workspace-unconfigured", blocker,
         "tables belong to no configured workspace",
         "For Jackrabbit a workspace without its workspace.xml is gone, silently.",
         "Put workspaces/NAME/workspace.xml back. If they are another application's, give it a "
         "database of its own, and accept this until then."},
};

std::string seen_text(const Kind& kind, const Problems& problems) {
  std::string seen = fmt::format("{} ({})", kind.what, problems.count());
  std::size_t n = 0;
  for (const Problem& problem : problems.told()) {
    if (n++ == problems_shown_max) break;
    seen += (n == 1 ? ": " : "; ") + problem.display();
  }
  if (problems.count() > problems_shown_max)
    seen += fmt::format("; and {} more", problems.count() - problems_shown_max);
  return seen;
}

}  // namespace

std::string Problem::display() const {
  std::string text;
  if (!workspace.empty()) text += "workspace " + shown(workspace) + ", ";
  if (node != NodeId{}) {
    text += "node " + node.text();
    if (!path.empty()) text += " (" + shown(path) + ")";
    text += ": ";
  }
  return text + shown(what);
}

void Problems::add(Problem problem) {
  ++count_;
  told_.insert(std::move(problem));
  if (told_.size() > problems_told_max) told_.erase(std::prev(told_.end()));
}

std::vector<model::Finding> findings_of(const ProofResult& result) {
  std::vector<model::Finding> findings;
  for (const Kind& kind : kinds) {
    const Problems& problems = result.*kind.problems;
    if (problems.count() == 0) continue;
    model::Finding finding;
    finding.code = kind.code;
    finding.severity = kind.severity;
    finding.component = problems.told().begin()->component;
    for (const Problem& problem : problems.told()) {
      if (problem.component != finding.component) finding.component.clear();
    }
    finding.seen = seen_text(kind, problems);
    finding.why = kind.why;
    finding.mend = kind.mend;
    finding.mend_class = model::MendClass::manual;
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace holdfast::profile::magnolia
