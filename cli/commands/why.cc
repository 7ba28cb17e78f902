// fairlead why SRC DST: the datapath's own answer, stage by stage, on every node that the packet meets.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/first_few.h"
#include "base/status_macros.h"
#include "cli/cluster.h"
#include "cli/commands/command.h"
#include "cli/text/proto_json.h"
#include "cli/why/question.h"
#include "cli/why/remedy.h"

namespace fairlead::cli {
namespace {

using introspect::v1::WhyReply;
using introspect::v1::WhyRequest;

struct WhyOptions {
  std::string source;
  std::string destination;
  bool ipv6 = false;
  uint32_t source_port = 0;
};

struct Answer {
  std::string node;
  WhyReply reply;
  // The packet does not come here, as an earlier node refuses it; what would happen if it did.
  bool supposed = false;
};

bool Passed(const WhyReply& reply) {
  return reply.verdict() == observer::v1::FORWARDED;
}

WhyRequest RequestOf(const Question& question, const WhyOptions& options) {
  WhyRequest request;
  request.set_source(question.source_name);
  request.set_destination(question.destination_name);
  request.set_source_address(question.source.ToBytes());
  request.set_destination_address(question.destination.ToBytes());
  request.set_port(question.port);
  request.set_protocol(question.protocol);
  request.set_source_port(options.source_port);
  request.set_ipv6(!question.source.is_v4());
  return request;
}

// The agents on the packet's way, in order; each says who is next.
absl::StatusOr<std::vector<Answer>> Ask(const Cluster& cluster, const Question& question,
                                        WhyRequest request) {
  std::vector<Answer> answers;
  std::string node = question.node;
  const NodeAgent* agent = cluster.Find(node);
  if (agent == nullptr && cluster.agents.size() == 1) agent = &cluster.agents[0];
  if (agent == nullptr) {
    return absl::NotFoundError(absl::StrCat("neither ", question.source_name, " nor ",
                                            question.destination_name, " is on a node that can be asked"));
  }
  while (agent != nullptr && answers.size() < 3) {
    ASSIGN_OR_RETURN(WhyReply reply, agent->client.Why(request));
    const std::string next = reply.next_node();
    // The next node sees the packet as this one sends it.
    if (!reply.source().empty()) request.set_source_address(reply.source());
    if (!reply.destination().empty()) request.set_destination_address(reply.destination());
    if (reply.destination_port() != 0) request.set_port(reply.destination_port());
    const bool goes_on = Passed(reply) && !next.empty() && next != agent->node;
    answers.push_back({agent->node, std::move(reply)});
    agent = goes_on ? cluster.Find(next) : nullptr;
  }
  return answers;
}

// Who is refused by the source's policies may be refused by the destination's as well, and the change that
// would allow it has to name both. On one node the programs stop at the first refusal; another can be asked.
void AskBeyondEgress(const Cluster& cluster, const Names& names, WhyRequest request,
                     std::vector<Answer>& answers) {
  const Answer& last = answers.back();
  if (!absl::StrContains(last.reply.reason(), "egress policy")) return;
  const std::string& bytes = last.reply.destination();
  const auto address = IpAddress::FromBytes(absl::string_view(bytes.data(), bytes.size()));
  const NamedAddress* pod = address.ok() ? names.Find(*address) : nullptr;
  const NodeAgent* agent = pod == nullptr || pod->node == last.node ? nullptr : cluster.Find(pod->node);
  if (agent == nullptr) return;
  request.set_destination_address(bytes);
  if (last.reply.destination_port() != 0) request.set_port(last.reply.destination_port());
  auto reply = agent->client.Why(request);
  if (reply.ok()) answers.push_back({agent->node, *std::move(reply), true});
}

std::string OriginText(const control::v1::RuleOrigin& origin) {
  if (origin.kind().empty() && origin.name().empty()) return "";
  std::string text = absl::StrCat(origin.kind(), " ", origin.namespace_(), "/", origin.name());
  if (origin.isolating_size() > 0)
    text = absl::StrCat(origin.kind(), " ", FirstFew({origin.isolating().begin(), origin.isolating().end()}));
  if (!origin.place().empty()) absl::StrAppend(&text, ", ", origin.place());
  return text;
}

RemedySide SideOf(const Names& names, const std::string& bytes) {
  RemedySide side;
  const auto address = IpAddress::FromBytes(absl::string_view(bytes.data(), bytes.size()));
  if (!address.ok()) return side;
  side.address = *address;
  const NamedAddress* named = names.Find(*address);
  if (named == nullptr || named->kind != "pod" || named->host_network) return side;
  const std::vector<std::string> parts = absl::StrSplit(named->name, '/');
  side.is_pod = parts.size() == 2;
  side.namespace_name = parts[0];
  side.name = parts.back();
  side.labels = named->labels;
  return side;
}

// Fills the remedy in where policy refused and the agent left it to us, who know the labels.
void AddRemedy(WhyReply& reply, const Question& question, const Names& names) {
  const bool ingress = absl::StrContains(reply.reason(), "ingress policy");
  if (!reply.remedy_yaml().empty() || (!ingress && !absl::StrContains(reply.reason(), "egress policy")))
    return;
  const RemedyRequest request{
      .ingress = ingress,
      .source = SideOf(names, reply.source().empty() ? question.source.ToBytes() : reply.source()),
      .destination =
          SideOf(names, reply.destination().empty() ? question.destination.ToBytes() : reply.destination()),
      .protocol = question.protocol,
      .port =
          static_cast<uint16_t>(reply.destination_port() != 0 ? reply.destination_port() : question.port)};
  if (!(ingress ? request.destination : request.source).is_pod) return;
  reply.set_remedy(RemedyText(request));
  reply.set_remedy_yaml(RemedyYaml(request));
}

void PrintStages(const Answer& answer, bool several, const Style& style) {
  if (several) {
    const char* supposed = answer.supposed ? ", if it came so far" : "";
    std::cout << style.Paint(Tone::kFaint, absl::StrCat("on ", answer.node, supposed)) << "\n";
  }
  for (const auto& stage : answer.reply.stages()) {
    std::cout << "  " << (stage.passed() ? style.Paint(Tone::kGood, "✓") : style.Paint(Tone::kBad, "✗"))
              << " " << absl::StrFormat("%-14s", stage.name()) << " " << stage.detail();
    if (!stage.entry().empty())
      std::cout << "  " << style.Paint(Tone::kFaint, absl::StrCat("[", stage.entry(), "]"));
    std::cout << "\n";
  }
  const std::string origin = OriginText(answer.reply.origin());
  if (!origin.empty()) {
    std::cout << "    " << (Passed(answer.reply) ? "allowed by " : "denied by ")
              << style.Paint(Tone::kName, origin) << "\n";
  }
}

// The node that refuses, or the last one.
const WhyReply& VerdictOf(const std::vector<Answer>& answers) {
  for (const Answer& answer : answers) {
    if (!Passed(answer.reply)) return answer.reply;
  }
  return answers.back().reply;
}

// Every policy that is needed, as documents of one file.
std::string RemedyYamlOf(const std::vector<Answer>& answers) {
  std::string yaml;
  for (const Answer& answer : answers) {
    if (answer.reply.remedy_yaml().empty()) continue;
    absl::StrAppend(&yaml, yaml.empty() ? "" : "---\n", answer.reply.remedy_yaml());
  }
  return yaml;
}

// Where it arrives, with the port where the protocol has ports.
std::string EndOf(const Question& question, const WhyReply& reply, const Names& names) {
  if (reply.destination().empty()) return question.destination_name;
  return NamedPortText(names, "", reply.destination(), question.protocol == 1 ? 0 : reply.destination_port());
}

void PrintText(const Question& question, const std::vector<Answer>& answers, const Names& names,
               const Style& style) {
  if (!question.note.empty())
    std::cout << style.Paint(Tone::kFaint, absl::StrCat("(", question.note, ")")) << "\n";
  const std::string destination = question.protocol == 1
                                      ? question.destination.ToString()
                                      : AddressPort(question.destination.ToBytes(), question.port);
  std::cout << style.Paint(Tone::kName, question.source_name) << " (" << question.source.ToString() << ") → "
            << style.Paint(Tone::kName, question.destination_name) << " (" << destination << ") "
            << ProtocolName(question.protocol) << "\n";
  for (const Answer& answer : answers) PrintStages(answer, answers.size() > 1, style);
  const WhyReply& verdict = VerdictOf(answers);
  if (Passed(verdict)) {
    std::cout << style.Paint(Tone::kGood, "allowed") << ": it reaches " << EndOf(question, verdict, names)
              << "\n";
    return;
  }
  std::cout << style.Paint(Tone::kBad, verdict.verdict() == observer::v1::REJECTED ? "rejected" : "denied")
            << ": " << verdict.reason() << "\n";
  std::string yaml;
  for (const Answer& answer : answers) {
    // Without a policy to add, it is what the reason means.
    const char* prefix = answer.reply.remedy_yaml().empty() ? "" : "to allow it: ";
    if (!answer.reply.remedy().empty()) std::cout << prefix << answer.reply.remedy() << "\n";
  }
  for (const absl::string_view line : absl::StrSplit(RemedyYamlOf(answers), '\n', absl::SkipEmpty())) {
    std::cout << (yaml.empty() ? "\n" : "") << "    " << style.Paint(Tone::kFaint, line) << "\n";
    yaml = std::string(line);
  }
  if (absl::StrContains(verdict.reason(), "egress policy") && answers.size() == 1) {
    std::cout << style.Paint(Tone::kFaint,
                             "(the destination's policies were not asked; ask again after the change)")
              << "\n";
  }
}

void PrintJson(const Question& question, const std::vector<Answer>& answers) {
  nlohmann::json hops = nlohmann::json::array();
  for (const Answer& answer : answers) {
    nlohmann::json hop = ToJson(answer.reply);
    hop["node"] = answer.node;
    hop["supposed"] = answer.supposed;
    hops.push_back(hop);
  }
  const WhyReply& verdict = VerdictOf(answers);
  std::cout << nlohmann::json{{"source", question.source_name},
                              {"sourceAddress", question.source.ToString()},
                              {"destination", question.destination_name},
                              {"destinationAddress", question.destination.ToString()},
                              {"port", question.port},
                              {"protocol", question.protocol},
                              {"allowed", Passed(verdict)},
                              {"reason", verdict.reason()},
                              {"remedy", verdict.remedy()},
                              {"remedyYaml", RemedyYamlOf(answers)},
                              {"hops", hops}}
                   .dump(2)
            << "\n";
}

absl::StatusOr<int> Why(const WhyOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const Place source, ParsePlace(options.source));
  ASSIGN_OR_RETURN(const Place destination, ParsePlace(options.destination));
  ASSIGN_OR_RETURN(const Cluster cluster, Cluster::Open(context));
  const Names names = cluster.LoadNames();
  ASSIGN_OR_RETURN(const Question question, Resolve(source, destination, names, {.ipv6 = options.ipv6}));
  const WhyRequest request = RequestOf(question, options);
  ASSIGN_OR_RETURN(std::vector<Answer> answers, Ask(cluster, question, request));
  AskBeyondEgress(cluster, names, request, answers);
  for (Answer& answer : answers) AddRemedy(answer.reply, question, names);
  if (context.json()) {
    PrintJson(question, answers);
  } else {
    PrintText(question, answers, names, context.style());
  }
  return Passed(VerdictOf(answers)) ? 0 : kFailed;
}

}  // namespace

void AddWhyCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<WhyOptions>();
  CLI::App* why = app.add_subcommand("why", "why a connection passes or not, by the datapath's own code");
  why->add_option("SRC", options->source, "NAMESPACE/POD, a node, outside (of a lab), or an address")
      ->required();
  why->add_option("DST", options->destination,
                  "NAMESPACE/POD or NAMESPACE/SERVICE, a node, outside, or an address; then [:PORT][/udp]")
      ->required();
  AddOutputOption(why, context);
  why->add_flag("-6,--ipv6", options->ipv6, "IPv6 where both ends have both families");
  why->add_option("--source-port", options->source_port,
                  "of the connection; default: one that no connection uses")
      ->check(CLI::Range(1, 65535));
  why->footer(
      "Nothing is sent: the programs run on a made-up packet against the live maps. Exit code 0: it would "
      "pass;\n"
      "1: it would not. A pod and a Service of one name are told apart by pod/NS/NAME and svc/NS/NAME.\n\n"
      "Examples:\n"
      "  fairlead why shop/frontend-0 shop/cart:80\n"
      "  fairlead why intruder/shell shop/database:5432\n"
      "  fairlead why 203.0.113.10 node-1:30080\n"
      "  fairlead why shop/cart-0 10.96.0.10:53/udp -o json");
  OnRun(why, context, [options, &context] { return Why(*options, context); });
}

}  // namespace fairlead::cli
