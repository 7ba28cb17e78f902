// How to reach an API server, and as whom: from a kubeconfig or from what a pod is given. Files are
// named rather than held where they may be rotated: they are read again for each request.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead::kube {

// A PEM text, or the file that holds it; neither: none.
struct PemSource {
  std::string file;
  std::string data;

  bool empty() const { return file.empty() && data.empty(); }
};

struct ApiAccess {
  std::vector<std::string> servers;  // "https://10.0.0.1:6443"; asked in this order when one fails
  PemSource ca;                      // none: the system's
  PemSource client_certificate;
  PemSource client_key;
  std::string token_file;
  std::string token;
  bool verify_server = true;
};

// The current context of a kubeconfig. `file`: where it is; relative names in it start there.
absl::StatusOr<ApiAccess> ParseKubeconfig(const std::string& file, absl::string_view text);
absl::StatusOr<ApiAccess> ReadKubeconfig(const std::string& file);

// Of a pod's service account. `servers`: none for the one in the environment, a virtual address that does not
// work before Services do. `folder`: where the kubelet mounts the account's token and CA.
absl::StatusOr<ApiAccess> InClusterAccess(
    const std::vector<std::string>& servers = {},
    const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

// What a program's --kubeconfig FILE or, where that is empty, --kubernetes means, with --api-server URL...
absl::StatusOr<ApiAccess> OpenAccess(const std::string& kubeconfig, const std::vector<std::string>& servers);

// "https://HOST:PORT", without a path; http is for tests and proxies on this machine.
absl::Status CheckServer(const std::string& url);

}  // namespace fairlead::kube
