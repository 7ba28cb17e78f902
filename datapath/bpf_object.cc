#include "datapath/bpf_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "datapath/bpf_error.h"
#include "datapath/event_rings.h"
#include "datapath/map_limits.h"
#include "fairlead_bpf.skel.h"

namespace fairlead::datapath {
namespace {

// Not shared with anybody and worth nothing after the process: never pinned.
bool IsPrivate(const std::string& map) {
  static const std::set<std::string> kPrivate = {"scratch", "trace", "explain_input"};
  return kPrivate.contains(map) || absl::StrContains(map, ".");
}

// Of the maps of policy, which change together: their numbers lead from one to the other, so the programs of
// two versions share all of them or none (succession.h).
#ifdef FAIRLEAD_OTHER_LAYOUTS
constexpr int kPolicyLayout = 4;
#else
constexpr int kPolicyLayout = 3;
#endif

// Layouts that are no longer the first. What the agent does not write anew (succession.h) is of no use in the
// newer ones: rings of half-open connections, which end by themselves, and of events that nobody will read;
// and counters that begin anew.
const std::map<std::string, int>& LaterLayouts() {
  static const std::map<std::string, int> versions = {{"ct_half_open", 2},
                                                      {"events", 2},
                                                      {"class_by_address", kPolicyLayout},
                                                      {"class_by_prefix", kPolicyLayout},
                                                      {"policy_generation", kPolicyLayout},
                                                      {"policy_rule", kPolicyLayout},
                                                      {"policy_set", kPolicyLayout},
                                                      {"reason_counter", 2},
                                                      {"row_by_class", kPolicyLayout},
                                                      {"row_by_port", kPolicyLayout},
                                                      {"row_word", kPolicyLayout}};
  return versions;
}

int LayoutVersion(const std::string& map) {
  auto version = LaterLayouts().find(map);
  return version == LaterLayouts().end() ? 1 : version->second;
}

std::string PinPath(const std::string& pin_dir, const std::string& map) {
  return absl::StrCat(pin_dir, "/", BpfObject::PinName(map));
}

bool IsAgentArray(const std::string& name) {
  for (size_t i = 0; i < kMapShapes.size(); ++i) {
    if (name == kMapShapes[i].name) return IsArray(static_cast<MapId>(i));
  }
  return false;
}

absl::Status SizeMaps(bpf_object* object, uint32_t max_connections) {
  ASSIGN_OR_RETURN(const uint32_t event_rings, EventRingCount());
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    uint32_t entries = 0;
    if (name == "ct_tuple") entries = 2 * max_connections;
    if (name == "events") entries = event_rings;
    if (name == "ct_record" || name == "ct_translation" || name == "ct_free") entries = max_connections;
    if (entries != 0 && bpf_map__set_max_entries(map, entries) != 0) {
      return BpfError(errno, absl::StrCat("size map ", name));
    }
    // Arrays that the agent writes are mapped into it: an entry of 8 bytes is then one store.
    if (IsAgentArray(name) && bpf_map__type(map) == BPF_MAP_TYPE_ARRAY) {
      bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_MMAPABLE);
    }
  }
  return absl::OkStatus();
}

// Refuses a pin whose layout is another than its name says.
absl::Status CheckLayout(const bpf_map_info& held, uint32_t type, uint32_t key_size, uint32_t value_size,
                         const std::string& path) {
  if (held.type == type && held.key_size == key_size && held.value_size == value_size) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "adopt map ", path, ": its layout (type ", held.type, ", key ", held.key_size, ", value ",
      held.value_size, ") is not the one that this version has under that name (type ", type, ", key ",
      key_size, ", value ", value_size, "); it was made by another build: drain the node and remove ", path));
}

absl::StatusOr<UniqueFd> OpenPin(const std::string& path, bpf_map_info& info) {
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd.valid()) return BpfError(errno, absl::StrCat("open pinned map ", path));
  uint32_t size = sizeof(info);
  if (bpf_map_get_info_by_fd(fd.get(), &info, &size) != 0) {
    return BpfError(errno, absl::StrCat("ask about pinned map ", path));
  }
  return fd;
}

absl::Status ReusePins(bpf_object* object, const std::string& pin_dir) {
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (IsPrivate(name)) continue;
    const std::string path = PinPath(pin_dir, name);
    bpf_map_info info{};
    absl::StatusOr<UniqueFd> fd = OpenPin(path, info);
    if (absl::IsNotFound(fd.status())) continue;
    RETURN_IF_ERROR(fd.status());
    RETURN_IF_ERROR(
        CheckLayout(info, bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map), path));
    if (bpf_map__reuse_fd(map, fd->get()) != 0) return BpfError(errno, absl::StrCat("adopt map ", path));
  }
  return absl::OkStatus();
}

