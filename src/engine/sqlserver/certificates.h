// SPDX-License-Identifier: Apache-2.0
// Certificates that a backup cannot be restored without: that of transparent data encryption.
//
// They are fetched through the session (CERTENCODED, CERTPRIVATEKEY of SQL Server 2012), not by
// BACKUP CERTIFICATE, so that no file with a key ever lies on the server. The private key is
// encrypted by a random password, which is a part beside it: whoever reads the repository has the
// data anyway.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// Or an asymmetric key of a provider outside the server (EKM), which nobody copies.
struct Certificate {
  std::string thumbprint;  // hex, in capitals
  std::string name;        // in master; empty: it is not there, or hidden from us
  std::string expires;
  bool is_outside = false;  // such a key
  // Paths of parts and their content; without private key and password where the account may not
  // see the key.
  std::map<std::string, Bytes> parts;
  [[nodiscard]] bool is_kept() const noexcept { return parts.size() == 3; }
};

// Those that the database of the session is encrypted with. Nothing of a database that is not.
[[nodiscard]] std::vector<Certificate> certificates_of(Session& session);
// The same, with their parts.
[[nodiscard]] std::vector<Certificate> fetch_certificates(Session& session);

[[nodiscard]] Json to_json(const std::vector<Certificate>& certificates);
// Statements that make one out of its parts on another server, as lines.
[[nodiscard]] std::string how_to_make(const Json& certificate);
// Whether the server has it, or an asymmetric key of that thumbprint.
[[nodiscard]] bool has_certificate(Session& session, const std::string& thumbprint);

}  // namespace holdfast::engine::sqlserver
