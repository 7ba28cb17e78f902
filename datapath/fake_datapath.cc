#include "datapath/fake_datapath.h"

#include <sys/eventfd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace fairlead::datapath {
namespace {

// Moves what `names` say of `wanted` into `held`, or everything; a refused object keeps its previous
// version.
template <typename T>
void TakeOver(const std::map<std::string, T>& wanted, bool complete, absl::string_view kind,
              const std::set<std::string>* names, const std::map<std::string, absl::Status>& refuse,
              std::map<std::string, T>& held, ApplyReport& report) {
  for (const auto& [name, object] : wanted) {
    auto refused = refuse.find(name);
    if (refused != refuse.end()) {
      report.failures.push_back({std::string(kind.data(), kind.size()), name, refused->second});
    } else if (names == nullptr || names->contains(name)) {
      held.insert_or_assign(name, object);
      report.writes += 1;
    }
  }
  if (!complete) return;
  report.writes += std::erase_if(held, [&](const auto& entry) {
    return !wanted.contains(entry.first) && (names == nullptr || names->contains(entry.first));
  });
}

}  // namespace

FakeDatapath::FakeDatapath() : events_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

absl::StatusOr<ApplyReport> FakeDatapath::Apply(const DesiredState& desired, const StateChanges& changes,
                                                bool verify) {
  ++applies;
  if (verify) ++verifies;
  told = changes;
  if (!apply_status.ok()) return apply_status;
  ApplyReport report;
  const bool all = changes.all || verify;
  const auto named = [&](const std::set<std::string>& names) { return all ? nullptr : &names; };
  if (all || changes.settings) applied.settings = desired.settings;
  applied.complete = desired.complete;
  const bool complete = desired.complete;
  TakeOver(desired.nodes, complete, "Node", named(changes.nodes), refuse, applied.nodes, report);
  TakeOver(desired.groups, complete, "AddressGroup", named(changes.groups), refuse, applied.groups, report);
  TakeOver(desired.sets, complete, "PolicySet", named(changes.sets), refuse, applied.sets, report);
  TakeOver(desired.endpoints, complete, "Endpoint", named(changes.endpoints), refuse, applied.endpoints,
           report);
  TakeOver(desired.services, complete, "Service", named(changes.services), refuse, applied.services, report);
  return report;
}

absl::Status FakeDatapath::SetMark(const std::string& now) {
  if (mark_status.ok()) mark = now;
  return mark_status;
}

absl::Status FakeDatapath::AttachPod(uint32_t ifindex) {
  if (!attach_status.ok()) return attach_status;
  attached.insert(ifindex);
  return absl::OkStatus();
}

absl::Status FakeDatapath::DetachPod(uint32_t ifindex) {
  attached.erase(ifindex);
  std::erase_if(applied.endpoints, [&](const auto& entry) { return entry.second.ifindex == ifindex; });
  return absl::OkStatus();
}

absl::Status FakeDatapath::CheckEndpoint(const std::string& key) const {
  auto endpoint = applied.endpoints.find(key);
  if (endpoint == applied.endpoints.end()) {
    return absl::NotFoundError(absl::StrCat("check endpoint ", key, ": it was never applied"));
  }
  if (!attached.contains(endpoint->second.ifindex)) {
    return absl::FailedPreconditionError(
        absl::StrCat("check endpoint ", key, ": no program is attached to its link"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Explanation> FakeDatapath::Explain(const ExplainRequest&) const {
  if (!explain_status.ok()) return explain_status;
  return explanation;
}

std::vector<MapUsage> FakeDatapath::Maps() const {
  return {{"endpoint", applied.endpoints.size(), 1024, uint64_t{1024} * 68}, ConnectionTable()};
}

std::vector<AttachedProgram> FakeDatapath::Programs() const {
  std::vector<AttachedProgram> programs;
  programs.reserve(attached.size());
  for (uint32_t ifindex : attached) {
    programs.push_back({absl::StrCat("clsact ingress of device ", ifindex), "pod_egress", 1, true});
  }
  return programs;
}

std::vector<SetState> FakeDatapath::Sets() const {
  std::vector<SetState> sets;
  for (const auto& [name, set] : applied.sets) {
    SetState state{.name = name, .generation = 1, .epoch = 1};
    for (const auto& [key, endpoint] : applied.endpoints) {
      if (endpoint.ingress_set == name || endpoint.egress_set == name) ++state.endpoints;
    }
    sets.push_back(state);
  }
  return sets;
}

absl::StatusOr<uint32_t> FakeDatapath::ReadConnections(
    uint32_t place, uint32_t limit, const std::function<void(const Connection&)>& visit) const {
  const size_t end = std::min(connections.size(), size_t{place} + limit);
  for (size_t i = place; i < end; ++i) visit(connections[i]);
  if (end > place) {
    connections_read += end - place;
    longest_read = std::max<uint64_t>(longest_read, end - place);
  }
  return end < connections.size() ? static_cast<uint32_t>(end) : 0;
}

void FakeDatapath::AddEvent(const FlowEvent& event) {
  events_.push_back(event);
  eventfd_write(events_fd_.get(), 1);
}

int FakeDatapath::ReadEvents(int limit, const std::function<void(const FlowEvent&)>& visit) {
  int count = 0;
  while (count < limit && !events_.empty()) {
    visit(events_.front());
    events_.pop_front();
    ++count;
  }
  eventfd_t ignored;
  if (events_.empty()) eventfd_read(events_fd_.get(), &ignored);
  return count;
}

}  // namespace fairlead::datapath
