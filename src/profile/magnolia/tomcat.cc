// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/tomcat.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/java_command.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;

std::string clean(const fs::path& path) {
  std::string text = path.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

// The directories of a directory, by name.
std::vector<std::string> directories_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code failure;
  for (const auto& item : fs::directory_iterator(directory, failure)) {
    std::error_code gone;
    if (item.is_directory(gone)) names.push_back(item.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<XmlElement> try_parse(const std::string& file,
                                    std::vector<model::Finding>& findings) {
  try {
    const auto text = read_configuration_file(file);
    if (!text) return std::nullopt;
    return parse_xml(*text, file);
  } catch (const Error& error) {
    findings.push_back(unreadable_configuration(error.message()));
    return std::nullopt;
  }
}

}  // namespace

std::optional<Tomcat> Tomcat::at(const std::string& directory, Variables system_properties) {
  std::error_code ignored;
  if (!fs::is_regular_file(fs::path(directory) / "conf/server.xml", ignored)) return std::nullopt;
  Tomcat tomcat;
  tomcat.directory_ = clean(directory);
  tomcat.properties_ = std::move(system_properties);
  for (const char* name : {"catalina.base", "catalina.home"}) {
    if (tomcat.properties_.find(name) == nullptr)
      tomcat.properties_.set(name, tomcat.directory_, "the directory itself");
  }
  tomcat.read_server();
  return tomcat;
}

std::string Tomcat::expanded(const std::string& value) const {
  return expand(value, properties_).text;
}

void Tomcat::read_server() {
  server_ = try_parse(directory_ + "/conf/server.xml", findings_);
  if (server_) {
    for (const XmlElement* service : server_->all("Service")) {
      for (const XmlElement* engine : service->all("Engine")) {
        for (const XmlElement* host : engine->all("Host"))
          read_host(*host, engine->attribute_or("name", "Catalina"));
      }
    }
  }
  if (applications_.empty()) {
    read_context_files("Catalina", "localhost", directory_ + "/webapps");
    for (const std::string& name : directories_in(directory_ + "/webapps"))
      add_application(directory_ + "/webapps/" + name, "");
  }
}

void Tomcat::read_host(const XmlElement& host, const std::string& engine) {
  const std::string base =
      clean(fs::path(directory_) / expanded(host.attribute_or("appBase", "webapps")));
  for (const XmlElement* context : host.all("Context")) {
    const std::string doc_base = expanded(context->attribute_or("docBase", ""));
    if (!doc_base.empty()) add_application(clean(fs::path(base) / doc_base), "");
  }
  read_context_files(engine, host.attribute_or("name", "localhost"), base);
  for (const std::string& name : directories_in(base)) add_application(base + "/" + name, "");
}

void Tomcat::read_context_files(const std::string& engine, const std::string& host,
                                const std::string& app_base) {
  const std::string directory = clean(fs::path(directory_) / "conf" / engine / host);
  std::vector<std::string> files;
  std::error_code failure;
  for (const auto& item : fs::directory_iterator(directory, failure)) {
    if (item.path().extension() == ".xml") files.push_back(item.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    const auto context = try_parse(file, findings_);
    if (!context) continue;
    const std::string doc_base = expanded(context->attribute_or("docBase", ""));
    // docBase below appBase is passed over by Tomcat: the file's name is the application's.
    const std::string own = app_base + "/" + fs::path(file).stem().string();
    const std::string named = doc_base.empty() ? own : clean(fs::path(app_base) / doc_base);
    add_application(named.starts_with(app_base + "/") ? own : named, file);
  }
}

void Tomcat::add_application(const std::string& directory, const std::string& context_file) {
  std::error_code ignored;
  if (!fs::is_directory(fs::path(directory) / "WEB-INF", ignored)) return;
  for (WebApplication& known : applications_) {
    if (known.directory != directory) continue;
    if (known.context_file.empty()) known.context_file = context_file;
    return;
  }
  applications_.push_back({directory, context_file});
}

JndiResource Tomcat::resource_of(const XmlElement& element, const std::string& file) const {
  JndiResource resource;
  resource.name = element.attribute_or("name", "");
  resource.url = expanded(element.attribute_or("url", ""));
  resource.properties = expanded(element.attribute_or("connectionProperties", ""));
  // A data source of Microsoft's driver takes what else would stand in a URL one by one.
  if (resource.url.empty() && element.attribute("serverName") != nullptr &&
      element.attribute_or("factory", "").starts_with("com.microsoft.sqlserver.")) {
    resource.url = "jdbc:sqlserver://";
    for (const auto& [name, value] : element.attributes) {
      if (name == "password" || name == "user") continue;
      resource.url += ";" + name + "={";
      for (const char c : expanded(value)) resource.url.append(c == '}' ? 2 : 1, c);
      resource.url += "}";
    }
  }
  resource.user = expanded(element.attribute_or("username", element.attribute_or("user", "")));
  if (const std::string* password = element.attribute("password"))
    resource.password = std::make_shared<const Secret>(expanded(*password));
  resource.where = file + ":" + std::to_string(element.line);
  return resource;
}

std::optional<JndiResource> Tomcat::resource_in(const XmlElement& context, const std::string& file,
                                                std::string_view name) const {
  for (const XmlElement* element : context.all("Resource")) {
    if (element->attribute_or("name", "") == name) return resource_of(*element, file);
  }
  for (const XmlElement* link : context.all("ResourceLink")) {
    if (link->attribute_or("name", "") != name || !server_) continue;
    const std::string global = link->attribute_or("global", "");
    for (const XmlElement* resources : server_->all("GlobalNamingResources")) {
      for (const XmlElement* element : resources->all("Resource")) {
        if (element->attribute_or("name", "") == global)
          return resource_of(*element, directory_ + "/conf/server.xml");
      }
    }
  }
  return std::nullopt;
}

std::optional<JndiResource> Tomcat::resource(const std::string& application_directory,
                                             std::string_view name,
                                             std::vector<model::Finding>& findings) const {
  std::string context_file;
  for (const WebApplication& application : applications_) {
    if (application.directory == application_directory) context_file = application.context_file;
  }
  const std::string own = application_directory + "/META-INF/context.xml";
  const std::string chosen = context_file.empty() ? own : context_file;
  if (const auto context = try_parse(chosen, findings)) {
    if (auto found = resource_in(*context, chosen, name)) return found;
  }
  if (server_) {
    for (const XmlElement* service : server_->all("Service")) {
      for (const XmlElement* engine : service->all("Engine")) {
        for (const XmlElement* host : engine->all("Host")) {
          const std::string base =
              clean(fs::path(directory_) / expanded(host->attribute_or("appBase", "webapps")));
          for (const XmlElement* context : host->all("Context")) {
            const std::string doc_base = expanded(context->attribute_or("docBase", ""));
            if (clean(fs::path(base) / doc_base) != application_directory) continue;
            if (auto found = resource_in(*context, directory_ + "/conf/server.xml", name))
              return found;
          }
        }
      }
    }
  }
  const std::string usual = directory_ + "/conf/context.xml";
  if (const auto context = try_parse(usual, findings)) return resource_in(*context, usual, name);
  return std::nullopt;
}

std::vector<std::string> Tomcat::setenv_properties() const {
  std::vector<std::string> found;
  try {
    const auto text = read_configuration_file(directory_ + "/bin/setenv.sh");
    std::size_t at = 0;
    while (text && (at = text->find("-D", at)) != std::string::npos) {
      const std::size_t end = std::min(text->find_first_of(" \t\r\n\"'", at), text->size());
      const bool begins_word =
          at == 0 || std::string_view(" \t\n\"'=").find((*text)[at - 1]) != std::string_view::npos;
      if (begins_word && end > at + 2) found.push_back(text->substr(at + 2, end - at - 2));
      at = end;
    }
  } catch (const Error&) {
    return {};  // a hint less
  }
  return found;
}

model::Finding unreadable_configuration(const std::string& message) {
  model::Finding finding;
  finding.code = "magnolia-configuration-unobservable";
  finding.severity = model::Severity::blocker;
  finding.seen = message;
  finding.why = "what it configures may be left out of the copy";
  finding.mend = "Correct the file, or give this user the right to read it.";
  finding.mend_class = model::MendClass::manual;
  return finding;
}

}  // namespace holdfast::profile::magnolia
