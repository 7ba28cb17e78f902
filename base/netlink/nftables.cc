#include "base/netlink/nftables.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::netlink {
namespace {

constexpr uint16_t TypeOf(uint16_t message) {
  return (NFNL_SUBSYS_NFTABLES << 8) | message;
}

Message NftMessage(uint16_t message, uint16_t flags, uint8_t family) {
  return Message(TypeOf(message), flags, nfgenmsg{.nfgen_family = family, .version = NFNETLINK_V0});
}

Message BatchEdge(uint16_t type) {
  return Message(type, 0, nfgenmsg{.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)});
}

// Whether `request`, for one thing, finds it.
absl::StatusOr<bool> Finds(Socket& socket, Message& request, const std::string& what) {
  bool found = false;
  const absl::Status status = socket.Query(request, [&](const nlmsghdr*) { found = true; });
  // A kernel without nftables refuses the request as one of an unknown kind.
  if (absl::IsNotFound(status) || absl::IsInvalidArgument(status)) return false;
  if (!status.ok()) return WrapError(status, absl::StrCat("look for ", what));
  return found;
}

uint8_t FamilyOf(const nlmsghdr* reply) {
  return static_cast<const nfgenmsg*>(NLMSG_DATA(reply))->nfgen_family;
}

// The chain that the expression hands packets to; "" for none.
std::string TargetOf(const Attributes& expression) {
  if (expression.String(NFTA_EXPR_NAME) != "immediate") return "";
  return expression.Nested(NFTA_EXPR_DATA)
      .Nested(NFTA_IMMEDIATE_DATA)
      .Nested(NFTA_DATA_VERDICT)
      .String(NFTA_VERDICT_CHAIN);
}

// A rule has at most one verdict of its own, its last expression.
std::string TargetOfRule(absl::string_view expressions) {
  auto* element = reinterpret_cast<const rtattr*>(expressions.data());
  auto left = static_cast<ssize_t>(expressions.size());
  for (; RTA_OK(element, left); element = RTA_NEXT(element, left)) {
    std::string target = TargetOf(Attributes(RTA_DATA(element), RTA_PAYLOAD(element)));
    if (!target.empty()) return target;
  }
  return "";
}

}  // namespace

absl::StatusOr<Socket> OpenNftables() {
  return Socket::Open(NETLINK_NETFILTER);
}

absl::StatusOr<bool> HasNftTable(Socket& socket, uint8_t family, const std::string& table) {
  Message request = NftMessage(NFT_MSG_GETTABLE, 0, family);
  request.PutString(NFTA_TABLE_NAME, table);
  return Finds(socket, request, absl::StrCat("the nftables table ", table));
}

absl::StatusOr<bool> HasNftChain(Socket& socket, const NftChain& chain) {
  Message request = NftMessage(NFT_MSG_GETCHAIN, 0, chain.family);
  request.PutString(NFTA_CHAIN_TABLE, chain.table);
  request.PutString(NFTA_CHAIN_NAME, chain.name);
  return Finds(socket, request, absl::StrCat("the chain ", chain.name));
}

absl::StatusOr<std::vector<NftChain>> NftChains(Socket& socket) {
  std::vector<NftChain> chains;
  Message request = NftMessage(NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_UNSPEC);
  const absl::Status status = socket.Query(request, [&](const nlmsghdr* reply) {
    const Attributes attributes = Attributes::Of<nfgenmsg>(reply);
    chains.push_back(
        {FamilyOf(reply), attributes.String(NFTA_CHAIN_TABLE), attributes.String(NFTA_CHAIN_NAME)});
  });
  if (!status.ok()) return WrapError(status, "list the chains of nftables");
  return chains;
}

absl::StatusOr<std::vector<NftJump>> NftJumps(Socket& socket) {
  std::vector<NftJump> jumps;
  Message request = NftMessage(NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_UNSPEC);
  const absl::Status status = socket.Query(request, [&](const nlmsghdr* reply) {
    const Attributes attributes = Attributes::Of<nfgenmsg>(reply);
    std::string target = TargetOfRule(attributes.Bytes(NFTA_RULE_EXPRESSIONS));
    if (target.empty()) return;
    jumps.push_back(
        {{FamilyOf(reply), attributes.String(NFTA_RULE_TABLE), attributes.String(NFTA_RULE_CHAIN)},
         be64toh(attributes.Get<uint64_t>(NFTA_RULE_HANDLE)),
         std::move(target)});
  });
  if (!status.ok()) return WrapError(status, "list the rules of nftables");
  return jumps;
}

void NftBatch::DeleteTable(uint8_t family, const std::string& table) {
  changes_.push_back(NftMessage(NFT_MSG_DELTABLE, 0, family));
  changes_.back().PutString(NFTA_TABLE_NAME, table);
}

void NftBatch::DeleteRule(const NftJump& jump) {
  changes_.push_back(NftMessage(NFT_MSG_DELRULE, 0, jump.from.family));
  changes_.back().PutString(NFTA_RULE_TABLE, jump.from.table);
  changes_.back().PutString(NFTA_RULE_CHAIN, jump.from.name);
  changes_.back().Put(NFTA_RULE_HANDLE, htobe64(jump.handle));
}

void NftBatch::FlushChain(const NftChain& chain) {
  changes_.push_back(NftMessage(NFT_MSG_DELRULE, 0, chain.family));
  changes_.back().PutString(NFTA_RULE_TABLE, chain.table);
  changes_.back().PutString(NFTA_RULE_CHAIN, chain.name);
}

void NftBatch::DeleteChain(const NftChain& chain) {
  changes_.push_back(NftMessage(NFT_MSG_DELCHAIN, 0, chain.family));
  changes_.back().PutString(NFTA_CHAIN_TABLE, chain.table);
  changes_.back().PutString(NFTA_CHAIN_NAME, chain.name);
}

absl::Status NftBatch::Commit(Socket& socket) {
  std::vector<Message> messages;
  messages.push_back(BatchEdge(NFNL_MSG_BATCH_BEGIN));
  for (Message& change : changes_) messages.push_back(std::move(change));
  const size_t last_change = changes_.size();
  messages.push_back(BatchEdge(NFNL_MSG_BATCH_END));
  changes_.clear();
  if (last_change == 0) return absl::OkStatus();
  return WrapError(socket.ExecuteTogether(messages, last_change), "change nftables");
}

}  // namespace fairlead::netlink
