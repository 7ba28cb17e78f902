// An agent's datapath on a kernel in memory: what Open makes and the process's end takes away. As the
// agent does, it tells of every state but the first only what differs from the one before.
//
//   FakeKernel kernel;
//   FakeNode node(kernel);
//   ASSERT_TRUE(node.Apply(state).empty());
#pragma once

#include <optional>
#include <string>

#include "datapath/fake_kernel.h"
#include "datapath/reconciler.h"

namespace fairlead::datapath {

// What the agent would say of the step from `first` to `second`.
StateChanges ChangesBetween(const DesiredState& first, const DesiredState& second);

class FakeNode {
 public:
  explicit FakeNode(FakeKernel& kernel, uint32_t first_epoch = 0);

  Failures Apply(const DesiredState& state, bool verify = false);

  const WriteStats& stats() const { return stats_; }
  const Reconciler& reconciler() const { return reconciler_; }

 private:
  class NoLinks : public PodLinks {
   public:
    absl::Status Connect(const LocalEndpoint&) override { return absl::OkStatus(); }
    absl::Status Disconnect(const LocalEndpoint&) override { return absl::OkStatus(); }
  };

  WriteStats stats_;
  NoLinks links_;
  Reconciler reconciler_;
  std::optional<DesiredState> before_;
};

}  // namespace fairlead::datapath
