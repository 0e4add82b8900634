// SPDX-License-Identifier: Apache-2.0
// Certificates read by GnuTLS, which the receiver's HTTPS goes by too.
#include "engine/sqlserver/receiver/s3_certificate.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <filesystem>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/timestamp.h"
#include "engine/sqlserver/receiver/s3_receiver.h"

namespace holdfast::engine::sqlserver {

namespace {

using Certificate = CHandle<gnutls_x509_crt_int, gnutls_x509_crt_deinit>;

constexpr std::int64_t soon_seconds = 14L * 24 * 60 * 60;
constexpr std::string_view why =
    "SQL Server writes to an s3:// address only over HTTPS, with a certificate that it trusts and "
    "that names the host in the address.";

model::Finding finding(std::string code, model::Severity severity, std::string seen,
                       std::string mend) {
  model::Finding made;
  made.code = std::move(code);
  made.severity = severity;
  made.seen = std::move(seen);
  made.why = why;
  made.mend = std::move(mend);
  made.mend_class = model::MendClass::manual;
  return made;
}

model::Finding not_good(std::string seen) {
  return finding(
      "sqlserver-receiver-certificate", model::Severity::blocker, std::move(seen),
      "Name a certificate in `receiver_certificate` that is valid now and names the host "
      "of `receiver`.");
}

// The host without port and brackets.
std::string host_of(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return host;
}

std::string day_of(std::time_t moment) {
  return to_rfc3339({static_cast<std::int64_t>(moment), 0, 0}).substr(0, 10);
}

}  // namespace

std::vector<model::Finding> check_certificate(std::string_view pem, const std::string& host,
                                              std::int64_t now) {
  gnutls_x509_crt_t raw = nullptr;
  if (gnutls_x509_crt_init(&raw) != GNUTLS_E_SUCCESS) throw std::bad_alloc();
  const Certificate certificate(raw);
  std::string copy(pem);
  const gnutls_datum_t data{reinterpret_cast<unsigned char*>(copy.data()),
                            static_cast<unsigned>(copy.size())};
  if (gnutls_x509_crt_import(raw, &data, GNUTLS_X509_FMT_PEM) != GNUTLS_E_SUCCESS) {
    return {not_good("the receiver's certificate cannot be read")};
  }
  const std::time_t begins = gnutls_x509_crt_get_activation_time(raw);
  const std::time_t ends = gnutls_x509_crt_get_expiration_time(raw);
  std::vector<model::Finding> findings;
  if (now < begins) {
    findings.push_back(
        not_good("the receiver's certificate is not valid before " + day_of(begins)));
  } else if (now > ends) {
    findings.push_back(not_good("the receiver's certificate has ended on " + day_of(ends)));
  } else if (now > ends - soon_seconds) {
    findings.push_back(finding("sqlserver-receiver-expires", model::Severity::warning,
                               "the receiver's certificate ends on " + day_of(ends),
                               "Replace it in time."));
  }
  if (gnutls_x509_crt_check_hostname(raw, host.c_str()) == 0) {
    findings.push_back(not_good("the receiver's certificate does not name " + host));
  }
  return findings;
}

std::vector<model::Finding> check_receiver(const Location& location, std::int64_t now) {
  S3Receiver::Options options;
  options.address = location.receiver;
  options.certificate = location.receiver_certificate;
  options.key = location.receiver_key;
  options.scratch_directory = std::filesystem::temp_directory_path();  // nothing is written
  try {
    const S3Receiver receiver(options);
  } catch (const Error& error) {  // what keeps it from listening is what is to be told
    return {finding("sqlserver-receiver-unusable", model::Severity::blocker, error.message(),
                    error.hint().empty() ? "Mend `receiver`, `receiver_certificate` or "
                                           "`receiver_key` of the endpoint."
                                         : error.hint())};
  }
  return check_certificate(read_text_file(location.receiver_certificate, std::size_t{1} << 20U),
                           host_of(location.receiver), now);
}

}  // namespace holdfast::engine::sqlserver
