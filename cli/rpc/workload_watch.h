// Follows the controller's word on which pods run where, and reconnects whenever the stream ends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "cli/lab/workload.h"

namespace fairlead::cli {

class WorkloadWatch {
 public:
  // `seen` is called from a thread of the watch, for every snapshot.
  WorkloadWatch(std::string target, std::function<void(const lab::Snapshot&)> seen);
  ~WorkloadWatch();
  WorkloadWatch(const WorkloadWatch&) = delete;
  WorkloadWatch& operator=(const WorkloadWatch&) = delete;

 private:
  struct State;
  void Run();

  std::string target_;
  std::function<void(const lab::Snapshot&)> seen_;
  std::unique_ptr<State> state_;
  std::thread thread_;
};

}  // namespace fairlead::cli
