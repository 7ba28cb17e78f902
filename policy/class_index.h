// Which groups contain an address, kept up to date while groups change: the entries of
// ClassifyAddresses (classifier.h), and after a change those entries alone that it can have touched.
// Pure; numbers nothing.
//
//   ClassIndex index;
//   index.Put("g1", group);
//   for (const auto& [prefix, entry] : index.TakeChanges()) ...  // nullopt: no entry there (any more)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "policy/compiled.h"

namespace fairlead::policy {

// Names of the groups that contain an address, sorted. Two addresses of equal class are treated
// alike by every set of the node.
using AddressClass = std::vector<std::string>;

class ClassIndex {
 public:
  ClassIndex();

  void Put(const std::string& name, const AddressGroup& group);
  void Erase(const std::string& name);
  const AddressGroup* Find(const std::string& name) const;
  std::vector<std::string> Names() const;

  // Every entry: prefixes at which the class changes, with the class of what no longer prefix covers.
  std::map<IpPrefix, AddressClass> All() const;

  bool HasChanges() const { return !changed_.empty(); }
  // Entries of all prefixes that a Put or Erase since the last call can have touched.
  std::map<IpPrefix, std::optional<AddressClass>> TakeChanges();
  void ForgetChanges() { changed_.clear(); }

 private:
  // A prefix as a node of the 128-bit tree; sorted so that what covers comes before what is covered.
  struct TreeOrder {
    bool operator()(const IpPrefix& a, const IpPrefix& b) const;
  };
  // Numbers of groups that name a prefix, twice the group's number, plus one for an exception; sorted.
  using Mentions = std::vector<uint32_t>;
  using Tree = std::map<IpPrefix, Mentions, TreeOrder>;
  struct Held {
    AddressGroup group;
    uint32_t number = 0;
  };
  // What holds at a node: the groups with a member, and with an exception, at or above it; sorted.
  struct State {
    IpPrefix prefix;
    std::vector<uint32_t> members, exceptions;
    std::vector<uint32_t> holding;  // members that are no exceptions
  };
  using Path = std::vector<State>;  // from the root down

  void Replace(uint32_t number, const AddressGroup& old, const AddressGroup& now);
  void Mention(const IpPrefix& prefix, uint32_t mention);
  void Unmention(const IpPrefix& prefix, uint32_t mention);
  Path Above(const IpPrefix& prefix) const;
  // Goes to the node: the path then ends with it, and what held above it is returned.
  static std::vector<uint32_t> Descend(Path& path, const IpPrefix& prefix, const Mentions& mentions);
  AddressClass ClassOf(const std::vector<uint32_t>& holding) const;

  std::map<std::string, Held> groups_;
  std::vector<const std::string*> names_;  // by number; null: free
  std::vector<uint32_t> free_numbers_;
  Tree tree_;
  std::map<int, size_t> lengths_;  // in the 128-bit space -> how many nodes
  std::set<IpPrefix, TreeOrder> changed_;
};

}  // namespace fairlead::policy
