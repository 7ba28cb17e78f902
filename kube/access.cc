#include "kube/access.h"

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "base/yaml/value.h"

namespace fairlead::kube {
namespace {

const Value* FindPath(const Value& from, std::initializer_list<const char*> path) {
  const Value* value = &from;
  for (const char* key : path) {
    value = value->Find(key);
    if (value == nullptr) return nullptr;
  }
  return value;
}

std::string TextOf(const Value& from, std::initializer_list<const char*> path) {
  const Value* value = FindPath(from, path);
  return value == nullptr || value->type == Value::Type::kNull ? "" : value->text;
}

class Kubeconfig {
 public:
  Kubeconfig(std::string file, const Value& root) : file_(std::move(file)), root_(root) {}

  absl::StatusOr<ApiAccess> Read() const {
    const std::string current = TextOf(root_, {"current-context"});
    if (current.empty()) {
      return Problem("current-context: is required; set one by kubectl config use-context NAME");
    }
    ASSIGN_OR_RETURN(const Value* context, Named("contexts", "context", current));
    ASSIGN_OR_RETURN(const Value* cluster, Named("clusters", "cluster", TextOf(*context, {"cluster"})));
    ApiAccess access;
    access.servers.push_back(TextOf(*cluster, {"server"}));
    if (absl::Status status = CheckServer(access.servers.front()); !status.ok())
      return Problem(absl::StrCat("server: ", status.message()));
    if (!TextOf(*cluster, {"proxy-url"}).empty())
      return Problem("proxy-url: is not supported; name a server that is reached directly");
    access.verify_server = TextOf(*cluster, {"insecure-skip-tls-verify"}) != "true";
    ASSIGN_OR_RETURN(access.ca, Pem(*cluster, "certificate-authority"));
    if (!TextOf(*context, {"user"}).empty()) {
      ASSIGN_OR_RETURN(const Value* user, Named("users", "user", TextOf(*context, {"user"})));
      RETURN_IF_ERROR(ReadUser(*user, &access));
    }
    return access;
  }

 private:
  absl::Status ReadUser(const Value& user, ApiAccess* access) const {
    for (const char* key : {"exec", "auth-provider", "username"}) {
      if (user.Find(key) == nullptr) continue;
      return Problem(
          absl::StrCat("user.", key, ": is not supported; give a token, tokenFile or client certificate"));
    }
    access->token = TextOf(user, {"token"});
    access->token_file = Resolved(TextOf(user, {"tokenFile"}));
    ASSIGN_OR_RETURN(access->client_certificate, Pem(user, "client-certificate"));
    ASSIGN_OR_RETURN(access->client_key, Pem(user, "client-key"));
    if (access->client_certificate.empty() != access->client_key.empty())
      return Problem("user: client-certificate and client-key are given together or not at all");
    return absl::OkStatus();
  }

  absl::StatusOr<const Value*> Named(const char* list, const char* part, const std::string& name) const {
    const Value* all = root_.Find(list);
    for (size_t i = 0; all != nullptr && i < all->items.size(); ++i) {
      const Value* found = all->items[i].Find(part);
      if (found != nullptr && TextOf(all->items[i], {"name"}) == name) return found;
    }
    return Problem(absl::StrCat(list, ": has no entry \"", name, "\" with a ", part));
  }

  absl::StatusOr<PemSource> Pem(const Value& from, const std::string& key) const {
    const std::string data_key = key + "-data";
    PemSource source;
    const std::string encoded = TextOf(from, {data_key.c_str()});
    if (!encoded.empty() && !absl::Base64Unescape(encoded, &source.data))
      return Problem(absl::StrCat(data_key, ": is no base64"));
    // As kubectl does: the data wins where both are given.
    if (source.data.empty()) source.file = Resolved(TextOf(from, {key.c_str()}));
    return source;
  }

  std::string Resolved(const std::string& path) const {
    if (path.empty() || absl::StartsWith(path, "/")) return path;
    size_t slash = file_.rfind('/');
    return slash == std::string::npos ? path : absl::StrCat(file_.substr(0, slash + 1), path);
  }

  absl::Status Problem(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat("kubeconfig ", file_, ": ", what));
  }

  std::string file_;
  const Value& root_;
};

}  // namespace

absl::Status CheckServer(const std::string& url) {
  absl::string_view rest = url;
  for (absl::string_view scheme : {"https://", "http://"}) {
    if (!absl::StartsWith(url, scheme)) continue;
    rest.remove_prefix(scheme.size());
    if (!rest.empty() && rest.find_first_of("/?#@ \t\r\n") == absl::string_view::npos)
      return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("must be https://HOST:PORT without a path, is \"", url, "\""));
}

absl::StatusOr<ApiAccess> ParseKubeconfig(const std::string& file, absl::string_view text) {
  absl::StatusOr<std::vector<Value>> documents = ParseDocuments(text);
  if (!documents.ok() || documents->size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("kubeconfig ", file, ": ",
                     documents.ok() ? "must be one YAML document" : documents.status().message()));
  }
  return Kubeconfig(file, documents->front()).Read();
}

absl::StatusOr<ApiAccess> ReadKubeconfig(const std::string& file) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(file));
  return ParseKubeconfig(file, text);
}

absl::StatusOr<ApiAccess> InClusterAccess(const std::vector<std::string>& servers,
                                          const std::string& folder) {
  ApiAccess access;
  access.servers = servers;
  if (servers.empty()) {
    const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
    const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
    if (host == nullptr || port == nullptr) {
      return absl::FailedPreconditionError(
          "--kubernetes: this process is in no pod (KUBERNETES_SERVICE_HOST and _PORT are not set); "
          "use --kubeconfig FILE, or name the server by --api-server URL");
    }
    const bool ipv6 = absl::StrContains(host, ":");
    access.servers.push_back(absl::StrCat("https://", ipv6 ? "[" : "", host, ipv6 ? "]" : "", ":", port));
  }
  access.ca.file = folder + "/ca.crt";
  access.token_file = folder + "/token";
  for (const std::string& file : {access.ca.file, access.token_file}) {
    absl::Status status = ReadFile(file).status();
    if (!status.ok()) return WrapError(status, "--kubernetes: the pod's service account is not mounted");
  }
  return access;
}

absl::StatusOr<ApiAccess> OpenAccess(const std::string& kubeconfig, const std::vector<std::string>& servers) {
  for (const std::string& server : servers) {
    if (absl::Status status = CheckServer(server); !status.ok()) return WrapError(status, "--api-server");
  }
  if (kubeconfig.empty()) return InClusterAccess(servers);
  ASSIGN_OR_RETURN(ApiAccess access, ReadKubeconfig(kubeconfig));
  if (!servers.empty()) access.servers = servers;
  return access;
}

}  // namespace fairlead::kube
