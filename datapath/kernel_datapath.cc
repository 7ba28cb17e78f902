#include "datapath/kernel_datapath.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "datapath/bpf_error.h"
#include "datapath/connection_reader.h"
#include "datapath/flow_names.h"
#include "datapath/instance_lock.h"
#include "datapath/map_usage.h"
#include "datapath/reassembly_helper.h"
#include "datapath/socket_hooks.h"
#include "datapath/succession.h"
#include "datapath/words.h"

namespace fairlead::datapath {
namespace {

// Epochs of a set that a predecessor counted in a map of another layout are lower, so a connection that was
// decided under one of those is decided again.
uint32_t FirstEpoch() {
  return static_cast<uint32_t>(SystemClock().MonotonicNs() / 1'000'000);
}

// Runs a program that looks at no packet.
absl::Status RunOnce(int program_fd, const char* name) {
  std::array<uint8_t, 64> packet{};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_size_in = packet.size(),
              .repeat = 1);
  if (bpf_prog_test_run_opts(program_fd, &options) != 0) return BpfError(errno, absl::StrCat("run ", name));
  if (options.retval != 0) {
    return absl::InternalError(absl::StrCat("run ", name, ": it failed at step ", options.retval));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Datapath>> KernelDatapath::Open(const Options& options) {
  ASSIGN_OR_RETURN(UniqueFd lock, LockPinDir(options.pin_dir));
  std::unique_ptr<KernelDatapath> datapath(new KernelDatapath(options, std::move(lock)));
  RETURN_IF_ERROR(datapath->Start());
  return datapath;
}

KernelDatapath::~KernelDatapath() = default;

absl::Status KernelDatapath::Start() {
  // Kernels before 5.11 count maps against this limit; a refusal matters only there.
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &unlimited);

  ASSIGN_OR_RETURN(BpfObject object, BpfObject::Load(options_.pin_dir, options_.max_connections));
  object_ = std::make_unique<BpfObject>(std::move(object));
  ASSIGN_OR_RETURN(maps_, LibbpfMaps::Open(object_->Maps()));
  ASSIGN_OR_RETURN(Ledger ledger, Ledger::Open(absl::StrCat(options_.pin_dir, "/ledger_v1")));
  ledger_ = std::make_unique<Ledger>(std::move(ledger));
  ASSIGN_OR_RETURN(StateMark mark, StateMark::Open(absl::StrCat(options_.pin_dir, "/state_mark_v1")));
  mark_ = std::make_unique<StateMark>(std::move(mark));
  ASSIGN_OR_RETURN(wiring_, NodeWiring::Open(*ledger_, stats_, options_.node_devices, LinkDir()));
  reconciler_ = std::make_unique<Reconciler>(*maps_, stats_, *wiring_, FirstEpoch());
  RETURN_IF_ERROR(reconciler_->Load());
  ASSIGN_OR_RETURN(events_, EventReader::Open(object_->MapFd("events"), object_->MapFd("events_lost")));

  // From here on what is attached changes, program by program, each in place. What judges changes when the
  // maps that it reads say everything: now if it reads them already, else with the first state that is
  // complete.
  ASSIGN_OR_RETURN(const bool maps_are_filled, SharesMapsWithRunning(*object_));
  const bool use_tcx = !options_.force_clsact && HasTcx();
  ASSIGN_OR_RETURN(DeviceHooks hooks,
                   DeviceHooks::Open(*object_, ClsactStrategy(), use_tcx ? TcxStrategy(LinkDir()) : nullptr));
  hooks_ = std::make_unique<DeviceHooks>(std::move(hooks));
  node_sockets_ = std::make_unique<NodeSockets>(object_->MapFd("socket_choice"), object_->MapFd("backend"));
  explainer_ = std::make_unique<Explainer>(*object_, *reconciler_, *hooks_, *wiring_, LinkDir());
  return maps_are_filled ? PutInForce() : absl::OkStatus();
}

absl::Status KernelDatapath::PutInForce() {
  uint64_t changed = 0;
  RETURN_IF_ERROR(PublishStages(changed));
  RETURN_IF_ERROR(AttachSockets(changed));
  RETURN_IF_ERROR(ArmSweep());
  in_force_ = true;
  return RemoveOtherLayouts(*object_, options_.pin_dir);
}

absl::Status KernelDatapath::PublishStages(uint64_t& changed) {
  const int fd = object_->MapFd("stage_program");
  for (uint32_t stage = 0; stage < FL_STAGE_COUNT; ++stage) {
    const std::string name = StageProgram(stage);
    const int program = object_->ProgramFd(name);
    if (program < 0) continue;  // a hook that is no device's
    uint32_t held = 0;
    if (bpf_map_lookup_elem(fd, &stage, &held) == 0 && held == object_->ProgramId(name)) continue;
    if (bpf_map_update_elem(fd, &stage, &program, BPF_ANY) != 0) {
      return BpfError(errno, absl::StrCat("publish stage ", StageName(stage)));
    }
    ++changed;
  }
  return absl::OkStatus();
}

absl::Status KernelDatapath::AttachSockets(uint64_t& changed) {
  if (options_.cgroup_dir.empty()) return absl::OkStatus();
  return AttachSocketHooks(*object_, options_.cgroup_dir, LinkDir(), changed);
}

absl::Status KernelDatapath::ArmSweep() {
  return RunOnce(object_->ProgramFd("sweep_arm"), "sweep_arm");
}

absl::StatusOr<ApplyReport> KernelDatapath::Apply(const DesiredState& desired, const StateChanges& changes,
                                                  bool verify) {
  const WriteStats before = stats_;
  ApplyReport report;
  if (verify) {
    // Whatever somebody else has taken off is put back, all that can be.
    absl::Status status = in_force_ ? PublishStages(stats_.repaired) : absl::OkStatus();
    status.Update(hooks_->Mend(stats_.repaired));
    if (in_force_) status.Update(AttachSockets(stats_.repaired));
    status.Update(wiring_->Verify());
    if (!status.ok()) Fail(report.failures, "NodeConfig", desired.settings.node, status);
  }
  wiring_->Prepare(desired.settings, report.failures);
  if (const absl::Status status = AttachNode(desired); !status.ok()) {
    Fail(report.failures, "NodeConfig", desired.settings.node,
         WrapError(status, "attach to the node's devices"));
  }
  NodeFacts facts = wiring_->facts();
  facts.endpoint_quota = options_.max_connections / kEndpointShare;
  reconciler_->Apply(desired, changes, facts, verify, report.failures);
  const absl::Status ended =
      node_sockets_->Follow(reconciler_->services().backend_removals(), SystemClock().MonotonicNs());
  if (!ended.ok()) Fail(report.failures, "NodeConfig", desired.settings.node, ended);
  wiring_->RouteToNodes(desired, changes, report.failures);
  if (!in_force_ && desired.complete) {
    const absl::Status status = PutInForce();
    if (!status.ok()) {
      Fail(report.failures, "NodeConfig", desired.settings.node,
           WrapError(status, "have this version's programs take over"));
    }
  }
  report.writes = stats_.writes - before.writes;
  report.repaired = stats_.repaired - before.repaired;
  return report;
}

absl::Status KernelDatapath::AttachNode(const DesiredState& desired) {
  std::vector<uint32_t> devices;
  for (const netlink::Link& device : wiring_->devices()) {
    devices.push_back(device.ifindex);
    if (!hooks_->Has(device.ifindex)) RETURN_IF_ERROR(hooks_->Attach(device.ifindex, DeviceRole::kNode));
  }
  std::vector<uint32_t> overlay;
  if (const uint32_t ifindex = wiring_->facts().overlay_ifindex; ifindex != 0) {
    overlay.push_back(ifindex);
    if (!hooks_->Has(ifindex)) RETURN_IF_ERROR(hooks_->Attach(ifindex, DeviceRole::kOverlay));
  }
  if (const uint32_t ifindex = wiring_->facts().reassembly_ifindex; ifindex != 0 && !hooks_->Has(ifindex)) {
    RETURN_IF_ERROR(hooks_->Attach(ifindex, DeviceRole::kReassembly));
  }
  if (!desired.complete) return absl::OkStatus();
  RETURN_IF_ERROR(hooks_->DetachOthers(DeviceRole::kNode, devices));
  return hooks_->DetachOthers(DeviceRole::kOverlay, overlay);
}

absl::Status KernelDatapath::AttachPod(uint32_t ifindex) {
  return hooks_->Attach(ifindex, DeviceRole::kPod);
}

absl::Status KernelDatapath::DetachPod(uint32_t ifindex) {
  RETURN_IF_ERROR(reconciler_->Release(ifindex));
  return hooks_->Detach(ifindex);
}

absl::Status KernelDatapath::CheckEndpoint(const std::string& key) const {
  const HeldEndpoint* held = reconciler_->endpoints().Find(key);
  if (held == nullptr) {
    return absl::NotFoundError(absl::StrCat("check endpoint ", key, ": the datapath does not hold it"));
  }
  const LocalEndpoint& endpoint = held->applied;
  auto differs = [&](const std::string& what) {
    return absl::FailedPreconditionError(absl::StrCat("check endpoint ", key, ": ", what));
  };
  RETURN_IF_ERROR(
      WrapError(hooks_->Check(endpoint.ifindex, DeviceRole::kPod), absl::StrCat("check endpoint ", key)));
  // From the kernel, not from what we believe.
  fl_endpoint entry{};
  ASSIGN_OR_RETURN(bool found, maps_->Lookup(MapId::kEndpoint, &held->index, &entry));
  if (BytesOf(entry) != BytesOf(reconciler_->endpoints().EntryOf(held->index))) {
    return differs(absl::StrCat("map endpoint[", held->index, "] is not as written"));
  }
  if ((entry.flags & FL_ENDPOINT_READY) == 0) return differs("its policy is not in force yet");
  uint32_t index = 0;
  ASSIGN_OR_RETURN(found, maps_->Lookup(MapId::kPodDevice, &endpoint.ifindex, &index));
  if (!found || index != held->index) return differs("map pod_device does not lead from its link to it");
  for (const IpAddress& address : endpoint.addresses) {
    const fl_address at = ToAbi(address);
    fl_location location{};
    ASSIGN_OR_RETURN(found, maps_->Lookup(MapId::kLocation, &at, &location));
    if (!found || location.kind != FL_LOCATION_LOCAL_POD || location.index != held->index) {
      return differs(absl::StrCat("map location does not say that ", address.ToString(), " is its address"));
    }
  }
  return wiring_->Check(endpoint);
}

uint32_t KernelDatapath::PodMtu() const {
  return wiring_->facts().underlay_mtu;
}

uint32_t KernelDatapath::RemotePodMtu() const {
  return wiring_->facts().underlay_mtu - wiring_->facts().overlay_overhead;
}

absl::StatusOr<Explanation> KernelDatapath::Explain(const ExplainRequest& request) const {
  return explainer_->Explain(request);
}

std::vector<MapUsage> KernelDatapath::Maps() const {
  const std::map<std::string, int> maps = object_->Maps();
  std::map<std::string, uint64_t> used = reconciler_->ArraysInUse();
  used["ct_record"] = used["ct_translation"] = CountConnections(maps);
  return ReadMapUsage(maps, used);
}

MapUsage KernelDatapath::ConnectionTable() const {
  const std::vector<MapUsage> usage = ReadMapUsage({{"ct_record", object_->MapFd("ct_record")}},
                                                   {{"ct_record", CountConnections(object_->Maps())}});
  return usage.empty() ? MapUsage{} : usage[0];
}

std::vector<AttachedProgram> KernelDatapath::Programs() const {
  std::vector<AttachedProgram> programs = hooks_->List();
  if (!options_.cgroup_dir.empty()) {
    for (AttachedProgram& program : ListSocketHooks(*object_, LinkDir()))
      programs.push_back(std::move(program));
  }
  for (uint32_t stage = 0; stage < FL_STAGE_COUNT; ++stage) {
    const std::string name = StageProgram(stage);
    uint32_t held = 0;
    if (object_->ProgramFd(name) < 0 || object_->IsSocketProgram(name)) continue;
    const bool found = bpf_map_lookup_elem(object_->MapFd("stage_program"), &stage, &held) == 0;
    programs.push_back(
        {absl::StrCat("stage ", StageName(stage)), name, held, found && held == object_->ProgramId(name)});
  }
  return programs;
}

std::vector<Feature> KernelDatapath::Features() const {
  const bool tcx = HasTcx();
  const bool defragments = HasDefragmentingLinks();
  const bool ends_sockets = NodeSockets::Supported();
  return {{"tcx", tcx,
           tcx ? "attaching to the node's devices" : "attaching to the node's devices (clsact does it here)"},
          {"netfilter links", defragments,
           defragments ? "putting fragments in order" : "putting fragments in order (they drop here)"},
          {"socket destroy", ends_sockets,
           ends_sockets ? "ending the node's own connections to removed backends"
                        : "ending the node's own connections to removed backends (they go on here)"}};
}

std::vector<ReasonCount> KernelDatapath::Drops() const {
  return ReadDrops(object_->MapFd("reason_counter"));
}

std::vector<SetState> KernelDatapath::Sets() const {
  std::vector<SetState> states;
  for (const auto& [index, set] : reconciler_->policy().sets().held()) {
    states.push_back({set.name, set.generation.value.number, reconciler_->policy().sets().EpochOf(index),
                      reconciler_->endpoints().CountIn(index)});
  }
  return states;
}

absl::StatusOr<uint32_t> KernelDatapath::ReadConnections(
    uint32_t place, uint32_t limit, const std::function<void(const Connection&)>& visit) const {
  const auto service_name = [this](uint32_t number) { return reconciler_->services().NameOf(number); };
  return datapath::ReadConnections(object_->Maps(), service_name, place, limit, visit);
}

int KernelDatapath::events_fd() const {
  return events_->fd();
}

int KernelDatapath::ReadEvents(int limit, const std::function<void(const FlowEvent&)>& visit) {
  return events_->Read(limit, [&](const fl_event& event, uint64_t lost_before) {
    visit(NameEvent(event, lost_before, *reconciler_));
  });
}

}  // namespace fairlead::datapath
