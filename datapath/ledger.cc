#include "datapath/ledger.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "datapath/bpf_error.h"

namespace fairlead::datapath {
namespace {

struct Key {
  char text[128];
};
struct Value {
  char text[1024];
};
constexpr uint32_t kMaxEntries = 4096;

template <typename T>
T Pack(const std::string& text) {
  T packed{};
  memcpy(packed.text, text.data(), std::min(text.size(), sizeof(packed.text) - 1));
  return packed;
}

template <typename T>
std::string Unpack(const T& packed) {
  return std::string(packed.text, strnlen(packed.text, sizeof(packed.text)));
}

}  // namespace

absl::StatusOr<Ledger> Ledger::Open(const std::string& path) {
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (fd.valid()) return Ledger(std::move(fd));
  if (errno != ENOENT) return BpfError(errno, absl::StrCat("open ledger ", path));
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
  fd.reset(bpf_map_create(BPF_MAP_TYPE_HASH, "fairlead_ledger", sizeof(Key), sizeof(Value), kMaxEntries,
                          &options));
  if (!fd.valid()) return BpfError(errno, "make the ledger");
  if (bpf_obj_pin(fd.get(), path.c_str()) != 0) return BpfError(errno, absl::StrCat("pin ledger ", path));
  return Ledger(std::move(fd));
}

absl::Status Ledger::Record(const std::string& what, const std::string& before) {
  const Key key = Pack<Key>(what);
  const Value value = Pack<Value>(before);
  if (bpf_map_update_elem(fd_.get(), &key, &value, BPF_NOEXIST) == 0 || errno == EEXIST)
    return absl::OkStatus();
  return BpfError(errno, absl::StrCat("record '", what, "' in the ledger"));
}

absl::Status Ledger::Forget(const std::string& what) {
  const Key key = Pack<Key>(what);
  if (bpf_map_delete_elem(fd_.get(), &key) == 0 || errno == ENOENT) return absl::OkStatus();
  return BpfError(errno, absl::StrCat("strike '", what, "' from the ledger"));
}

bool Ledger::Has(const std::string& what) const {
  const Key key = Pack<Key>(what);
  Value value;
  return bpf_map_lookup_elem(fd_.get(), &key, &value) == 0;
}

absl::Status Ledger::ForEach(const std::function<void(const std::string&, const std::string&)>& visit) const {
  std::vector<Key> keys;
  Key key, next;
  int error = bpf_map_get_next_key(fd_.get(), nullptr, &next) == 0 ? 0 : errno;
  while (error == 0) {
    key = next;
    keys.push_back(key);
    error = bpf_map_get_next_key(fd_.get(), &key, &next) == 0 ? 0 : errno;
  }
  if (error != ENOENT) return BpfError(error, "read the ledger");
  for (const Key& each : keys) {
    Value value;
    if (bpf_map_lookup_elem(fd_.get(), &each, &value) == 0) visit(Unpack(each), Unpack(value));
  }
  return absl::OkStatus();
}

}  // namespace fairlead::datapath
