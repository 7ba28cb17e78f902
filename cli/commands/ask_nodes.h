// Asking every node the same question: answers with the node's name, failures told apart and kept.
#pragma once

#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/cluster.h"
#include "cli/text/proto_json.h"

namespace fairlead::cli {

// `ask(client)` returns a StatusOr<Reply>; all are asked at once, and the answers are in their order.
template <typename Reply, typename Ask>
std::vector<absl::StatusOr<Reply>> AskAtOnce(const std::vector<const NodeAgent*>& agents, const Ask& ask) {
  std::vector<std::future<absl::StatusOr<Reply>>> answers;
  for (const NodeAgent* agent : agents) {
    answers.push_back(std::async(std::launch::async, [&ask, agent] { return ask(agent->client); }));
  }
  std::vector<absl::StatusOr<Reply>> replies;
  for (auto& answer : answers) replies.push_back(answer.get());
  return replies;
}

inline std::vector<const NodeAgent*> PointersTo(const std::vector<NodeAgent>& agents) {
  std::vector<const NodeAgent*> pointers;
  for (const NodeAgent& agent : agents) pointers.push_back(&agent);
  return pointers;
}

// Likewise; those that fail are named on stderr and count in `failed`.
template <typename Reply, typename Ask>
std::vector<std::pair<std::string, Reply>> AskAll(const std::vector<NodeAgent>& agents,
                                                  const Context& context, const Ask& ask, int& failed) {
  std::vector<absl::StatusOr<Reply>> answers = AskAtOnce<Reply>(PointersTo(agents), ask);
  std::vector<std::pair<std::string, Reply>> replies;
  for (size_t i = 0; i < agents.size(); ++i) {
    const NodeAgent& agent = agents[i];
    absl::StatusOr<Reply>& reply = answers[i];
    if (reply.ok()) {
      replies.emplace_back(agent.node, *std::move(reply));
    } else {
      ++failed;
      std::cerr << context.error_style().Paint(Tone::kBad, agent.node) << ": " << reply.status().message()
                << "\n";
    }
  }
  return replies;
}

template <typename Reply, typename Ask>
std::vector<std::pair<std::string, Reply>> AskNodes(const Cluster& cluster, const Context& context,
                                                    const Ask& ask, int& failed) {
  return AskAll<Reply>(cluster.agents, context, ask, failed);
}

// {"node-1": {...}, "node-2": {...}}
template <typename Reply>
void PrintJson(const std::vector<std::pair<std::string, Reply>>& replies) {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [node, reply] : replies) all[node] = ToJson(reply);
  std::cout << all.dump(2) << "\n";
}

inline int ExitCode(int failed) {
  return failed == 0 ? 0 : kFailed;
}

}  // namespace fairlead::cli
