// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/certificates.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/secret.h"

namespace holdfast::engine::sqlserver {
namespace {

// A password that every policy takes: letters of both cases, digits, signs.
std::string new_password() {
  std::array<std::byte, 24> random{};
  fill_random(random);
  return "Hf-" + to_hex(ByteView(random)) + "-aZ9";
}

// "0x3082…", as CONVERT with style 1 writes it.
std::optional<Bytes> bytes_of(const Cell& cell) {
  if (!cell || !cell->starts_with("0x")) return std::nullopt;
  return from_hex(std::string_view(*cell).substr(2));
}

std::string part_of(const std::string& thumbprint, std::string_view ending) {
  return fmt::format("certificates/{}.{}", thumbprint, ending);
}

// Its three parts, or none: a certificate without its key restores nothing.
std::map<std::string, Bytes> parts_of(Session& session, const Certificate& certificate) {
  const std::string password = new_password();
  std::string sql = fmt::format(
      "EXEC master.sys.sp_executesql N'SELECT CONVERT(nvarchar(max), CERTENCODED(CERT_ID(@n)), 1), "
      "CONVERT(nvarchar(max), CERTPRIVATEKEY(CERT_ID(@n), @p), 1)', "
      "N'@n nvarchar(300), @p nvarchar(100)', @n = {}, @p = {}",
      literal(identifier(certificate.name)), literal(password));
  const auto rows = session.try_query(sql);
  wipe(sql);
  if (!rows || rows->empty() || rows->front().size() < 2) return {};
  auto certificate_bytes = bytes_of(rows->front()[0]);
  auto key = bytes_of(rows->front()[1]);
  if (!certificate_bytes || !key || key->empty()) return {};
  std::map<std::string, Bytes> parts;
  parts[part_of(certificate.thumbprint, "cer")] = std::move(*certificate_bytes);
  parts[part_of(certificate.thumbprint, "pvk")] = std::move(*key);
  Bytes text;
  append(text, password);
  parts[part_of(certificate.thumbprint, "password")] = std::move(text);
  return parts;
}

}  // namespace

std::vector<Certificate> certificates_of(Session& session) {
  std::vector<Certificate> found;
  const auto rows = session.try_query(
      "SELECT CONVERT(nvarchar(100), k.encryptor_thumbprint, 2), c.name, "
      "CONVERT(nvarchar(30), c.expiry_date, 126), c.is_outside FROM "
      "sys.dm_database_encryption_keys k LEFT JOIN (SELECT thumbprint, name, expiry_date, 0 AS "
      "is_outside FROM master.sys.certificates UNION ALL SELECT thumbprint, name, NULL, 1 FROM "
      "master.sys.asymmetric_keys) c ON c.thumbprint = k.encryptor_thumbprint "
      "WHERE k.database_id = DB_ID() AND k.encryption_state NOT IN (0, 1)");
  if (!rows) return found;
  for (const auto& row : *rows)
    if (row.at(0))
      found.push_back({*row[0],
                       row.at(1).value_or(""),
                       row.at(2).value_or(""),
                       row.at(3).value_or("") == "1",
                       {}});
  return found;
}

std::vector<Certificate> fetch_certificates(Session& session) {
  std::vector<Certificate> found = certificates_of(session);
  for (Certificate& one : found)
    if (!one.name.empty() && !one.is_outside) one.parts = parts_of(session, one);
  return found;
}

Json to_json(const std::vector<Certificate>& certificates) {
  Json list = Json::array();
  for (const Certificate& one : certificates) {
    Json json = Json::object();
    json.set("thumbprint", one.thumbprint).set("name", one.name).set("expires", one.expires);
    json.set("kept", one.is_kept());
    if (one.is_outside) json.set("outside", true);
    list.push(std::move(json));
  }
  return list;
}

std::string how_to_make(const Json& certificate) {
  const std::string& thumbprint = certificate.at("thumbprint").as_string();
  if (certificate.bool_or("outside", false))
    return fmt::format(
        "The asymmetric key with the thumbprint {} lies with a provider outside the server (EKM): "
        "make it known to that server, too, in database master:\n"
        "CREATE ASYMMETRIC KEY {} FROM PROVIDER … WITH PROVIDER_KEY_NAME = '…', "
        "CREATION_DISPOSITION = OPEN_EXISTING;",
        thumbprint, identifier(certificate.string_or("name", "")));
  if (!certificate.bool_or("kept", false))
    return fmt::format(
        "The certificate with the thumbprint {} is not part of this copy: whoever backed it up "
        "(BACKUP CERTIFICATE … WITH PRIVATE KEY) has to bring it.",
        thumbprint);
  std::string name = certificate.string_or("name", "");
  if (name.empty()) name = "holdfast_" + thumbprint;
  return fmt::format(
      "In database master, with the three files {0}, {1} and {2} of this copy where the server can "
      "read the first two, and the content of the third as the password:\n"
      "CREATE MASTER KEY ENCRYPTION BY PASSWORD = '…';  -- unless it has one\n"
      "CREATE CERTIFICATE {3} FROM FILE = '{0}' WITH PRIVATE KEY (FILE = '{1}', DECRYPTION BY "
      "PASSWORD = '…');",
      part_of(thumbprint, "cer"), part_of(thumbprint, "pvk"), part_of(thumbprint, "password"),
      identifier(name));
}

bool has_certificate(Session& session, const std::string& thumbprint) {
  const auto rows =
      session.try_query(fmt::format("SELECT 1 FROM master.sys.certificates WHERE thumbprint = "
                                    "CONVERT(varbinary(64), {0}, 2) UNION ALL SELECT 1 FROM "
                                    "master.sys.asymmetric_keys WHERE thumbprint = "
                                    "CONVERT(varbinary(64), {0}, 2)",
                                    literal(thumbprint)));
  // Who may not look has to try.
  return !rows || !rows->empty();
}

}  // namespace holdfast::engine::sqlserver
