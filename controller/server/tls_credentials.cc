#include "controller/server/tls_credentials.h"

#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "grpc/grpc.h"
#include "grpc/grpc_security.h"

namespace fairlead::controller {
namespace {

constexpr absl::string_view kOpenMethod = "/fairlead.identity.v1.Identity/Sign";
constexpr char kRefusal[] =
    "a client certificate is needed for this; only fairlead.identity.v1.Identity answers without one";

// What gRPC was given last, and the source of the next.
class Fetcher {
 public:
  explicit Fetcher(std::shared_ptr<TlsSource> source) : source_(std::move(source)) {}

  // gRPC calls it before each handshake; what it fails to give leaves the last in use.
  static grpc_ssl_certificate_config_reload_status Fetch(void* self,
                                                         grpc_ssl_server_certificate_config** config) {
    return static_cast<Fetcher*>(self)->Next(config);
  }

 private:
  grpc_ssl_certificate_config_reload_status Next(grpc_ssl_server_certificate_config** config) {
    auto texts = source_->Current();
    if (!texts.ok()) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    std::lock_guard<std::mutex> lock(mutex_);
    if (given_ != nullptr && **texts == *given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    given_ = *texts;
    const grpc_ssl_pem_key_cert_pair pair{given_->key.c_str(), given_->cert.c_str()};
    *config = grpc_ssl_server_certificate_config_create(given_->ca.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  std::shared_ptr<TlsSource> source_;
  std::mutex mutex_;
  std::shared_ptr<const TlsTexts> given_;  // guarded by mutex_
};

absl::string_view View(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

bool IsOpen(const grpc_metadata* metadata, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (View(metadata[i].key) == ":path") return View(metadata[i].value) == kOpenMethod;
  }
  return false;
}

void Admit(void*, grpc_auth_context* peer, const grpc_metadata* metadata, size_t count,
           grpc_process_auth_metadata_done_cb done, void* user_data) {
  const bool may_pass = grpc_auth_context_peer_is_authenticated(peer) != 0 || IsOpen(metadata, count);
  done(user_data, nullptr, 0, nullptr, 0, may_pass ? GRPC_STATUS_OK : GRPC_STATUS_UNAUTHENTICATED,
       may_pass ? nullptr : kRefusal);
}

void DeleteFetcher(void* fetcher) {
  delete static_cast<Fetcher*>(fetcher);
}

// The C credentials live as long as anything in gRPC uses them; the fetcher, the state of their processor,
// dies with them.
grpc_server_credentials* MakeCredentials(std::shared_ptr<TlsSource> source, ClientCertificate client) {
  auto* fetcher = new Fetcher(std::move(source));
  grpc_server_credentials* credentials = grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(
          client == ClientCertificate::kRequired ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                 : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY,
          &Fetcher::Fetch, fetcher));
  grpc_server_credentials_set_auth_metadata_processor(credentials, {&Admit, &DeleteFetcher, fetcher});
  return credentials;
}

// gRPC's C++ credentials take certificates once only; these hand on its C credentials, which ask for them.
class ReloadingCredentials : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(grpc_server_credentials* credentials)
      : credentials_(credentials, &grpc_server_credentials_release) {}

  // What admits calls is set for good.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_.get());
  }

  std::unique_ptr<grpc_server_credentials, decltype(&grpc_server_credentials_release)> credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(std::shared_ptr<TlsSource> source,
                                                            ClientCertificate client) {
  return std::make_shared<ReloadingCredentials>(MakeCredentials(std::move(source), client));
}

}  // namespace fairlead::controller
