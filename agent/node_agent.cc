#include "agent/node_agent.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/files.h"
#include "agent/persisted_state.h"
#include "base/first_few.h"
#include "base/status_macros.h"
#include "policy/policies_of.h"
#include "spdlog/spdlog.h"

namespace fairlead::agent {
namespace {

constexpr int kEventBatch = 1024;
// Events that are too few to wake anybody are looked for this often.
constexpr std::chrono::milliseconds kEventsInterval(50);
constexpr int64_t kRetryRefusedNs = 60'000'000'000;
constexpr char kHolding[] =
    "the state on disk is not the one that the kernel holds (the agent ended before it could save it): pods "
    "keep the policy and the Services that they have, and new pods wait, until a controller has answered; "
    "see ControllerConnected";

// To what the controller hears of, for only of these it tells when they have gone; policies and pods before
// the groups that they wait for.
void Shorten(std::vector<ResourceError>& errors) {
  if (errors.size() <= kMaxNackErrors) return;
  std::stable_partition(errors.begin(), errors.end(), [](const ResourceError& error) {
    return error.id.kind != ResourceKind::kAddressGroup;
  });
  errors.resize(kMaxNackErrors);
}

}  // namespace

NodeAgent::NodeAgent(NodeAgentOptions options, EventLoop* loop, datapath::Datapath* datapath,
                     const Clock* clock)
    : options_(std::move(options)),
      loop_(loop),
      datapath_(datapath),
      clock_(clock),
      state_(options_.node),
      conditions_(clock) {
  writer_ = std::make_unique<StateWriter>(options_.state_file, [this](const absl::Status& status) {
    loop_->Post([this, status] {
      const absl::Status shown = WrapError(
          status, "save the state for the next start (the node goes on; make room, or mend the folder)");
      if (conditions_.Set("StateSaved", shown) && !status.ok())
        spdlog::error("{}", std::string(shown.message()));
      if (!status.ok()) SaveSoon();
    });
  });
  conditions_.Set("ControllerConnected", false, "not connected yet");
  conditions_.Set("NodeConfigured", false, "the controller has not sent this node's NodeConfig yet");
  conditions_.Set("PolicyRealised", true, "");
}

NodeAgent::~NodeAgent() = default;

void NodeAgent::LoadState() {
  absl::StatusOr<SavedState> saved = LoadSavedState(options_.state_file);
  absl::Status status = saved.status();
  if (saved.ok()) {
    std::vector<ResourceError> errors = state_.Stage(std::move(saved->changes));
    if (errors.empty()) {
      state_.Commit();
      conditions_.Set("NodeConfigured", true, "");
      watermark_ = saved->watermark;
      saved_digest_ = state_.Digest();
      spdlog::info("took up {} resources from {}", state_.versions().size(), options_.state_file);
    } else {
      status = absl::DataLossError(
          absl::StrCat(KindName(errors[0].id.kind), " ", errors[0].id.name, " ", errors[0].message));
    }
  }
  if (absl::IsNotFound(status)) status = absl::OkStatus();
  if (!status.ok()) {
    absl::StatusOr<std::string> aside = SetAside(options_.state_file);
    status = absl::DataLossError(absl::StrCat(
        "the state on disk cannot be used: ", std::string(status.message()), aside.ok() ? "; kept as " : "",
        aside.ok() ? *aside : "", "; pods start again when the controller has been reached"));
    spdlog::error("{}", std::string(status.message()));
  }
  conditions_.Set("StateLoaded", status);
  CompareWithKernel();
}

// A mark is "DIGEST WATERMARK".
absl::Status NodeAgent::MarkKernel(uint64_t watermark) {
  return datapath_->SetMark(absl::StrCat(state_.Digest(), " ", watermark));
}

void NodeAgent::CompareWithKernel() {
  const std::vector<std::string> mark = absl::StrSplit(datapath_->Mark(), ' ');
  uint64_t watermark = 0;
  if (mark.size() != 2 || !absl::SimpleAtoi(mark[1], &watermark)) return;  // the kernel holds nothing
  watermark_ = std::max(watermark_, watermark);
  // Without any state there is nothing old that could be applied.
  SetHolding(state_.has_config() && mark[0] != state_.Digest());
}

void NodeAgent::SetHolding(bool holding) {
  if (holding && !holding_) spdlog::warn("{}", kHolding);
  if (!holding && holding_) spdlog::info("the kernel holds what the controller says");
  holding_ = holding;
  conditions_.Set("StateCurrent", !holding, holding ? kHolding : "");
}

void NodeAgent::Start() {
  if (endpoints_ != nullptr && state_.has_config()) {
    endpoints_->SetPodCidrs(state_.desired().settings.pod_cidrs);
  }
  Verify();
  absl::Status watched = loop_->Watch(datapath_->events_fd(), [this] { ReadEvents(); });
  if (!watched.ok()) conditions_.Set("EventsRead", watched);
  LookForEvents();
}

void NodeAgent::LookForEvents() {
  ReadEvents();
  loop_->After(kEventsInterval, [this] { LookForEvents(); });
}

std::map<std::string, datapath::LocalEndpoint> NodeAgent::CurrentEndpoints() const {
  std::map<std::string, datapath::LocalEndpoint> endpoints;
  if (endpoints_ == nullptr) return endpoints;
  for (datapath::LocalEndpoint& endpoint : endpoints_->Endpoints()) {
    const PodPolicy* pod = state_.FindPod(endpoint.pod_uid, endpoint.namespace_name, endpoint.pod_name);
    endpoint.policy_known = pod != nullptr;
    if (pod != nullptr) {
      endpoint.ingress_set = pod->ingress_set;
      endpoint.egress_set = pod->egress_set;
    } else if (!complete_) {
      // Nobody has said yet that its policy is gone: what the kernel holds for it stays.
      continue;
    }
    std::string key = endpoint.key;
    endpoints.emplace(std::move(key), std::move(endpoint));
  }
  return endpoints;
}

ResourceId NodeAgent::IdOf(const datapath::ApplyReport::Failure& failure) const {
  for (int kind = 1; kind <= static_cast<int>(ResourceKind::kService); ++kind) {
    if (failure.kind != KindName(static_cast<ResourceKind>(kind))) continue;
    ResourceId id{static_cast<ResourceKind>(kind), failure.name};
    if (id.kind == ResourceKind::kNodeConfig) id.name = options_.node;
    if (id.kind == ResourceKind::kEndpoint) {
      auto endpoint = state_.desired().endpoints.find(failure.name);
      if (endpoint != state_.desired().endpoints.end()) {
        const auto& [key, local] = *endpoint;
        const PodPolicy* pod = state_.FindPod(local.pod_uid, local.namespace_name, local.pod_name);
        if (pod != nullptr) id.name = pod->uid;
      }
    }
    return id;
  }
  return {};
}

absl::StatusOr<std::vector<ResourceError>> NodeAgent::Apply(bool verify,
                                                            const std::vector<ResourceId>& changed) {
  datapath::StateChanges changes = state_.PartsOf(changed);
  changes.endpoints = state_.SetEndpoints(CurrentEndpoints());
  changes.all = std::exchange(apply_all_, false) || state_.desired().complete != complete_;
  state_.SetComplete(complete_);
  absl::StatusOr<datapath::ApplyReport> report = datapath_->Apply(state_.desired(), changes, verify);
  if (!report.ok()) {
    apply_all_ = true;
    if (conditions_.Set("DatapathReady", report.status())) {
      spdlog::error("{}", std::string(report.status().message()));
    }
    return report.status();
  }
  repaired_ += report->repaired;
  if (report->repaired > 0) spdlog::warn("mended {} entries in the kernel", report->repaired);
  std::vector<ResourceError> errors;
  std::vector<std::string> others;
  failing_.clear();
  for (const auto& failure : report->failures) {
    const ResourceId id = IdOf(failure);
    const std::string message(failure.status.message());
    if (failure.kind == KindName(ResourceKind::kEndpoint)) failing_[failure.name] = message;
    if (std::find(changed.begin(), changed.end(), id) != changed.end()) {
      errors.push_back({id, message});
    } else {
      others.push_back(absl::StrCat(failure.kind, " ", failure.name, ": ", message));
    }
  }
  applied_ns_ = clock_->WallNs();
  conditions_.Set("DatapathReady", true, "");
  if (conditions_.Set("ObjectsProgrammed", others.empty(), FirstFew(others, "; ")) && !others.empty()) {
    spdlog::error("the datapath does not hold everything: {}", FirstFew(others, "; "));
  }
  return errors;
}

void NodeAgent::Verify() {
  loop_->After(options_.verify_interval, [this] { Verify(); });
  if (endpoints_ != nullptr) conditions_.Set("PodsReconciled", endpoints_->Reconcile());
  if (!state_.has_config() || holding_) return;
  const bool applied = Apply(/*verify=*/true, {}).ok();
  std::vector<std::string> foreign;
  for (const auto& program : datapath_->Programs()) {
    if (!program.ours) foreign.push_back(absl::StrCat(program.hook, " runs ", program.program));
  }
  NoteConnections();
  conditions_.Set("ProgramsAttached", foreign.empty(), FirstFew(foreign, "; "));
  if (!applied) return;
  if (endpoints_ != nullptr) endpoints_->OnApplied();
  // A controller sends what was refused only when it changes; the cause may be on this node.
  const int64_t now = clock_->MonotonicNs();
  if (!refused_.empty() && upstream_ != nullptr && now - retried_ns_ >= kRetryRefusedNs) {
    retried_ns_ = now;
    upstream_->Reconnect();
  }
}

// The one table that fills by traffic: no object is refused that could say so.
void NodeAgent::NoteConnections() {
  const datapath::MapUsage table = datapath_->ConnectionTable();
  if (table.capacity == 0) return;
  const bool roomy = table.entries * 10 < table.capacity * 9;
  const std::string message =
      absl::StrCat(table.entries, " of ", table.capacity,
                   " connections in use; when all are, new ones are dropped and the others go on. `fairlead "
                   "conntrack` shows whose they are; --max-connections of a fresh node sets the limit "
                   "(docs/limits.md)");
  if (conditions_.Set("ConnectionsFit", roomy, roomy ? "" : message) && !roomy) spdlog::warn("{}", message);
}

Hello NodeAgent::OnConnect() {
  reported_ = CurrentReports();
  Hello hello{&state_, watermark_, {}};
  for (const auto& [key, report] : reported_) hello.endpoints.push_back(report);
  return hello;
}

void NodeAgent::OnDisconnect(const absl::Status& status) {
  connected_ = false;
  // What is still wrong is refused again after the next Hello.
  refused_.clear();
  ShowRefusals();
  const std::string message =
      absl::StrCat(std::string(status.message()), "; pods keep what they have, and the agent goes on trying");
  if (conditions_.Set("ControllerConnected", false, message)) spdlog::warn("{}", message);
}

std::vector<ResourceError> NodeAgent::OnPush(Push push) {
  if (!connected_) {
    connected_ = true;
    ++streams_;
    conditions_.Set("ControllerConnected", true, "");
    spdlog::info("the controller answers");
  }
  PolicyNames policies;
  for (const Change& change : push.changes) {
    const auto* set = std::get_if<policy::PolicySet>(&change.body);
    if (set != nullptr) policies[change.id] = PoliciesOf(*set);
  }
  std::vector<ResourceError> errors = TakePush(std::move(push));
  Shorten(errors);
  ++(errors.empty() ? pushes_taken_ : pushes_refused_);
  NoteRefusals(errors, policies);
  return errors;
}

std::vector<ResourceError> NodeAgent::TakePush(Push push) {
  if (push.watermark < watermark_) {
    return {{{},
             absl::StrCat("watermark ", push.watermark, " is older than ", watermark_,
                          ", which this node holds; the controller has to catch up first")}};
  }
  if (!push.errors.empty()) return std::move(push.errors);
  std::vector<ResourceId> changed;
  changed.reserve(push.changes.size());
  for (const Change& change : push.changes) changed.push_back(change.id);
  std::vector<ResourceError> errors = state_.Stage(std::move(push.changes));
  if (errors.empty() && !state_.has_config()) {
    errors.push_back({{}, "nothing can be programmed before the NodeConfig is there"});
  }
  if (!errors.empty()) {
    state_.Rollback();
    return errors;
  }
  if (holding_ && !push.complete) {
    // The rest of the difference to what is on disk is on its way: all of it is applied at once.
    apply_all_ = true;
    state_.Commit();
    watermark_ = push.watermark;
    return {};
  }
  if (const absl::Status marked = MarkKernel(push.watermark); !marked.ok()) {
    state_.Rollback();
    return {{{}, std::string(marked.message()), {}}};
  }
  const bool complete_before = std::exchange(complete_, complete_ || push.complete);
  absl::StatusOr<std::vector<ResourceError>> applied = Apply(/*verify=*/false, changed);
  const bool answered = applied.ok();
  if (answered) {
    errors = *std::move(applied);
  } else {
    errors.push_back({{}, std::string(applied.status().message()), {}});
  }
  if (!errors.empty()) {
    state_.Rollback();
    apply_all_ = true;
    complete_ = complete_before;
    if (answered && state_.has_config() && !holding_ && Apply(/*verify=*/false, {}).ok()) {
      const absl::Status marked = MarkKernel(watermark_);
      if (!marked.ok()) spdlog::error("{}", std::string(marked.message()));
    }
    return errors;
  }
  state_.Commit();
  watermark_ = push.watermark;
  for (const ResourceId& id : changed) refused_.erase(id);
  refused_.erase(ResourceId{});
  conditions_.Set("NodeConfigured", true, "");
  SetHolding(false);
  if (complete_ && state_.Digest() != saved_digest_) SaveSoon();
  if (endpoints_ != nullptr) {
    endpoints_->SetPodCidrs(state_.desired().settings.pod_cidrs);
    endpoints_->OnApplied();
  }
  return {};
}

void NodeAgent::NoteRefusals(std::vector<ResourceError>& errors, const PolicyNames& policies) {
  for (ResourceError& error : errors) {
    if (auto found = policies.find(error.id); found != policies.end()) error.policies = found->second;
    spdlog::error("refused {}: {}", NameOf(error), error.message);
    refused_[error.id] = error;
  }
  ShowRefusals();
}

void NodeAgent::ShowRefusals() {
  // Of each kind: what a full map refuses by the thousand must not hide the policies that wait for it.
  std::map<ResourceKind, std::vector<std::string>> refusals;
  for (const auto& [id, error] : refused_) {
    refusals[id.kind].push_back(absl::StrCat(NameOf(error), ": ", error.message));
  }
  std::vector<std::string> reasons;
  reasons.reserve(refusals.size());
  for (const auto& [kind, of_kind] : refusals) reasons.push_back(FirstFew(of_kind, "; "));
  conditions_.Set("PolicyRealised", reasons.empty(), absl::StrJoin(reasons, "; "));
}

bool NodeAgent::KnowsPod(const std::string& uid, const std::string& namespace_name,
                         const std::string& name) const {
  return !holding_ && state_.FindPod(uid, namespace_name, name) != nullptr;
}

absl::Status NodeAgent::ApplyEndpoint(const std::string& key) {
  if (!state_.has_config()) {
    return absl::UnavailableError(
        "program the pod: the controller has not told this node its configuration yet");
  }
  if (holding_) return absl::UnavailableError(absl::StrCat("program the pod: ", kHolding));
  RETURN_IF_ERROR(Apply(/*verify=*/false, {}).status());
  auto failure = failing_.find(key);
  if (failure != failing_.end()) {
    return absl::ResourceExhaustedError(absl::StrCat("program endpoint ", key, ": ", failure->second));
  }
  ReportEndpoints();
  return absl::OkStatus();
}

std::map<std::string, EndpointReport> NodeAgent::CurrentReports() const {
  std::map<std::string, EndpointReport> now;
  if (endpoints_ == nullptr) return now;
  for (const datapath::LocalEndpoint& endpoint : endpoints_->Endpoints()) {
    const std::string sandbox = endpoint.key.substr(0, endpoint.key.find('/'));
    now[endpoint.key] = {endpoint.pod_uid, endpoint.namespace_name, endpoint.pod_name,
                         sandbox,          endpoint.addresses,      endpoint.generation};
  }
  return now;
}

void NodeAgent::ReportEndpoints() {
  std::map<std::string, EndpointReport> now = CurrentReports();
  std::vector<EndpointReport> upserts;
  std::vector<EndpointReport> removals;
  for (const auto& [key, report] : now) {
    auto before = reported_.find(key);
    if (before == reported_.end() || before->second != report) upserts.push_back(report);
  }
  for (const auto& [key, report] : reported_) {
    if (!now.contains(key)) removals.push_back(report);
  }
  if (upstream_ != nullptr && (!upserts.empty() || !removals.empty())) upstream_->Report(upserts, removals);
  reported_ = std::move(now);
}

absl::Status NodeAgent::Ready() const {
  if (!state_.has_config()) {
    return absl::UnavailableError(
        absl::StrCat("the controller has not told node ", options_.node,
                     " its configuration yet: is it running, and is there a Node object of this name? (",
                     conditions_.Find("ControllerConnected")->message, ")"));
  }
  if (holding_) return absl::UnavailableError(kHolding);
  const Condition* datapath = conditions_.Find("DatapathReady");
  if (datapath == nullptr) return absl::UnavailableError("the datapath has not been programmed yet");
  if (!datapath->ok) return absl::UnavailableError(datapath->message);
  return absl::OkStatus();
}

void NodeAgent::NoteRecords(const std::vector<std::string>& lost, uint64_t rebuilt) {
  std::string message;
  if (rebuilt > 0) absl::StrAppend(&message, rebuilt, " lost records were rebuilt from the pods' devices. ");
  if (!lost.empty()) {
    absl::StrAppend(
        &message, "the records of ", lost.size(),
        " pods, and their copies, are damaged, and no device says whose it is: these pods have lost "
        "their network. Delete the pods of this node that `fairlead endpoints` does not list; shown "
        "until the agent starts again. ",
        FirstFew(lost, "; "));
  }
  if (conditions_.Set("PodRecords", lost.empty(), message) && !lost.empty()) spdlog::error("{}", message);
}

void NodeAgent::Note(const std::string& type, const absl::Status& status) {
  const bool turned = conditions_.Set(type, status);
  if (turned && !status.ok()) spdlog::warn("{}", std::string(status.message()));
}

absl::Status NodeAgent::Serving() const {
  RETURN_IF_ERROR(Ready());
  const Condition* installed = conditions_.Find(kCniInstalled);
  return installed == nullptr || installed->ok ? absl::OkStatus()
                                               : absl::UnavailableError(installed->message);
}

std::vector<PoolUsage> NodeAgent::Pools() const {
  return endpoints_ == nullptr ? std::vector<PoolUsage>{} : endpoints_->Pools();
}

void NodeAgent::ReadEvents() {
  const int64_t offset_ns = clock_->WallNs() - clock_->MonotonicNs();
  datapath_->ReadEvents(kEventBatch, [&](const datapath::FlowEvent& event) {
    flows_.Add(event, event.monotonic_ns + offset_ns);
  });
}

void NodeAgent::SaveSoon() {
  if (save_timer_ != 0) return;
  const int64_t since_ns = saved_ns_ == 0 ? INT64_MAX / 2 : clock_->MonotonicNs() - saved_ns_;
  const std::chrono::nanoseconds rest = options_.save_interval - std::chrono::nanoseconds(since_ns);
  save_timer_ =
      loop_->After(std::max<std::chrono::nanoseconds>(options_.save_delay, rest), [this] { Save(); });
}

void NodeAgent::Save() {
  save_timer_ = 0;
  saved_ns_ = clock_->MonotonicNs();
  saved_digest_ = state_.Digest();
  writer_->Write(SavedStateOf(state_, watermark_));
}

}  // namespace fairlead::agent
