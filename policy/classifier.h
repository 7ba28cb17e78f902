// Bit vectors for first-match packet classification over one policy set.
// T. V. Lakshman, D. Stiliadis: High-Speed Policy-based Packet Forwarding Using Efficient
// Multi-dimensional Range Matching. SIGCOMM 1998.
//
// Rule i of a set is bit i. An address's class says which of the node's address groups contain it;
// a class gives a row: the rules whose peer side it matches. A (protocol, port) gives a row: the
// rules whose port side it matches. The lowest bit set in both is the first rule that matches.
//
// Pure: no ids of kernel maps here; datapath/ numbers classes and rows and writes them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ip.h"
#include "policy/class_index.h"
#include "policy/compiled.h"

namespace fairlead::policy {

// One bit per rule, bit i of word i/64 is rule i; as many words as the set needs, ceil(rules/64).
using Row = std::vector<uint64_t>;

// Every prefix at which the class of addresses changes, with the class of the addresses in it that
// no longer prefix covers. Addresses covered by no entry have the empty class. Pods appear as
// /32 and /128. Covers all groups; entries equal to what covers them are left out.
std::map<IpPrefix, AddressClass> ClassifyAddresses(const std::map<std::string, AddressGroup>& groups);

// Rules of `set` whose peer side matches addresses of `address_class`.
Row PeerRow(const PolicySet& set, const AddressClass& address_class);

// A block of a protocol's 16-bit port space: the ports whose first `length` bits are those of
// `first`.
struct PortPrefix {
  Protocol protocol = Protocol::kTcp;
  uint16_t first = 0;
  int length = 16;  // 0..16

  auto operator<=>(const PortPrefix&) const = default;
};

// Port blocks with the rules whose port side matches, each row carrying the bits of every block that
// covers it, so that the longest match alone is right. Ports covered by no entry, and other
// protocols, have the row AnyPortRow().
std::map<PortPrefix, Row> PortRows(const PolicySet& set);

// Rules that match every protocol and port.
Row AnyPortRow(const PolicySet& set);

// Index of the first rule in both rows, or -1.
int FirstMatch(const Row& peer, const Row& port);

}  // namespace fairlead::policy
