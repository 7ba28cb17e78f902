#include "datapath/set_image.h"

#include <arpa/inet.h>

namespace fairlead::datapath {
namespace {

// Key bits before those of the port: generation and protocol.
constexpr uint32_t kBitsBeforePort = 32 + 8;

uint32_t WordCount(const policy::PolicySet& set) {
  return static_cast<uint32_t>((set.rules.size() + 63) / 64);
}

}  // namespace

SetImage BuildImage(const policy::PolicySet& set) {
  SetImage image;
  image.word_count = WordCount(set);
  for (const policy::Rule& rule : set.rules) {
    image.actions.push_back(rule.action == policy::Action::kAllow ? FL_ACTION_ALLOW : FL_ACTION_DENY);
  }
  image.any_peer = BuildClassRow(set, {});
  image.any_port = EncodeRow(policy::AnyPortRow(set), image.word_count);
  for (const auto& [prefix, row] : policy::PortRows(set)) {
    image.ports[prefix] = EncodeRow(row, image.word_count);
  }
  return image;
}

StoredRow BuildClassRow(const policy::PolicySet& set, const policy::AddressClass& address_class) {
  return EncodeRow(policy::PeerRow(set, address_class), WordCount(set));
}

fl_port_row_key PortKey(uint32_t generation, const policy::PortPrefix& prefix) {
  return {.length = kBitsBeforePort + static_cast<uint32_t>(prefix.length),
          .generation = htonl(generation),
          .protocol = static_cast<uint8_t>(prefix.protocol),
          .port = {static_cast<uint8_t>(prefix.first >> 8), static_cast<uint8_t>(prefix.first & 0xff)}};
}

}  // namespace fairlead::datapath
