// SPDX-License-Identifier: Apache-2.0
#include "tests/harness/self_signed.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace holdfast::test {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(BIO* memory) const { BIO_free(memory); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

void check(bool done) {
  if (!done) throw std::runtime_error("the certificate cannot be made");
}

std::string content_of(BIO* memory) {
  const char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

SelfSigned make_self_signed(const std::string& address) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> made(X509_new());
  check(key && made);
  constexpr long hour = 3600;
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -hour);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 24 * hour);
  X509_set_pubkey(made.get(), key.get());
  X509_NAME* name = X509_get_subject_name(made.get());
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(address.c_str()), -1, -1,
                                   0) == 1);
  X509_set_issuer_name(made.get(), name);
  const std::string names = "IP:" + address;
  const Owned<X509_EXTENSION> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
  check(extension && X509_add_ext(made.get(), extension.get(), -1) == 1);
  check(X509_sign(made.get(), key.get(), EVP_sha256()) != 0);
  const Owned<BIO> key_text(BIO_new(BIO_s_mem())), text(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                 nullptr) == 1);
  check(PEM_write_bio_X509(text.get(), made.get()) == 1);
  return {content_of(key_text.get()), content_of(text.get())};
}

}  // namespace holdfast::test
