// An agent of a cluster, from the list of pods at the API server to a stream with the real controller.
#include "agent/kubernetes/kubernetes_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/kubernetes/node_patches.h"
#include "datapath/fake_datapath.h"
#include "tests/agent/eventually.h"
#include "tests/agent/scratch_folder.h"
#include "tests/controller/certificates.h"
#include "tests/controller/manifests.h"
#include "tests/controller/test_controller.h"
#include "tests/kube/json_api_server.h"

namespace fairlead::agent {
namespace {

using nlohmann::json;

class KubernetesNodeTest : public ::testing::Test {
 protected:
  KubernetesNodeTest() {
    manifests_.Put("nodes.yaml", controller::NodeYaml("n1", 1));
    controller_ = std::make_unique<controller::TestController>(manifests_.path(), ca_.Sign("controller"));
    std::ofstream(folder_ / "kubeconfig")
        << "{current-context: c, contexts: [{name: c, context: {cluster: c}}], clusters: [{name: c, cluster: "
           "{server: \""
        << server_.url() << "\"}}]}";
    server_.Put(
        "/api/v1/namespaces/kube-system/pods/controller-1",
        {{"metadata",
          {{"name", "controller-1"},
           {"labels",
            {{"app.kubernetes.io/name", "fairlead"}, {"app.kubernetes.io/component", "controller"}}}}},
         {"status", {{"phase", "Running"}, {"podIP", "127.0.0.1"}}}});
    server_.Put(
        "/api/v1/nodes/n1",
        {{"metadata", {{"name", "n1"}}},
         {"spec", {{"taints", {{{"key", "fairlead.io/agent-not-ready"}, {"effect", "NoSchedule"}}}}}}});
  }
  ~KubernetesNodeTest() override {
    loop_->Stop();
    if (owner_.joinable()) owner_.join();
    sync_.reset();
    node_.reset();
    loop_->Drain();
  }

  void Start() {
    const controller::TlsFiles files = ca_.Sign("system:fairlead:node:n1");
    options_.sync = {.node = "n1",
                     .version = "test",
                     .tls_ca = files.ca,
                     .tls_cert = files.cert,
                     .tls_key = files.key,
                     .tls_server_name = "localhost"};
    options_.state_dir = folder_.path();
    options_.kubernetes.kubeconfig = folder_ / "kubeconfig";
    options_.kubernetes.controller_port = static_cast<uint16_t>(controller_->port());
    node_ = KubernetesNode::Open(options_, loop_.get(), &agent_).value();
    node_->Complete(&options_.sync);
    sync_ = SyncClient::Create(loop_.get(), &agent_, options_.sync).value();
    sync_->Start();
    node_->Start(sync_.get());
    owner_ = std::thread([this] { loop_->Run(); });
  }
  template <typename Holds>
  bool Eventually(Holds holds) {
    return EventuallyOn(*loop_, holds);
  }
  bool Is(const std::string& condition) const {
    const Condition* found = agent_.conditions().Find(condition);
    return found != nullptr && found->ok;
  }

  ScratchFolder folder_;
  controller::ScratchFolder manifests_;
  controller::TestCa ca_;
  std::unique_ptr<controller::TestController> controller_;
  kube::JsonApiServer server_;
  Options options_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  datapath::FakeDatapath datapath_;
  NodeAgent agent_{
      {.node = "n1", .state_file = folder_ / "last-good"}, loop_.get(), &datapath_, &SystemClock()};
  std::unique_ptr<KubernetesNode> node_;
  std::unique_ptr<SyncClient> sync_;
  std::thread owner_;
};

TEST_F(KubernetesNodeTest, FindsItsControllerAndMarksItsNode) {
  Start();
  ASSERT_TRUE(Eventually([&] { return agent_.Ready().ok(); }));
  EXPECT_TRUE(Eventually([&] { return Is("ControllersFound") && Is("ControllerConnected"); }));
  loop_->Post([this] { node_->MarkNode(); });
  EXPECT_TRUE(Eventually([&] { return Is("NodeMarked"); }));
  const json node = server_.Get("/api/v1/nodes/n1").value();
  EXPECT_FALSE(TaintRemoval(node, options_.kubernetes.startup_taint));
  EXPECT_FALSE(NetworkAvailable(node, absl::Now()));
}

TEST_F(KubernetesNodeTest, ComesUpFromDiskWhileTheApiServerIsAway) {
  std::ofstream(folder_ / "controllers") << "127.0.0.1:" << controller_->port();
  server_.Stop();
  Start();
  EXPECT_TRUE(Eventually([&] { return Is("ControllerConnected"); }));
  EXPECT_TRUE(Eventually([&] { return !Is("ControllersFound"); }));
}

}  // namespace
}  // namespace fairlead::agent
