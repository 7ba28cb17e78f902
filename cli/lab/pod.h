// One pod on its way from manifest to running processes and back: namespace, CNI ADD, containers;
// stop, CNI DEL, nothing left. Steps that fail are tried again later; what had been done stays done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/unique_fd.h"
#include "cli/lab/cni_call.h"
#include "cli/lab/process.h"
#include "cli/lab/workload.h"

namespace fairlead::lab {

// What all pods of a node share.
struct PodHost {
  CniNode cni;
  std::string node;
  std::string probe_program;
  std::string hosts_file;
  std::string pods_dir;                     // a folder a pod: its namespace
  std::string cgroup;                       // of the node's pods
  std::string log_dir;                      // a file a container
  std::vector<std::string> node_addresses;  // what host-network pods have
};

class Pod {
 public:
  Pod(const PodHost& host, Workload workload, int64_t now_ns);

  const Workload& workload() const { return workload_; }
  const PodStatus& status() const { return status_; }
  // Goes on as far as it can. True when the status changed.
  bool Advance(int64_t now_ns);
  // When to call Advance even if nothing happens; INT64_MAX: never.
  int64_t next_ns() const;
  // Readable when a container has ended.
  std::vector<int> wait_fds() const;
  // Stops the containers and releases everything. An error leaves the pod to be stopped again.
  absl::Status Stop();

 private:
  struct Running {
    std::optional<Process> process;
    int restarts = 0;
    int64_t start_at_ns = 0;  // not before
  };

  absl::Status MakeSandbox();
  absl::Status StartContainer(const Container& container, Running& running);
  void ReapContainers(int64_t now_ns);
  void Retry(int64_t now_ns, const absl::Status& status);

  const PodHost& host_;
  Workload workload_;
  PodStatus status_;
  CniAttachment attachment_;
  int64_t seen_ns_;
  UniqueFd netns_;
  bool added_ = false;
  int failures_ = 0;
  int64_t retry_at_ns_ = 0;
  std::vector<Running> containers_;  // as workload_.containers
};

}  // namespace fairlead::lab
