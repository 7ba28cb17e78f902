#include "datapath/state_mark.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "datapath/bpf_error.h"
#include "datapath/datapath.h"

namespace fairlead::datapath {
namespace {

struct MarkValue {
  char text[kMaxMarkSize + 1];
};
constexpr uint32_t kIndex = 0;

}  // namespace

absl::StatusOr<StateMark> StateMark::Open(const std::string& path) {
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (fd.valid()) return StateMark(std::move(fd));
  if (errno != ENOENT) return BpfError(errno, absl::StrCat("open the state mark ", path));
  fd.reset(
      bpf_map_create(BPF_MAP_TYPE_ARRAY, "fairlead_mark", sizeof(kIndex), sizeof(MarkValue), 1, nullptr));
  if (!fd.valid()) return BpfError(errno, "make the state mark");
  if (bpf_obj_pin(fd.get(), path.c_str()) != 0) {
    return BpfError(errno, absl::StrCat("pin the state mark ", path));
  }
  return StateMark(std::move(fd));
}

std::string StateMark::Read() const {
  MarkValue value{};
  if (bpf_map_lookup_elem(fd_.get(), &kIndex, &value) != 0) return "";
  return std::string(value.text, strnlen(value.text, sizeof(value.text)));
}

absl::Status StateMark::Write(const std::string& mark) {
  if (mark.size() > kMaxMarkSize) {
    return absl::InvalidArgumentError(absl::StrCat("write the state mark: ", mark.size(), " bytes"));
  }
  MarkValue value{};
  memcpy(value.text, mark.data(), mark.size());
  if (bpf_map_update_elem(fd_.get(), &kIndex, &value, BPF_ANY) != 0) {
    return BpfError(errno, "write the state mark");
  }
  return absl::OkStatus();
}

}  // namespace fairlead::datapath
