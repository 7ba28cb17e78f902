#include "agent/kubernetes/kubernetes_node.h"

#include <utility>

#include "absl/memory/memory.h"
#include "api/identity_names.h"
#include "base/clock.h"
#include "base/status_macros.h"

namespace fairlead::agent {

absl::StatusOr<std::unique_ptr<KubernetesNode>> KubernetesNode::Open(const Options& options, EventLoop* loop,
                                                                     NodeAgent* agent) {
  ASSIGN_OR_RETURN(kube::ApiAccess access,
                   kube::OpenAccess(options.kubernetes.kubeconfig, options.kubernetes.api_servers));
  ASSIGN_OR_RETURN(std::unique_ptr<kube::ApiClient> api, kube::ApiClient::Start(std::move(access), loop));
  return absl::WrapUnique(new KubernetesNode(options, loop, agent, std::move(api)));
}

KubernetesNode::KubernetesNode(const Options& options, EventLoop* loop, NodeAgent* agent,
                               std::unique_ptr<kube::ApiClient> api)
    : api_(std::move(api)),
      signer_(loop),
      finder_(
          {.node = options.sync.node,
           .namespace_name = options.kubernetes.namespace_name,
           .port = options.kubernetes.controller_port,
           .cache_file = options.state_dir + "/controllers"},
          loop, api_.get(), [this](std::vector<std::string> found) { OnFound(std::move(found)); },
          [agent](const absl::Status& status) { agent->Note("ControllersFound", status); }),
      marker_({.node = options.sync.node, .taint = options.kubernetes.startup_taint}, loop, api_.get(),
              [agent](const absl::Status& status) { agent->Note("NodeMarked", status); }) {
  if (!options.sync.tls_ca.empty()) return;
  identity_.emplace(
      AgentIdentity::Options{.node = options.sync.node,
                             .namespace_name = options.kubernetes.namespace_name,
                             .file = options.state_dir + "/identity.pem"},
      loop, &SystemClock(),
      [this](kube::ApiRequest request, kube::ApiClient::Done done) {
        api_->Call(std::move(request), std::move(done));
      },
      &signer_,
      AgentIdentity::Listener{
          .on_renewed = [this] { sync_->ConnectNow(); },
          .note = [agent](const absl::Status& status) { agent->Note("CertificateHeld", status); }});
}

void KubernetesNode::Complete(SyncOptions* sync) {
  // Controllers are reached by addresses that come and go.
  if (sync->tls_server_name.empty()) sync->tls_server_name = kControllerName;
  if (identity_) sync->tls = &*identity_;
  sync->on_loss = [this](bool all_tried) { OnLoss(all_tried); };
}

void KubernetesNode::Start(SyncClient* sync) {
  sync_ = sync;
  if (identity_) identity_->Start();
  finder_.Start();
}

void KubernetesNode::OnFound(std::vector<std::string> controllers) {
  if (identity_) identity_->SetControllers(controllers);
  sync_->SetControllers(std::move(controllers));
}

void KubernetesNode::OnLoss(bool all_tried) {
  if (sync_ != nullptr) finder_.LookAgain(all_tried);
}

}  // namespace fairlead::agent
