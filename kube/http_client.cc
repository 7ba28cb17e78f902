#include "kube/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status_macros.h"

namespace fairlead::kube {
namespace {

constexpr long kConnectTimeoutMs = 10'000;
// A host that vanished is noticed after 15 + 3 * 5 seconds, however silent the stream may be.
constexpr long kKeepaliveIdleSeconds = 15;
constexpr long kKeepaliveIntervalSeconds = 5;
constexpr long kStalledSeconds = 30;  // of a reply that is no stream
constexpr long kReplySeconds = 300;
constexpr long kStreamGraceSeconds = 30;
constexpr long kBufferBytes = 256 << 10;

struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Transfer {
  std::unique_ptr<CURL, EasyCleanup> easy;
  std::unique_ptr<curl_slist, ListCleanup> headers;
  HttpReceiver* receiver = nullptr;
  size_t server = 0;
  bool unwanted = false;
  bool cancelled = false;
  std::array<char, CURL_ERROR_SIZE> error{};
};

int StatusOf(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

// The headers end with an empty line.
size_t OnHeader(char* data, size_t, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  int status = StatusOf(transfer->easy.get());
  if (status >= 200 && absl::string_view(data, count) == "\r\n") transfer->receiver->OnReply(status);
  return count;
}

size_t OnBody(char* data, size_t, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  if (transfer->receiver->OnData(StatusOf(transfer->easy.get()), {data, count})) return count;
  transfer->unwanted = true;
  return 0;
}

void SetPem(CURL* easy, CURLoption file_option, CURLoption blob_option, const PemSource& pem) {
  if (!pem.data.empty()) {
    curl_blob blob{const_cast<char*>(pem.data.data()), pem.data.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy, blob_option, &blob);
  } else if (!pem.file.empty()) {
    curl_easy_setopt(easy, file_option, pem.file.c_str());
  }
}

}  // namespace

struct HttpClient::State {
  ApiAccess access;
  CURLM* multi = nullptr;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers;
  std::vector<std::pair<HttpReceiver*, HttpEnd>> failed;  // before they began
  size_t server = 0;

  absl::StatusOr<std::string> Token() const {
    if (access.token_file.empty()) return access.token;
    ASSIGN_OR_RETURN(std::string text, ReadFile(access.token_file));
    return std::string(absl::StripAsciiWhitespace(text));
  }

  absl::Status Begin(const HttpRequest& request, HttpReceiver* receiver);
  void SetUp(const HttpRequest& request, Transfer* transfer);
  void Finish(CURL* easy, CURLcode code);
  // Those that libcurl is done with. True: there was one.
  bool FinishDone();
};

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::Create(ApiAccess access) {
  if (access.servers.empty()) return absl::InvalidArgumentError("no API server is named");
  for (const std::string& server : access.servers) RETURN_IF_ERROR(CheckServer(server));
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  auto state = std::make_unique<State>();
  state->access = std::move(access);
  state->multi = initialised == CURLE_OK ? curl_multi_init() : nullptr;
  if (state->multi == nullptr) return absl::InternalError("libcurl cannot be initialised");
  return absl::WrapUnique(new HttpClient(std::move(state)));
}

HttpClient::HttpClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpClient::~HttpClient() {
  for (auto& [easy, transfer] : state_->transfers) curl_multi_remove_handle(state_->multi, easy);
  state_->transfers.clear();
  curl_multi_cleanup(state_->multi);
}

size_t HttpClient::server_count() const {
  return state_->access.servers.size();
}

void HttpClient::State::SetUp(const HttpRequest& request, Transfer* transfer) {
  CURL* easy = transfer->easy.get();
  curl_easy_setopt(easy, CURLOPT_URL, (access.servers[transfer->server] + request.path).c_str());
  if (!request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request.body.data());
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A connection a stream: one that stalls holds up no other.
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers.get());
  curl_easy_setopt(easy, CURLOPT_USERAGENT,
                   absl::StrCat(program_invocation_short_name, "/" FAIRLEAD_VERSION).c_str());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error.data());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  if (request.stream_seconds > 0) {
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, request.stream_seconds + kStreamGraceSeconds);
  } else if (request.timeout_ms > 0) {
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  } else {
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, kReplySeconds);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, kStalledSeconds);
  }
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request.wants_new_connection ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, access.verify_server ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, access.verify_server ? 2L : 0L);
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
  SetPem(easy, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB, access.ca);
  SetPem(easy, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB, access.client_certificate);
  SetPem(easy, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB, access.client_key);
}

