#include <utility>

#include "api/workloads.grpc.pb.h"
#include "controller/server/identity.h"
#include "controller/server/services.h"

namespace fairlead::controller {
namespace {

workloads::v1::Snapshot SnapshotOf(const Controller& controller) {
  workloads::v1::Snapshot snapshot;
  snapshot.set_watermark(controller.source().watermark());
  for (const auto& [uid, pod] : controller.store().cluster().pods) {
    if (pod.terminated) continue;  // has run to its end: nothing is to run
    workloads::v1::Workload* workload = snapshot.add_pods();
    workload->set_namespace_(pod.namespace_name);
    workload->set_name(pod.name);
    workload->set_uid(uid);
    workload->set_node(pod.node);
    workload->set_host_network(pod.host_network);
    workload->set_owner(pod.owner);
    for (const Container& from : pod.containers) {
      workloads::v1::Container* container = workload->add_containers();
      container->set_name(from.name);
      container->set_image(from.image);
      for (const std::string& word : from.command) container->add_command(word);
      for (const std::string& word : from.args) container->add_args(word);
      container->mutable_env()->insert(from.env.begin(), from.env.end());
      container->set_working_dir(from.working_dir);
      for (const ContainerPort& from_port : from.ports) {
        workloads::v1::ContainerPort* port = container->add_ports();
        port->set_name(from_port.name);
        port->set_port(from_port.number);
        port->set_protocol(static_cast<uint32_t>(from_port.protocol));
        port->set_host_port(from_port.host_port);
        port->set_host_ip(from_port.host_ip);
      }
    }
  }
  return snapshot;
}

// One watcher. What changes while a snapshot is being written is one newer snapshot afterwards.
class WatchStream : public grpc::ServerWriteReactor<workloads::v1::Snapshot> {
 public:
  WatchStream(EventLoop* loop, Controller* controller) : loop_(loop), controller_(controller) {
    loop_->Post([this] {
      id_ = controller_->OnChange([this] { Update(); });
      Update();
    });
  }

  void OnWriteDone(bool ok) override {
    loop_->Post([this, ok] {
      writing_ = false;
      if (!ok) {
        End();
      } else if (stale_) {
        Update();
      }
    });
  }
  void OnCancel() override {
    loop_->Post([this] { End(); });
  }
  void OnDone() override {
    loop_->Post([this] { delete this; });
  }

 private:
  void Update() {
    if (finished_) return;
    stale_ = writing_;
    if (writing_) return;
    snapshot_ = SnapshotOf(*controller_);
    writing_ = true;
    StartWrite(&snapshot_);
  }
  void End() {
    if (std::exchange(finished_, true)) return;
    controller_->StopOnChange(id_);
    Finish(grpc::Status::OK);
  }

  EventLoop* loop_;
  Controller* controller_;
  uint64_t id_ = 0;
  workloads::v1::Snapshot snapshot_;
  bool writing_ = false;
  bool stale_ = false;
  bool finished_ = false;
};

// A watcher that is not let in.
class RefusedStream : public grpc::ServerWriteReactor<workloads::v1::Snapshot> {
 public:
  RefusedStream() {
    Finish({grpc::StatusCode::PERMISSION_DENIED,
            "the client certificate is a node's, which does not see all pods"});
  }
  void OnDone() override { delete this; }
};

class WorkloadsService : public workloads::v1::Workloads::CallbackService {
 public:
  WorkloadsService(EventLoop* loop, Controller* controller) : loop_(loop), controller_(controller) {}

  grpc::ServerWriteReactor<workloads::v1::Snapshot>* Watch(grpc::CallbackServerContext* context,
                                                           const workloads::v1::WatchRequest*) override {
    if (!MaySeeCluster(IdentityOf(*context))) return new RefusedStream();
    return new WatchStream(loop_, controller_);
  }

 private:
  EventLoop* loop_;
  Controller* controller_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeWorkloadsService(EventLoop* loop, Controller* controller) {
  return std::make_unique<WorkloadsService>(loop, controller);
}

}  // namespace fairlead::controller
