// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_signature.h"

#include <algorithm>
#include <vector>

#include "base/timestamp.h"

namespace holdfast::engine::sqlserver {

namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::int64_t expires_seconds_max = 7L * 24 * 60 * 60;  // of a query's signature

// The parts of a signature, wherever they stood.
struct Claim {
  std::string access_key, scope, moment, signature;
  std::vector<std::string> signed_headers;  // in lower case
  bool by_query = false;
  std::int64_t expires_seconds = s3_skew_seconds_max;
};

S3Refusal denied(std::string_view message) {
  return {403, "AccessDenied", std::string(message)};
}
S3Refusal malformed() {
  return {400, "AuthorizationHeaderMalformed", "The authorization cannot be read."};
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> result;
  while (true) {
    const std::size_t end = std::min(text.find(at), text.size());
    result.emplace_back(text.substr(0, end));
    if (end == text.size()) return result;
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "KEY/20130524/us-east-1/s3/aws4_request".
bool read_credential(std::string_view credential, Claim& into) {
  const std::size_t slash = credential.find('/');
  if (slash == std::string_view::npos) return false;
  into.access_key = credential.substr(0, slash);
  into.scope = credential.substr(slash + 1);
  const auto parts = split(into.scope, '/');
  return parts.size() == 4 && parts[0].size() == 8 && !parts[1].empty() && parts[2] == "s3" &&
         parts[3] == "aws4_request";
}

// "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=a;b, Signature=…".
bool read_header_claim(std::string_view header, const S3Head& head, Claim& into) {
  header.remove_prefix(std::min(algorithm.size(), header.size()));
  bool has_credential = false;
  for (const std::string& field : split(header, ',')) {
    const std::string_view text = trimmed(field);
    const std::size_t equals = std::min(text.find('='), text.size());
    const std::string_view name = text.substr(0, equals);
    const std::string_view value = text.substr(std::min(equals + 1, text.size()));
    if (name == "Credential") has_credential = read_credential(value, into);
    if (name == "SignedHeaders") into.signed_headers = split(value, ';');
    if (name == "Signature") into.signature = value;
  }
  const std::string* const moment = head.header("x-amz-date");
  if (moment != nullptr) into.moment = *moment;
  return has_credential && !into.signed_headers.empty() && moment != nullptr;
}

bool read_query_claim(const S3Request& request, Claim& into) {
  const auto value = [&](std::string_view name) {
    const std::string* const found = request.parameter(name);
    return found == nullptr ? std::string() : *found;
  };
  into.by_query = true;
  into.moment = value("X-Amz-Date");
  into.signature = value("X-Amz-Signature");
  into.signed_headers = split(value("X-Amz-SignedHeaders"), ';');
  const auto expires =
      s3_number(value("X-Amz-Expires"), static_cast<std::uint64_t>(expires_seconds_max));
  if (!expires || value("X-Amz-Algorithm") != algorithm) return false;
  into.expires_seconds = static_cast<std::int64_t>(*expires);
  return read_credential(value("X-Amz-Credential"), into);
}

// "20130524T000000Z" in seconds since 1970.
std::optional<std::int64_t> read_moment(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  int fields[6] = {};
  constexpr std::size_t places[6] = {0, 4, 6, 9, 11, 13};
  constexpr std::size_t sizes[6] = {4, 2, 2, 2, 2, 2};
  for (std::size_t i = 0; i < 6; ++i) {
    const auto value = s3_number(text.substr(places[i], sizes[i]), 9999);
    if (!value) return std::nullopt;
    fields[i] = static_cast<int>(*value);
  }
  return from_calendar(fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], 0).seconds;
}

std::optional<S3Refusal> check_moment(const Claim& claim, std::int64_t now) {
  const auto moment = read_moment(claim.moment);
  if (!moment || claim.scope.substr(0, 8) != claim.moment.substr(0, 8)) return malformed();
  if (*moment > now + s3_skew_seconds_max ||
      (!claim.by_query && *moment < now - s3_skew_seconds_max)) {
    return S3Refusal{403, "RequestTimeTooSkewed",
                     "The difference between the request time and the current time is too large."};
  }
  if (claim.by_query && *moment + claim.expires_seconds < now) return denied("Request has expired");
  return std::nullopt;
}

// What S3 wants to be signed: the host and all headers of its own.
bool signs_enough(const S3Head& head, const Claim& claim) {
  const auto is_signed = [&](std::string_view name) {
    return std::find(claim.signed_headers.begin(), claim.signed_headers.end(), name) !=
           claim.signed_headers.end();
  };
  return is_signed("host") &&
         std::all_of(head.headers.begin(), head.headers.end(), [&](const auto& header) {
           return header.first.substr(0, 6) != "x-amz-" || is_signed(header.first);
         });
}

std::string canonical_query(const S3Request& request) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : request.query) {
    if (name != "X-Amz-Signature") {
      pairs.emplace_back(s3_escaped(name, false), s3_escaped(value, false));
    }
  }
  std::sort(pairs.begin(), pairs.end());
  std::string result;
  for (const auto& [name, value] : pairs) {
    if (!result.empty()) result += '&';
    result.append(name).append("=").append(value);
  }
  return result;
}

