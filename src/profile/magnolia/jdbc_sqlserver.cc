// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/jdbc_sqlserver.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/uri.h"
#include "profile/magnolia/jdbc_parts.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Severity;

constexpr std::string_view usual_port = "1433";

struct Property {
  std::string name, value;  // the name in lower case
  std::string_view written;
};

// "jdbc:sqlserver://host\instance:port;name=value;name={va;lue}", with "/database" behind the
// authority in jTDS's.
struct Parts {
  std::string_view begin;  // through the slashes
  std::string_view authority, path;
  std::string_view query;  // of our URIs
  std::vector<Property> properties;
  bool is_jtds = false;

  [[nodiscard]] std::optional<std::string> find(
      std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      for (const Property& one : properties) {
        if (one.name == name && !one.value.empty()) return one.value;
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] std::string lower(std::string_view name) const {
    return ascii_lower(find({name}).value_or(""));
  }
  [[nodiscard]] bool is_set(std::string_view name) const {
    const std::string value = lower(name);
    return value == "true" || value == "yes";
  }
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// How long the value at the front of `text` is as it is written. A brace within braces is doubled.
std::size_t value_size(std::string_view text, bool has_braces) {
  std::size_t at = std::min(text.find_first_not_of(' '), text.size());
  if (has_braces && at < text.size() && text[at] == '{') {
    for (++at; at < text.size(); ++at) {
      if (text[at] != '}') continue;
      if (!text.substr(at + 1).starts_with('}')) break;
      ++at;
    }
  }
  return std::min(text.find(';', std::min(at, text.size())), text.size());
}

std::string plain_value(std::string_view written, bool has_braces) {
  std::string_view text = trimmed(written);
  if (!has_braces || text.size() < 2 || !text.starts_with('{') || !text.ends_with('}'))
    return std::string(text);
  std::string value;
  for (text = text.substr(1, text.size() - 2); !text.empty(); text.remove_prefix(1)) {
    if (text.starts_with("}}")) text.remove_prefix(1);
    value += text.front();
  }
  return value;
}

std::optional<Parts> parts_of(std::string_view text) {
  Parts parts;
  const std::size_t slashes = text.find("//");
  if (slashes == std::string_view::npos) return std::nullopt;
  parts.begin = text.substr(0, slashes + 2);
  parts.is_jtds = ascii_lower(parts.begin).starts_with("jdbc:jtds:");
  const std::string driver = ascii_lower(parts.begin);
  if (driver != "jdbc:sqlserver://" && driver != "jdbc:jtds:sqlserver://") return std::nullopt;
  std::string_view rest = text.substr(slashes + 2);
  const std::size_t end = std::min(rest.find(';'), rest.size());
  parts.authority = rest.substr(0, end);
  rest.remove_prefix(end);
  if (const std::size_t slash = parts.authority.find('/'); slash != std::string_view::npos) {
    parts.path = parts.authority.substr(slash + 1);
    parts.authority = parts.authority.substr(0, slash);
    parts.query = parts.path.substr(std::min(parts.path.find('?'), parts.path.size()));
    parts.path.remove_suffix(parts.query.size());
  }
  while (!rest.empty()) {
    rest.remove_prefix(1);  // a semicolon
    const std::size_t equals = rest.find('=');
    const std::size_t next = rest.find(';');
    std::size_t size = std::min(next, rest.size());
    if (equals < size) size = equals + 1 + value_size(rest.substr(equals + 1), !parts.is_jtds);
    const std::string_view written = rest.substr(0, size);
    rest.remove_prefix(size);
    if (trimmed(written).empty()) continue;
    const std::string_view name = trimmed(written.substr(0, std::min(equals, size)));
    parts.properties.push_back(
        {ascii_lower(name),
         equals < size ? plain_value(written.substr(equals + 1), !parts.is_jtds) : std::string(),
         written});
  }
  return parts;
}

struct SqlServerPlace {
  std::string host, port;  // without a port the instance says which
  std::string instance, database;

  [[nodiscard]] std::string uri() const {
    return "sqlserver://" + host + (instance.empty() ? ":" + port : "") + "/" + escaped(database) +
           (instance.empty() ? "" : "?instance=" + escaped(instance));
  }
};

std::optional<SqlServerPlace> place_in(const Parts& parts) {
  SqlServerPlace place;
  std::string authority(parts.authority);
  if (authority.empty()) {
    authority = parts.find({"servername", "server"}).value_or("");
    // An address of IPv6 stands there without brackets.
    if (std::count(authority.begin(), authority.end(), ':') > 1 && !authority.starts_with('[')) {
      const std::size_t back = std::min(authority.find('\\'), authority.size());
      authority = "[" + authority.substr(0, back) + "]" + authority.substr(back);
    }
  }
  std::string port = parts.find({"portnumber", "port"}).value_or("");
  place.instance = parts.find({"instancename", "instance"}).value_or("");
  if (parts.query.starts_with("?instance="))
    place.instance = decoded(parts.query.substr(10)).value_or("");
  if (const std::size_t back = authority.find('\\'); back != std::string::npos) {
    std::string behind = authority.substr(back + 1);
    authority.resize(back);
    if (const std::size_t colon = behind.find(':'); colon != std::string::npos) {
      port = behind.substr(colon + 1);
      behind.resize(colon);
    }
    place.instance = behind;
  }
  const auto found = magnolia::place_of(authority, port);
  if (!found) return std::nullopt;
  place.host = found->host;
  place.port = found->port;
  // Microsoft's driver asks nobody for the instance's port where it is told one; jTDS always does.
  if (!place.port.empty() && !parts.is_jtds && parts.query.empty()) place.instance.clear();
  if (!place.instance.empty()) place.port.clear();
  if (place.instance.empty() && place.port.empty()) place.port = usual_port;
  place.database = parts.find({"databasename", "database"}).value_or("");
  if (place.database.empty()) {
    const auto database = decoded(parts.path);
    if (database) place.database = *database;
  }
  if (place.database.empty()) return std::nullopt;
  return place;
}

// The place of one of our URIs.
std::optional<SqlServerPlace> place_in_uri(std::string_view uri) {
  const std::string text = "jdbc:" + plain_place(std::string(uri));
  const auto parts = parts_of(text);
  return parts ? place_in(*parts) : std::nullopt;
}

void remark(JdbcUrl& url, Severity severity, std::string seen, std::string why, std::string mend,
            std::vector<std::string> settled_by) {
  url.remarks.push_back(
      {severity, std::move(seen), std::move(why), std::move(mend), std::move(settled_by)});
}

void read_tls(const Parts& parts, const SqlServerPlace& place, JdbcUrl& url) {
  std::string& tls = url.options["tls"];
  if (parts.is_jtds) {
    const std::string ssl = parts.lower("ssl");
    tls = ssl == "authenticate" ? "verified" : ssl.empty() ? "" : "required";
  } else {
    const std::string encrypt = parts.lower("encrypt");
    const bool is_strict = encrypt == "strict";
    const bool is_off = encrypt == "false" || encrypt == "no" || encrypt == "optional";
    if (is_off || (parts.is_set("trustservercertificate") && !is_strict)) {
      tls = "required";
    } else if (!encrypt.empty()) {
      tls = "verified";
    }
    if (is_strict) {
      remark(url, Severity::warning, "encrypt=strict (TDS 8.0)",
             "Holdfast begins without TLS and then asks for it, as TDS 7.4 does: a server that "
             "forces strict encryption lets nobody in that way",
             "Let the server take both, as it does unless strict encryption is forced.", {});
    }
  }
  const bool is_verified = tls != "required";
  if (tls.empty()) url.options.erase("tls");
  if (!is_verified) return;
  const auto name = parts.find({"hostnameincertificate"});
  if (name && !equal_but_for_case(*name, place.host)) {
    remark(
        url, Severity::warning, "hostNameInCertificate=" + *name,
        "the server's certificate is of that name, and Holdfast looks for " + place.host + " in it",
        "Name the server as its certificate does in `uri` of [[database]], or take tls = "
        "\"required\" there, which believes any certificate.",
        {"uri", "tls"});
  }
  if (parts.find({"truststore"}) || parts.find({"servercertificate"})) {
    remark(url, Severity::warning, parts.find({"truststore"}) ? "trustStore" : "serverCertificate",
           "Holdfast trusts the authorities of this machine, and reads no trust store of Java's",
           "Export the authority's certificate (keytool -exportcert -rfc) and name the file by "
           "tls_ca in [[database]].",
           {"tls_ca", "tls"});
  }
}

// Who logs in, where that is no login of the server's own.
void read_login(const Parts& parts, JdbcUrl& url) {
  const std::string account = "Name an account in [[database]], or ";
  const std::string ticket = "have a ticket of Kerberos for Holdfast (kinit; KRB5CCNAME).";
  const std::string entra = parts.lower("authentication");
  if (entra.starts_with("activedirectory")) {
    url.has_login = true;
    remark(url, Severity::blocker, "authentication=" + *parts.find({"authentication"}),
           "the application logs in by Entra ID, which Holdfast's drivers do not", account + ticket,
           {"user"});
    return;
  }
  const std::string scheme = parts.lower("authenticationscheme");
  const std::string domain = parts.find({"domain"}).value_or("");
  const bool is_integrated = !parts.is_jtds && parts.is_set("integratedsecurity");
  if ((is_integrated && scheme != "ntlm") || (parts.is_jtds && parts.is_set("usekerberos"))) {
    url.has_login = true;
    remark(
        url, Severity::warning, parts.is_jtds ? "useKerberos=true" : "integratedSecurity=true",
        "the application logs in as the user that it runs as, or by a ticket of its own: nothing "
        "that Holdfast could take over stands in its configuration",
        account + ticket, {"user"});
  } else if (is_integrated || parts.is_jtds) {
    url.domain = domain;
  }
}

void read_ways(const Parts& parts, JdbcUrl& url) {
  const auto partner = parts.find({"failoverpartner"});
  if (partner) {
    remark(url, Severity::note, "failoverPartner=" + *partner,
           "after a failover the database is there, and Holdfast looks at the first server only",
           "Name the partner in `uri` of [[database]] once it has taken over.", {"uri"});
  }
  if (parts.is_set("multisubnetfailover")) {
    remark(url, Severity::note, "multiSubnetFailover=true",
           "the listener has an address in each subnet, of which one answers; Holdfast tries one "
           "after the other, which takes its time",
           "Name the server that answers in `uri` of [[database]] if that takes too long.",
           {"uri"});
  }
  if (parts.lower("applicationintent") == "readonly") {
    remark(url, Severity::warning, "applicationIntent=ReadOnly",
           "the application is led to a secondary replica, and Holdfast is not",
           "Name the replica that is to be copied in `uri` of [[database]].", {"uri"});
  }
  for (const auto& [name, is_used] :
       {std::pair{"namedpipe", parts.is_jtds && parts.is_set("namedpipe")},
        std::pair{"socketfactoryclass", parts.find({"socketfactoryclass"}).has_value()}}) {
    if (!is_used) continue;
    remark(url, Severity::warning,
           std::string(name == std::string_view("namedpipe") ? "namedPipe" : "socketFactoryClass") +
               "=" + parts.find({name}).value_or(""),
           "the application reaches the server by a way of its own, and Holdfast by TCP",
           "Name host and port at which the server is reached in `uri` of [[database]].", {"uri"});
  }
}

// As a property's value has to be written.
std::string written(std::string_view value, bool is_jtds) {
  if (is_jtds || value.find_first_of(";{} ") == std::string_view::npos) return std::string(value);
  std::string text = "{";
  for (const char c : value) text.append(c == '}' ? 2 : 1, c);
  return text + "}";
}

std::string url_of(const SqlServerPlace& place, std::string_view begin, bool is_jtds) {
  std::string text = std::string(begin) + place.host;
  if (!place.port.empty()) text += ":" + place.port;
  if (is_jtds) {
    text += "/" + place.database;
    if (!place.instance.empty()) text += ";instance=" + place.instance;
    return text;
  }
  if (!place.instance.empty()) text += "\\" + place.instance;
  return text + ";databaseName=" + written(place.database, false);
}

}  // namespace

void read_sqlserver(std::string_view text, JdbcUrl& url) {
  url.engine = "sqlserver";
  const auto parts = parts_of(text);
  if (!parts) return;
  url.user = parts->find({"user", "username"}).value_or("");
  if (const auto password = parts->find({"password"}))
    url.password = std::make_shared<const Secret>(*password);
  const auto place = place_in(*parts);
  if (!place) return;
  url.uri = place->uri();
  url.kind = JdbcKind::server;
  read_tls(*parts, *place, url);
  read_login(*parts, url);
  read_ways(*parts, url);
}

std::string redacted_sqlserver(std::string_view text) {
  const auto parts = parts_of(text);
  const std::string_view front = text.substr(0, text.find(';'));
  if (!parts) {
    const std::string driver = ascii_lower(front);
    if (driver.find("sqlserver:") == std::string::npos && driver.find("jtds:") == std::string::npos)
      return redacted_uri(text);
    return redacted_uri(front) + (front.size() < text.size() ? ";***" : "");  // not understood
  }
  std::string shown = redacted_uri(front);
  for (const Property& one : parts->properties) {
    const bool is_secret = !one.value.empty() && holds_password(one.name + "=x");
    const std::size_t size = is_secret ? one.written.find('=') + 1 : one.written.size();
    shown += ";" + std::string(one.written.substr(0, size)) + (is_secret ? "***" : "");
  }
  return shown;
}

std::optional<std::string> redirected_sqlserver(std::string_view text, std::string_view uri) {
  const auto parts = parts_of(text);
  const auto old = parts ? place_in(*parts) : std::nullopt;
  const auto place = place_in_uri(uri);
  if (!old || !place) return std::nullopt;
  constexpr std::array<std::string_view, 9> of_place{
      "servername", "server",       "portnumber", "port",           "instancename",
      "instance",   "databasename", "database",   "failoverpartner"};
  constexpr std::array<std::string_view, 2> of_host{"hostnameincertificate", "serverspn"};
  const auto is_in = [](const auto& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::string url = url_of(*place, parts->begin, parts->is_jtds);
  for (const Property& one : parts->properties) {
    if (is_in(of_place, one.name) || (old->host != place->host && is_in(of_host, one.name)))
      continue;
    url += ";" + std::string(one.written);
  }
  return url;
}

std::string sqlserver_jdbc_url(std::string_view uri,
                               const std::map<std::string, std::string>& options,
                               std::string_view user, bool is_jtds) {
  const auto place = place_in_uri(uri);
  if (!place) return {};
  const auto found = options.find("tls");
  const std::string tls = found == options.end() ? "verified" : found->second;
  const std::size_t back = user.find('\\');
  const std::string domain(back == std::string_view::npos ? "" : user.substr(0, back));
  if (is_jtds) {
    return url_of(*place, "jdbc:jtds:sqlserver://", true) +
           (tls == "off"        ? ""
            : tls == "required" ? ";ssl=require"
                                : ";ssl=authenticate") +
           (domain.empty() ? "" : ";domain=" + domain + ";useNTLMv2=true");
  }
  return url_of(*place, "jdbc:sqlserver://", false) +
         (tls == "off"        ? ";encrypt=false"
          : tls == "required" ? ";encrypt=true;trustServerCertificate=true"
                              : ";encrypt=true") +
         (domain.empty() ? ""
                         : ";integratedSecurity=true;authenticationScheme=NTLM;domain=" +
                               written(domain, false));
}

}  // namespace holdfast::profile::magnolia
