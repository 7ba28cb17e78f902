#include "cli/lab/node_runner.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "cli/lab/files.h"
#include "spdlog/spdlog.h"

namespace fairlead::lab {

NodeRunner::NodeRunner(PodHost host, std::string pods_file, std::string scratch_dir,
                       std::function<void()> changed)
    : host_(std::move(host)),
      pods_file_(std::move(pods_file)),
      scratch_dir_(std::move(scratch_dir)),
      changed_(std::move(changed)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {}

NodeRunner::~NodeRunner() {
  ending_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void NodeRunner::Want(const Snapshot& snapshot) {
  {
    const std::lock_guard lock(mutex_);
    latest_.watermark = snapshot.watermark;
    latest_.pods.clear();
    for (const Workload& pod : snapshot.pods) {
      if (pod.node == host_.node) latest_.pods.push_back(pod);
    }
  }
  ::eventfd_write(wake_.get(), 1);
}

void NodeRunner::Run() {
  uint64_t published = 0;
  while (!ending_) {
    {
      const std::lock_guard lock(mutex_);
      wanted_ = latest_;
    }
    const bool changed = Reconcile(SystemClock().MonotonicNs());
    if (changed || wanted_.watermark != published) {
      published = wanted_.watermark;
      Publish();
    }
    WaitForWork();
  }
}

bool NodeRunner::Reconcile(int64_t now_ns) {
  bool changed = StopUnwanted();
  for (const Workload& workload : wanted_.pods) {
    std::unique_ptr<Pod>& pod = pods_[workload.uid];
    if (pod == nullptr) pod = std::make_unique<Pod>(host_, workload, now_ns);
    const std::string message = pod->status().message;
    if (pod->Advance(SystemClock().MonotonicNs())) {
      changed = true;
      const PodStatus& status = pod->status();
      if (status.message.empty() || status.message != message) {
        spdlog::info("{}: {} {}", status.full_name(), status.phase, status.message);
      }
    }
  }
  return changed;
}

bool NodeRunner::StopUnwanted() {
  std::set<std::string> wanted;
  for (const Workload& workload : wanted_.pods) wanted.insert(workload.uid);
  bool changed = false;
  for (auto it = pods_.begin(); it != pods_.end();) {
    if (wanted.count(it->first) != 0) {
      ++it;
      continue;
    }
    const absl::Status status = it->second->Stop();
    changed = true;
    if (status.ok()) {
      spdlog::info("{}: stopped", it->second->workload().full_name());
      it = pods_.erase(it);
    } else {
      spdlog::warn("{}: stop: {}; trying again", it->second->workload().full_name(),
                   std::string(status.message()));
      ++it;
    }
  }
  return changed;
}

void NodeRunner::Publish() {
  std::vector<PodStatus> pods;
  for (const auto& [uid, pod] : pods_) pods.push_back(pod->status());
  std::sort(pods.begin(), pods.end(),
            [](const auto& a, const auto& b) { return a.full_name() < b.full_name(); });
  const absl::Status status =
      WriteFileAtomically(pods_file_, PodsToJsonText(pods, wanted_.watermark), scratch_dir_);
  if (!status.ok()) spdlog::error("publish the pods of {}: {}", host_.node, std::string(status.message()));
  changed_();
}

void NodeRunner::WaitForWork() {
  std::vector<pollfd> interests{{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  int64_t next_ns = INT64_MAX;
  std::set<std::string> wanted;
  for (const Workload& workload : wanted_.pods) wanted.insert(workload.uid);
  for (const auto& [uid, pod] : pods_) {
    for (const int fd : pod->wait_fds()) interests.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    const int64_t retry_stop_ns = SystemClock().MonotonicNs() + 1'000'000'000;
    next_ns = std::min(next_ns, wanted.count(uid) != 0 ? pod->next_ns() : retry_stop_ns);
  }
  int timeout_ms = -1;
  if (next_ns != INT64_MAX) {
    const int64_t left_ns = next_ns - SystemClock().MonotonicNs();
    timeout_ms = static_cast<int>(std::clamp<int64_t>((left_ns + 999'999) / 1'000'000, 0, 60'000));
  }
  ::poll(interests.data(), interests.size(), timeout_ms);
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
}

}  // namespace fairlead::lab
