#include "agent/http_server.h"

#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include "CivetServer.h"
#include "absl/strings/str_cat.h"
#include "agent/metrics.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);
constexpr char kTextType[] = "text/plain; charset=utf-8";
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

// Answers GET with the text that `ask` returns on the state thread, or with 503 and why not.
class TextHandler : public CivetHandler {
 public:
  using Ask = std::function<absl::StatusOr<std::string>()>;

  TextHandler(EventLoop* loop, const char* type, Ask ask) : loop_(loop), type_(type), ask_(std::move(ask)) {}

  bool handleGet(CivetServer*, mg_connection* connection) override {
    absl::StatusOr<absl::StatusOr<std::string>> answer =
        loop_->Call<absl::StatusOr<std::string>>(kPatience, ask_);
    const absl::Status status = answer.ok() ? answer->status() : answer.status();
    const std::string text = status.ok() ? **answer : absl::StrCat(std::string(status.message()), "\n");
    const std::string head =
        absl::StrCat("HTTP/1.1 ", status.ok() ? "200 OK" : "503 Service Unavailable",
                     "\r\nContent-Type: ", status.ok() ? type_ : kTextType,
                     "\r\nContent-Length: ", text.size(), "\r\nConnection: close\r\n\r\n");
    mg_write(connection, head.data(), head.size());
    mg_write(connection, text.data(), text.size());
    return true;
  }

 private:
  EventLoop* loop_;
  const char* type_;
  Ask ask_;
};

class Server : public HttpServer {
 public:
  Server(const std::string& version, EventLoop* loop, const NodeAgent* agent)
      : metrics_(loop, kMetricsType, [agent, version] { return MetricsText(*agent, version); }),
        health_(loop, kTextType, [] { return std::string("ok\n"); }),
        ready_(loop, kTextType, [agent]() -> absl::StatusOr<std::string> {
          RETURN_IF_ERROR(agent->Ready());
          return std::string("ok\n");
        }) {}

  absl::Status Listen(const std::string& listen) {
    try {
      server_ = std::make_unique<CivetServer>(std::vector<std::string>{
          "listening_ports", listen, "num_threads", "2", "request_timeout_ms", "10000"});
    } catch (const CivetException&) {
      return absl::UnavailableError(
          absl::StrCat("listen on ", listen,
                       " (--metrics-listen): the address is taken, malformed or not of this machine"));
    }
    server_->addHandler("/metrics", metrics_);
    server_->addHandler("/healthz", health_);
    server_->addHandler("/readyz", ready_);
    return absl::OkStatus();
  }

  int port() const override {
    const std::vector<int> ports = server_->getListeningPorts();
    return ports.empty() ? 0 : ports[0];
  }

 private:
  TextHandler metrics_;
  TextHandler health_;
  TextHandler ready_;
  std::unique_ptr<CivetServer> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& listen,
                                                              const std::string& version, EventLoop* loop,
                                                              const NodeAgent* agent) {
  auto server = std::make_unique<Server>(version, loop, agent);
  if (absl::Status status = server->Listen(listen); !status.ok()) return status;
  return server;
}

}  // namespace fairlead::agent
