#include "datapath/twin.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "datapath/abi/event.h"
#include "datapath/bpf_error.h"

namespace fairlead::datapath {
namespace {

constexpr uint32_t kMaxMaps = 64;
// The kernel keeps 15 characters of a name.
constexpr size_t kKernelNameLength = 15;

absl::StatusOr<std::vector<uint32_t>> MapIds(uint32_t program_id) {
  UniqueFd fd(bpf_prog_get_fd_by_id(program_id));
  if (!fd.valid()) return BpfError(errno, absl::StrCat("open program ", program_id));
  std::array<uint32_t, kMaxMaps> ids{};
  bpf_prog_info info{};
  info.map_ids = reinterpret_cast<uint64_t>(ids.data());
  info.nr_map_ids = kMaxMaps;
  uint32_t size = sizeof(info);
  if (bpf_prog_get_info_by_fd(fd.get(), &info, &size) != 0) {
    return BpfError(errno, absl::StrCat("ask about program ", program_id));
  }
  return std::vector<uint32_t>(ids.begin(), ids.begin() + std::min(info.nr_map_ids, kMaxMaps));
}

// Adds the maps of a program under their full names.
absl::Status AddMaps(uint32_t program_id, const std::vector<std::string>& names,
                     std::map<std::string, UniqueFd>& maps) {
  ASSIGN_OR_RETURN(const std::vector<uint32_t> ids, MapIds(program_id));
  for (const uint32_t id : ids) {
    UniqueFd fd(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    uint32_t size = sizeof(info);
    if (!fd.valid() || bpf_map_get_info_by_fd(fd.get(), &info, &size) != 0) {
      return BpfError(errno, absl::StrCat("open map ", id, " of program ", program_id));
    }
    for (const std::string& name : names) {
      if (name.substr(0, kKernelNameLength) == info.name) maps.try_emplace(name, std::move(fd));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::map<std::string, UniqueFd>> MapsBehind(uint32_t entry_program_id,
                                                           const std::vector<std::string>& map_names) {
  std::map<std::string, UniqueFd> maps;
  RETURN_IF_ERROR(AddMaps(entry_program_id, map_names, maps));
  auto stages = maps.find("stage_program");
  if (stages == maps.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("program ", entry_program_id, " that is attached is none of ours"));
  }
  const int stages_fd = stages->second.get();
  for (uint32_t stage = 0; stage < FL_STAGE_COUNT; ++stage) {
    uint32_t program_id = 0;
    if (bpf_map_lookup_elem(stages_fd, &stage, &program_id) != 0) continue;
    RETURN_IF_ERROR(AddMaps(program_id, map_names, maps));
  }
  return maps;
}

absl::StatusOr<std::unique_ptr<Twin>> Twin::Load(std::map<std::string, UniqueFd> maps) {
  std::map<std::string, int> fds;
  for (const auto& [name, fd] : maps) fds[name] = fd.get();
  ASSIGN_OR_RETURN(BpfObject object, BpfObject::LoadTwin(fds));
  return std::unique_ptr<Twin>(new Twin(std::move(maps), std::move(object)));
}

absl::StatusOr<fl_trace> Twin::Run(const TwinRun& run) const {
  const uint32_t first = 0;
  if (bpf_map_update_elem(object_.MapFd("explain_input"), &first, &run.facts, BPF_ANY) != 0) {
    return BpfError(errno, "give the twin its facts");
  }
  __sk_buff context{};
  context.ifindex = run.ifindex;
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = run.frame.data();
  options.data_size_in = static_cast<uint32_t>(run.frame.size());
  options.ctx_in = &context;
  options.ctx_size_in = sizeof(context);
  options.repeat = 1;
  if (bpf_prog_test_run_opts(object_.ProgramFd(run.program), &options) != 0) {
    return BpfError(errno,
                    absl::StrCat("run the twin of ", run.program, " on device with index ", run.ifindex));
  }
  fl_trace trace{};
  if (bpf_map_lookup_elem(object_.MapFd("trace"), &first, &trace) != 0)
    return BpfError(errno, "read the trace");
  return trace;
}

int Twin::MapFd(const std::string& name) const {
  auto found = maps_.find(name);
  return found == maps_.end() ? -1 : found->second.get();
}

}  // namespace fairlead::datapath