absl::Status HttpClient::State::Begin(const HttpRequest& request, HttpReceiver* receiver) {
  ASSIGN_OR_RETURN(std::string token, Token());
  auto transfer = std::make_unique<Transfer>();
  transfer->easy.reset(curl_easy_init());
  if (transfer->easy == nullptr) return absl::InternalError("libcurl has no handle");
  transfer->receiver = receiver;
  transfer->server = server;
  curl_slist* headers = curl_slist_append(nullptr, absl::StrCat("Accept: ", request.accept).c_str());
  if (!request.body.empty())
    headers = curl_slist_append(headers, absl::StrCat("Content-Type: ", request.content_type).c_str());
  if (!token.empty())
    headers = curl_slist_append(headers, absl::StrCat("Authorization: Bearer ", token).c_str());
  transfer->headers.reset(headers);
  SetUp(request, transfer.get());
  CURL* easy = transfer->easy.get();
  curl_multi_add_handle(multi, easy);
  transfers.emplace(easy, std::move(transfer));
  return absl::OkStatus();
}

void HttpClient::Start(const HttpRequest& request, HttpReceiver* receiver) {
  absl::Status status = state_->Begin(request, receiver);
  if (!status.ok()) state_->failed.push_back({receiver, HttpEnd{0, std::string(status.message()), 0}});
}

void HttpClient::Cancel(HttpReceiver* receiver) {
  for (auto& [easy, transfer] : state_->transfers) {
    if (transfer->receiver == receiver) transfer->cancelled = true;
  }
}

void HttpClient::State::Finish(CURL* easy, CURLcode code) {
  std::unique_ptr<Transfer> transfer = std::move(transfers.at(easy));
  transfers.erase(easy);
  HttpEnd end;
  end.status = StatusOf(easy);
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
  end.retry_after_seconds = retry_after;
  const bool broke = code != CURLE_OK && !transfer->unwanted && !transfer->cancelled;
  if (broke) {
    const char* said = transfer->error[0] != '\0' ? transfer->error.data() : curl_easy_strerror(code);
    end.error = absl::StrCat(access.servers[transfer->server], ": ", said);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR) {
      absl::StrAppend(&end.error,
                      "; check that the CA that is named has signed the server's certificate, and the "
                      "server's client CA ours");
    }
  }
  const bool servers_fault = broke || end.status >= 500;
  if (servers_fault && transfer->server == server) server = (server + 1) % access.servers.size();
  curl_multi_remove_handle(multi, easy);
  transfer->receiver->OnEnd(end);
}

bool HttpClient::State::FinishDone() {
  bool any = false;
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Finish(message->easy_handle, message->data.result);
    any = true;
  }
  return any;
}

void HttpClient::Run(int timeout_ms) {
  // Whoever is told of an end may want something new at once: then there is nothing to wait for.
  bool ended = !state_->failed.empty();
  for (const auto& [receiver, end] : std::exchange(state_->failed, {})) receiver->OnEnd(end);
  std::vector<CURL*> cancelled;
  for (const auto& [easy, transfer] : state_->transfers) {
    if (transfer->cancelled) cancelled.push_back(easy);
  }
  for (CURL* easy : cancelled) state_->Finish(easy, CURLE_ABORTED_BY_CALLBACK);
  int running = 0;
  curl_multi_perform(state_->multi, &running);
  ended = state_->FinishDone() || ended || !cancelled.empty();
  if (!ended) curl_multi_poll(state_->multi, nullptr, 0, timeout_ms, nullptr);
}

void HttpClient::Wake() {
  curl_multi_wakeup(state_->multi);
}

}  // namespace fairlead::kube
