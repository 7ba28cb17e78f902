#include "cli/rpc/workload_watch.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "api/workloads.grpc.pb.h"
#include "cli/rpc/channel.h"
#include "spdlog/spdlog.h"

namespace fairlead::cli {
namespace {

using workloads::v1::Workloads;

lab::Container FromProto(const workloads::v1::Container& proto) {
  lab::Container container{.name = proto.name(),
                           .image = proto.image(),
                           .command = {proto.command().begin(), proto.command().end()},
                           .args = {proto.args().begin(), proto.args().end()},
                           .working_dir = proto.working_dir()};
  for (const auto& [name, value] : proto.env()) container.env.emplace_back(name, value);
  for (const auto& port : proto.ports()) {
    container.ports.push_back({.name = port.name(),
                               .port = static_cast<uint16_t>(port.port()),
                               .protocol = static_cast<uint8_t>(port.protocol()),
                               .host_port = static_cast<uint16_t>(port.host_port()),
                               .host_ip = port.host_ip()});
  }
  return container;
}

lab::Snapshot FromProto(const workloads::v1::Snapshot& proto) {
  lab::Snapshot snapshot{.watermark = proto.watermark()};
  for (const auto& pod : proto.pods()) {
    lab::Workload workload{.namespace_name = pod.namespace_(),
                           .name = pod.name(),
                           .uid = pod.uid(),
                           .node = pod.node(),
                           .host_network = pod.host_network(),
                           .owner = pod.owner()};
    for (const auto& container : pod.containers()) workload.containers.push_back(FromProto(container));
    snapshot.pods.push_back(std::move(workload));
  }
  return snapshot;
}

}  // namespace

struct WorkloadWatch::State {
  std::mutex mutex;
  std::condition_variable wake;
  bool ending = false;
  grpc::ClientContext* context = nullptr;  // of the stream under way
};

WorkloadWatch::WorkloadWatch(std::string target, std::function<void(const lab::Snapshot&)> seen)
    : target_(std::move(target)),
      seen_(std::move(seen)),
      state_(std::make_unique<State>()),
      thread_([this] { Run(); }) {}

WorkloadWatch::~WorkloadWatch() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
    if (state_->context != nullptr) state_->context->TryCancel();
  }
  state_->wake.notify_all();
  thread_.join();
}

void WorkloadWatch::Run() {
  const auto channel = OpenChannel(target_);
  Workloads::Stub stub(channel);
  bool complained = false;
  while (true) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->ending) return;
      state_->context = &context;
    }
    const auto reader = stub.Watch(&context, workloads::v1::WatchRequest());
    workloads::v1::Snapshot snapshot;
    while (reader->Read(&snapshot)) {
      complained = false;
      seen_(FromProto(snapshot));
    }
    const grpc::Status status = reader->Finish();
    std::unique_lock lock(state_->mutex);
    state_->context = nullptr;
    if (!state_->ending && !complained) {
      complained = true;
      spdlog::warn("{}", std::string(FromGrpc(status, "workloads", target_).message()));
    }
    state_->wake.wait_for(lock, std::chrono::milliseconds(100), [this] { return state_->ending; });
  }
}

}  // namespace fairlead::cli
