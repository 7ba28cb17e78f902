#include "datapath/reconciler.h"

#include <algorithm>

namespace fairlead::datapath {

Reconciler::Reconciler(KernelMaps& kernel, WriteStats& stats, PodLinks& links, uint32_t first_epoch)
    : kernel_(kernel),
      names_(kernel, stats),
      topology_(kernel, stats),
      policy_(kernel, stats, names_, first_epoch),
      endpoints_(kernel, stats, topology_, policy_.sets(), links),
      services_(kernel, stats) {}

absl::Status Reconciler::Load() {
  RETURN_IF_ERROR(names_.Load());
  RETURN_IF_ERROR(topology_.Load());
  RETURN_IF_ERROR(policy_.Load());
  RETURN_IF_ERROR(endpoints_.Load());
  return services_.Load();
}

void Reconciler::Publish(const DesiredState& desired, const StateChanges& changes, const NodeFacts& facts,
                         Failures& failures) {
  topology_.Publish(desired, changes, facts, failures);
  policy_.Publish(desired, changes, failures);
  services_.Publish(desired, changes, failures);
  endpoints_.Publish(desired, changes, failures);
}

void Reconciler::Apply(const DesiredState& desired, const StateChanges& told, const NodeFacts& facts,
                       bool verify, Failures& failures) {
  StateChanges changes = told;
  // Everything that was kept until all is known is looked at again.
  changes.all |= verify || !desired.complete || !was_complete_;
  was_complete_ = desired.complete;
  Publish(desired, changes, facts, failures);
  const bool something_full = std::any_of(failures.begin(), failures.end(), [](const auto& failure) {
    return absl::IsResourceExhausted(failure.status);
  });
  if (something_full && HasGarbage() && Reclaim().ok()) {
    failures.clear();
    Publish(desired, changes, facts, failures);
  }
  services_.Retire(desired, failures);
  endpoints_.Retire(desired, changes, failures);
  policy_.Retire(desired, changes, [this] { return endpoints_.SetsInUse(); }, failures);
  topology_.Retire(desired, changes, failures);
  if (const absl::Status status = topology_.PublishRouteEpoch(); !status.ok()) {
    Fail(failures, "NodeConfig", desired.settings.node, status);
  }
  if (!verify) return;
  absl::Status status = Verify();
  if (status.ok() && desired.complete && HasGarbage()) status = Reclaim();
  if (!status.ok()) Fail(failures, "NodeConfig", desired.settings.node, WrapError(status, "verify the maps"));
}

absl::Status Reconciler::Reclaim() {
  kernel_.WaitForReaders();
  endpoints_.Reclaim();
  services_.Reclaim();
  return policy_.Reclaim();
}

absl::Status Reconciler::Verify() {
  RETURN_IF_ERROR(topology_.Verify());
  RETURN_IF_ERROR(policy_.Verify());
  RETURN_IF_ERROR(endpoints_.Verify());
  RETURN_IF_ERROR(services_.Verify());
  return names_.Verify();
}

std::map<std::string, uint64_t> Reconciler::ArraysInUse() const {
  const SetTable& sets = policy_.sets();
  const BackendStore& backends = services_.backends();
  return {{"endpoint", endpoints_.size()},
          {"node", topology_.nodes_used()},
          {"policy_set", sets.used()},
          {"policy_generation", sets.generations().generations_used()},
          {"policy_rule", sets.generations().rules_used()},
          {"row_word", sets.generations().words_used()},
          {"backend", backends.backends_used()},
          {"backend_id", backends.ids_used()}};
}

}  // namespace fairlead::datapath
