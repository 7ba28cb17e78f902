// A unix socket on this machine whose connections end at a unix socket inside a pod: "kubectl exec" runs
// `fairlead relay` there, and both copy bytes. So gRPC reaches an agent that listens on no network, with the
// rights that the user has to exec, and with every request that it knows, streams as well.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "cli/kube/fairlead_pods.h"
#include "cli/kube/kubectl.h"

namespace fairlead::cli {

class ExecTunnel {
 public:
  // Listens at `path`; starts nothing before somebody connects. `remote`: the socket in the pod.
  static absl::StatusOr<std::unique_ptr<ExecTunnel>> Open(const std::string& path, const Kubectl& kubectl,
                                                          const FairleadPod& pod, const std::string& remote);
  // Ends what runs.
  ~ExecTunnel();
  ExecTunnel(const ExecTunnel&) = delete;
  ExecTunnel& operator=(const ExecTunnel&) = delete;

  // What kubectl said on stderr last; "" when it said nothing.
  std::string LastError() const;

 private:
  struct Connection {
    lab::Process process;
    UniqueFd said;  // its stderr
  };

  ExecTunnel(UniqueFd listener, UniqueFd stop, std::string path, std::vector<std::string> argv);
  void Serve();
  void Connect(UniqueFd connection);

  UniqueFd listener_, stop_;
  std::string path_;
  std::vector<std::string> argv_;
  mutable std::mutex mutex_;
  std::vector<Connection> connections_;
  std::string failure_;
  std::thread thread_;
};

}  // namespace fairlead::cli