// The values of all headers of that name, with no more than one space in a row.
std::string canonical_header(const S3Head& head, std::string_view name) {
  std::string result;
  bool is_first = true;
  for (const auto& [key, value] : head.headers) {
    if (key != name) continue;
    if (!is_first) result += ',';
    is_first = false;
    bool after_space = false;
    for (const char c : trimmed(value)) {
      if (c != ' ' || !after_space) result += c;
      after_space = c == ' ';
    }
  }
  return result;
}

// Nothing if the path cannot be unescaped, which read_request() refuses.
std::string canonical_request(const S3Head& head, const S3Request& request, const Claim& claim,
                              std::string_view payload) {
  const std::string_view path = std::string_view(head.target).substr(0, head.target.find('?'));
  std::string text = head.method + '\n' +
                     s3_escaped(s3_unescaped(path).value_or(std::string()), true) + '\n' +
                     canonical_query(request) + '\n';
  std::string names;
  for (const std::string& name : claim.signed_headers) {
    text.append(name).append(":").append(canonical_header(head, name)).append("\n");
    if (!names.empty()) names += ';';
    names += name;
  }
  return text.append("\n").append(names).append("\n").append(payload);
}

Sha256Digest signing_key(const S3Key& key, std::string_view scope) {
  std::string first = "AWS4" + std::string(key.secret.reveal());
  const auto parts = split(scope, '/');
  Sha256Digest made = hmac_sha256(as_bytes(first), as_bytes(parts[0]));
  wipe(first);
  for (std::size_t i = 1; i < parts.size(); ++i) made = hmac_sha256(made, as_bytes(parts[i]));
  return made;
}

std::string sign(const S3Proof& proof, std::string_view text) {
  return to_hex(hmac_sha256(proof.signing_key, as_bytes(text)));
}

std::optional<S3Refusal> read_payload(const std::string& said, S3Proof& into) {
  if (said == "UNSIGNED-PAYLOAD") {
    into.payload = S3Payload::unsigned_payload;
  } else if (said == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
    into.payload = S3Payload::signed_chunks;
  } else if (said == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
    into.payload = S3Payload::signed_chunks_and_trailer;
  } else if (said == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    into.payload = S3Payload::unsigned_chunks_and_trailer;
  } else if (read_hex(said, into.hash)) {
    into.payload = S3Payload::hashed;
  } else {
    return S3Refusal{400, "InvalidArgument",
                     "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, one of the STREAMING- kinds "
                     "known here, or a SHA-256 in hex."};
  }
  return std::nullopt;
}

}  // namespace

std::optional<S3Refusal> prove(const S3Head& head, const S3Request& request, const S3Key& key,
                               std::int64_t now, S3Proof& into) {
  into = {};
  Claim claim;
  const std::string* const header = head.header("authorization");
  if (header != nullptr) {
    if (header->substr(0, algorithm.size()) != algorithm) {
      return S3Refusal{400, "InvalidRequest",
                       "The authorization mechanism is not supported. Use AWS4-HMAC-SHA256."};
    }
    if (!read_header_claim(*header, head, claim)) return malformed();
  } else if (request.parameter("X-Amz-Signature") != nullptr) {
    if (!read_query_claim(request, claim)) return malformed();
  } else {
    return denied("Access Denied");
  }
  if (auto refusal = check_moment(claim, now)) return refusal;
  if (claim.access_key != key.access_key) {
    return S3Refusal{403, "InvalidAccessKeyId", "The access key does not exist here."};
  }
  if (!signs_enough(head, claim)) {
    return denied("There were headers present in the request which were not signed");
  }
  const std::string* said = head.header("x-amz-content-sha256");
  if (said == nullptr) said = request.parameter("X-Amz-Content-Sha256");
  if (said == nullptr && !claim.by_query) {
    return S3Refusal{400, "InvalidRequest", "Missing required header x-amz-content-sha256."};
  }
  const std::string payload = said == nullptr ? "UNSIGNED-PAYLOAD" : *said;
  const std::string canonical = canonical_request(head, request, claim, payload);
  into.signing_key = signing_key(key, claim.scope);
  into.moment = claim.moment;
  into.scope = claim.scope;
  into.signature = sign(into, std::string(algorithm) + '\n' + claim.moment + '\n' + claim.scope +
                                  '\n' + to_hex(sha256(as_bytes(canonical))));
  if (!is_equal_secret(as_bytes(into.signature), as_bytes(claim.signature))) {
    into = {};
    return S3Refusal{403, "SignatureDoesNotMatch",
                     "The request signature we calculated does not match the signature you "
                     "provided. Check your key and signing method."};
  }
  return read_payload(payload, into);
}

std::string chunk_signature(const S3Proof& proof, std::string_view previous,
                            const Sha256Digest& data_hash) {
  return sign(proof, std::string(algorithm) + "-PAYLOAD\n" + proof.moment + '\n' + proof.scope +
                         '\n' + std::string(previous) + '\n' + to_hex(sha256({})) + '\n' +
                         to_hex(data_hash));
}

std::string trailer_signature(const S3Proof& proof, std::string_view previous,
                              std::string_view trailer) {
  return sign(proof, std::string(algorithm) + "-TRAILER\n" + proof.moment + '\n' + proof.scope +
                         '\n' + std::string(previous) + '\n' + to_hex(sha256(as_bytes(trailer))));
}

}  // namespace holdfast::engine::sqlserver
