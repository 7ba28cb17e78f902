// Runs the pods of one node, as its kubelet would: a thread that makes what is running equal to what the
// latest snapshot says, and publishes each change in the node's pods.json.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "cli/lab/pod.h"
#include "cli/lab/workload.h"

namespace fairlead::lab {

class NodeRunner {
 public:
  // `changed` is called from the thread after each publication.
  NodeRunner(PodHost host, std::string pods_file, std::string scratch_dir, std::function<void()> changed);
  // Ends the thread; the pods run on.
  ~NodeRunner();
  NodeRunner(const NodeRunner&) = delete;
  NodeRunner& operator=(const NodeRunner&) = delete;

  // Pods of other nodes are ignored.
  void Want(const Snapshot& snapshot);

 private:
  void Run();
  // True when something changed.
  bool Reconcile(int64_t now_ns);
  bool StopUnwanted();
  void Publish();
  void WaitForWork();

  const PodHost host_;
  const std::string pods_file_;
  const std::string scratch_dir_;
  const std::function<void()> changed_;
  UniqueFd wake_;  // eventfd
  std::atomic<bool> ending_ = false;

  std::mutex mutex_;
  Snapshot latest_;  // guarded by mutex_

  // Of the thread.
  Snapshot wanted_;
  std::map<std::string, std::unique_ptr<Pod>> pods_;  // by UID
  std::thread thread_;
};

}  // namespace fairlead::lab
