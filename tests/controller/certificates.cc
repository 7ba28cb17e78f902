#include "tests/controller/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace fairlead::controller {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Cert = std::unique_ptr<X509, decltype(&X509_free)>;

void AddExtension(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) std::abort();
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

constexpr long kHourS = 3600;

// Unsigned as yet; valid for two hours, until `end_s` from now.
Cert NewCertificate(const std::string& common_name, EVP_PKEY* key, long serial, long end_s = kHourS) {
  Cert cert(X509_new(), X509_free);
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), end_s - 2 * kHourS);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), end_s);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  X509_set_pubkey(cert.get(), key);
  return cert;
}

void WritePem(const std::string& path, EVP_PKEY* key, X509* cert) {
  FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) std::abort();
  if (key != nullptr) PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  if (cert != nullptr) PEM_write_X509(file, cert);
  std::fclose(file);
}

}  // namespace

struct TestCa::State {
  Key key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  Cert cert = NewCertificate("test CA", key.get(), 1);
};

TestCa::TestCa() : state_(std::make_unique<State>()) {
  X509* cert = state_->cert.get();
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  AddExtension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(cert, state_->key.get(), EVP_sha256());
  WritePem(folder_ / "ca.pem", nullptr, cert);
}

TestCa::~TestCa() = default;

TlsFiles TestCa::Sign(const std::string& common_name, const std::string& uri) {
  return Issue(common_name, uri, kHourS);
}

TlsFiles TestCa::SignExpired(const std::string& common_name) {
  return Issue(common_name, "", -kHourS);
}

TlsFiles TestCa::SignFor(const std::string& common_name, long seconds) {
  return Issue(common_name, "", seconds);
}

TlsFiles TestCa::Issue(const std::string& common_name, const std::string& uri, long end_s) {
  ++count_;
  Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  Cert cert = NewCertificate(common_name, key.get(), count_ + 1, end_s);
  X509_set_issuer_name(cert.get(), X509_get_subject_name(state_->cert.get()));
  AddExtension(cert.get(), state_->cert.get(), NID_subject_alt_name,
               "DNS:localhost,DNS:fairlead-controller,IP:127.0.0.1" + (uri.empty() ? "" : ",URI:" + uri));
  X509_sign(cert.get(), state_->key.get(), EVP_sha256());
  TlsFiles files{folder_ / "ca.pem", folder_ / ("cert-" + std::to_string(count_)),
                 folder_ / ("key-" + std::to_string(count_))};
  WritePem(files.cert, nullptr, cert.get());
  WritePem(files.key, key.get(), nullptr);
  return files;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace fairlead::controller