absl::Status PinMaps(bpf_object* object, const std::string& pin_dir) {
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (IsPrivate(name)) continue;
    const std::string path = PinPath(pin_dir, name);
    if (access(path.c_str(), F_OK) == 0) continue;
    if (bpf_obj_pin(bpf_map__fd(map), path.c_str()) != 0) {
      return BpfError(errno, absl::StrCat("pin map ", path));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenNames(const std::string& pin_dir) {
  const MapShape& shape = ShapeOf(MapId::kName);
  const std::string path = PinPath(pin_dir, shape.name);
  bpf_map_info info{};
  absl::StatusOr<UniqueFd> held = OpenPin(path, info);
  const auto key_size = static_cast<uint32_t>(shape.key_size);
  const auto value_size = static_cast<uint32_t>(shape.value_size);
  if (held.ok()) {
    RETURN_IF_ERROR(CheckLayout(info, BPF_MAP_TYPE_HASH, key_size, value_size, path));
    return held;
  }
  if (!absl::IsNotFound(held.status())) return held.status();
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
  UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_HASH, "fairlead_names", key_size, value_size,
                             MaxEntries(MapId::kName), &options));
  if (!fd.valid()) return BpfError(errno, "make map names");
  if (bpf_obj_pin(fd.get(), path.c_str()) != 0) return BpfError(errno, absl::StrCat("pin map ", path));
  return fd;
}

absl::StatusOr<fairlead_bpf*> OpenObject() {
  fairlead_bpf* object = fairlead_bpf::open();
  if (object == nullptr) return BpfError(errno, "open the eBPF object that is built in");
  return object;
}

absl::Status LoadInto(fairlead_bpf* object, const BpfLog& log) {
  const int error = fairlead_bpf::load(object);
  if (error == 0) return absl::OkStatus();
  const absl::Status status = BpfError(-error, "load the eBPF programs");
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), "; what was running before goes on. ",
                                   error == -EPERM ? "Run as root with CAP_BPF and CAP_NET_ADMIN. " : "",
                                   "The kernel says:\n", log.Tail()));
}

}  // namespace

std::string BpfObject::PinName(const std::string& map) {
  return absl::StrCat(map, "_v", LayoutVersion(map));
}

void BpfObject::Closer::operator()(fairlead_bpf* object) const {
  fairlead_bpf::destroy(object);
}

BpfObject::~BpfObject() = default;

absl::StatusOr<BpfObject> BpfObject::Load(const std::string& pin_dir, uint32_t max_connections) {
  BpfLog log;
  ASSIGN_OR_RETURN(fairlead_bpf * opened, OpenObject());
  BpfObject object(opened);
  RETURN_IF_ERROR(SizeMaps(opened->obj, max_connections));
  RETURN_IF_ERROR(ReusePins(opened->obj, pin_dir));
  RETURN_IF_ERROR(LoadInto(opened, log));
  RETURN_IF_ERROR(MakeEventRings(bpf_map__fd(opened->maps.events)));
  RETURN_IF_ERROR(PinMaps(opened->obj, pin_dir));
  ASSIGN_OR_RETURN(object.names_, OpenNames(pin_dir));
  return object;
}

absl::StatusOr<BpfObject> BpfObject::LoadTwin(const std::map<std::string, int>& maps) {
  BpfLog log;
  ASSIGN_OR_RETURN(fairlead_bpf * opened, OpenObject());
  BpfObject object(opened);
  opened->rodata->explain = true;
  opened->rodata->facts_given = true;
  bpf_map* map;
  bpf_object__for_each_map(map, opened->obj) {
    const std::string name = bpf_map__name(map);
    auto shared = maps.find(name);
    if (IsPrivate(name) || shared == maps.end()) continue;
    if (bpf_map__reuse_fd(map, shared->second) != 0) {
      return BpfError(errno, absl::StrCat("share map ", name, " with the twin"));
    }
  }
  RETURN_IF_ERROR(LoadInto(opened, log));
  return object;
}

int BpfObject::MapFd(const std::string& name) const {
  if (name == ShapeOf(MapId::kName).name) return names_.get();
  const bpf_map* map = bpf_object__find_map_by_name(object_->obj, name.c_str());
  return map == nullptr ? -1 : bpf_map__fd(map);
}

std::map<std::string, int> BpfObject::Maps() const {
  std::map<std::string, int> maps;
  bpf_map* map;
  bpf_object__for_each_map(map, object_->obj) maps[bpf_map__name(map)] = bpf_map__fd(map);
  if (names_.valid()) maps[ShapeOf(MapId::kName).name] = names_.get();
  return maps;
}

int BpfObject::ProgramFd(const std::string& name) const {
  const bpf_program* program = bpf_object__find_program_by_name(object_->obj, name.c_str());
  return program == nullptr ? -1 : bpf_program__fd(program);
}

uint32_t BpfObject::ProgramId(const std::string& name) const {
  const int fd = ProgramFd(name);
  if (fd < 0) return 0;
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  return bpf_prog_get_info_by_fd(fd, &info, &size) == 0 ? info.id : 0;
}

std::vector<std::string> BpfObject::Programs() const {
  std::vector<std::string> names;
  bpf_program* program;
  bpf_object__for_each_program(program, object_->obj) names.push_back(bpf_program__name(program));
  return names;
}

int BpfObject::AttachType(const std::string& program) const {
  const bpf_program* found = bpf_object__find_program_by_name(object_->obj, program.c_str());
  return found == nullptr ? -1 : static_cast<int>(bpf_program__expected_attach_type(found));
}

bool BpfObject::IsSocketProgram(const std::string& program) const {
  const bpf_program* found = bpf_object__find_program_by_name(object_->obj, program.c_str());
  if (found == nullptr) return false;
  const bpf_prog_type type = bpf_program__type(found);
  return type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR || type == BPF_PROG_TYPE_CGROUP_SOCK ||
         type == BPF_PROG_TYPE_CGROUP_SKB;
}

}  // namespace fairlead::datapath
