#include "datapath/connection_reader.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "datapath/abi/conntrack.h"
#include "datapath/abi_convert.h"
#include "datapath/bpf_error.h"

namespace fairlead::datapath {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int Fd(const std::map<std::string, int>& maps, const std::string& name) {
  auto found = maps.find(name);
  return found == maps.end() ? -1 : found->second;
}

fl_ct_table ReadTable(const std::map<std::string, int>& maps) {
  fl_ct_table table{};
  const uint32_t first = 0;
  if (bpf_map_lookup_elem(Fd(maps, "ct_table"), &first, &table) != 0) return {};
  return table;
}

// Low 32 bits of the kernel's jiffies, reckoned from the sweep's sample; 0: not known yet.
uint32_t JiffiesNow(const fl_ct_table& table) {
  if (table.hz == 0) return 0;
  const int64_t passed = SystemClock().MonotonicNs() - static_cast<int64_t>(table.sample_ns);
  return static_cast<uint32_t>(table.sample_jiffies +
                               static_cast<uint64_t>(static_cast<double>(passed) / kNsPerSecond * table.hz));
}

bool IsLive(const fl_ct_record& record) {
  return record.life.state == FL_CT_NEW || record.life.state == FL_CT_ESTABLISHED ||
         record.life.state == FL_CT_CLOSING;
}

const char* StateName(uint8_t state) {
  switch (state) {
    case FL_CT_NEW:
      return "unreplied";
    case FL_CT_ESTABLISHED:
      return "established";
    default:
      return "closing";
  }
}

Connection Translate(const fl_ct_record& record, const fl_ct_table& table, uint32_t now) {
  const int client = (record.life.flags & FL_CT_CLIENT_IS_FIRST) != 0 ? 0 : 1;
  Connection connection;
  connection.protocol = record.key.protocol;
  connection.client = FromAbi(record.key.address[client]);
  connection.server = FromAbi(record.key.address[1 - client]);
  connection.client_port = ntohs(record.key.port[client]);
  connection.server_port = ntohs(record.key.port[1 - client]);
  connection.state = StateName(record.life.state);
  connection.packets = record.packets;
  connection.bytes = record.bytes;
  if (table.hz != 0) {
    const auto idle = static_cast<int32_t>(now - record.last_seen);
    const uint64_t idle_ms = idle > 0 ? uint64_t{static_cast<uint32_t>(idle)} * 1000 / table.hz : 0;
    const uint64_t limit_ms = uint64_t{fl_ct_idle_limit_s(record.key.protocol, record.life)} * 1000;
    connection.idle_ms = static_cast<uint32_t>(idle_ms);
    connection.expires_in_ms = static_cast<uint32_t>(limit_ms > idle_ms ? limit_ms - idle_ms : 0);
  }
  return connection;
}

}  // namespace

absl::StatusOr<uint32_t> ReadConnections(const std::map<std::string, int>& maps,
                                         const std::function<std::string(uint32_t)>& service_name,
                                         uint32_t place, uint32_t limit,
                                         const std::function<void(const Connection&)>& visit) {
  const fl_ct_table table = ReadTable(maps);
  if (place >= table.fresh) return 0;
  const uint32_t now = JiffiesNow(table);
  uint32_t count = std::min(limit, table.fresh - place);
  std::vector<uint32_t> slots(count);
  std::vector<fl_ct_record> records(count);
  uint32_t before = place - 1;  // the kernel begins behind it
  uint32_t last = 0;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  const int result = bpf_map_lookup_batch(Fd(maps, "ct_record"), place == 0 ? nullptr : &before, &last,
                                          slots.data(), records.data(), &count, &options);
  const int error = result == 0 ? 0 : errno;
  if (error != 0 && error != ENOENT) return BpfError(error, "read the connection table");
  for (uint32_t i = 0; i < count; ++i) {
    if (!IsLive(records[i])) continue;
    Connection connection = Translate(records[i], table, now);
    if ((records[i].life.flags & FL_CT_TRANSLATED) != 0) {
      fl_ct_translation translation{};
      if (bpf_map_lookup_elem(Fd(maps, "ct_translation"), &slots[i], &translation) == 0) {
        connection.translated = true;
        connection.translated_client = FromAbi(translation.client);
        connection.translated_server = FromAbi(translation.server);
        connection.translated_client_port = ntohs(translation.client_port);
        connection.translated_server_port = ntohs(translation.server_port);
        connection.service = service_name(translation.service);
      }
    }
    visit(connection);
  }
  const bool over = error == ENOENT || count == 0 || place + count >= table.fresh;
  return over ? 0 : place + count;
}

uint64_t CountConnections(const std::map<std::string, int>& maps) {
  // Each is charged to one endpoint, or to the node at index 0.
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  const int fd = Fd(maps, "ct_account");
  if (fd < 0 || bpf_map_get_info_by_fd(fd, &info, &size) != 0) return 0;
  uint64_t count = 0;
  for (uint32_t index = 0; index < info.max_entries; ++index) {
    fl_ct_account account{};
    if (bpf_map_lookup_elem(fd, &index, &account) == 0) count += account.connections;
  }
  return count;
}

}  // namespace fairlead::datapath
